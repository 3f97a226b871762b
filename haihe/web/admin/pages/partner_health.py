"""运行与告警页: asked, told yes, ordered, kept — for each scenario and each merchant, over thirty days."""

from __future__ import annotations

from werkzeug.wrappers import Response

from haihe.usecases.partner_health import Health, health_board
from haihe.web.admin.pages.export import csv_file
from haihe.web.admin.pages.lock import ConsolePages, page
from haihe.web.admin.pages.partners import judge
from haihe.web.context import context

blp = ConsolePages("partner_health", __name__)
ALARMS = {
    "ASKED_TOO_OFTEN": "对同一位居民问得过于频繁",
    "UNKNOWN_CODES": "试了太多不存在的信用码",
}
FEW = "少于 20"
COLUMNS = ("商户", "场景", "询问", "可以", "开单", "守约", "沉默")


@blp.get("/partners/health")
def health() -> Response:
    """The board."""
    ctx = context()
    return page("partner_health.html", board=health_board(ctx, judge(), ctx.now()), ALARMS=ALARMS)


@blp.get("/partners/health.csv")
def export() -> Response:
    """The same by merchant, for a spreadsheet."""
    ctx = context()
    return csv_file("partner-health", COLUMNS, map(_row, health_board(ctx, judge(), ctx.now()).merchants))


def _row(h: Health) -> tuple[object, ...]:
    numbers = (FEW if n is None else n for n in (h.asked, h.eligible, h.opened, h.kept))
    return (h.name, h.scenario, *numbers, "是" if h.silent else "")
