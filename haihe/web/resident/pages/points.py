"""首页、得分明细与积分变动: the points at a glance, why they are what they are, and how they have moved."""

from __future__ import annotations

from flask import request
from werkzeug.wrappers import Response as AnyResponse

from haihe.domain.explaining import ScoreExplanation
from haihe.domain.helping import Scope
from haihe.usecases.context import day_of
from haihe.usecases.inbox import count_new
from haihe.usecases.own_orders import running_orders_of
from haihe.usecases.points_over_time import points_over_time
from haihe.usecases.reviewing import announced_rulebooks
from haihe.usecases.show_benefits import show_benefits
from haihe.usecases.show_points import show_ledger, show_points
from haihe.web.bodies import LARGEST_ID
from haihe.web.context import context
from haihe.web.resident.acting import acting_here
from haihe.web.resident.pages.door import MemberPages, member, page
from haihe.web.resident.pages.drawing import curve, radar, radar_grid, ring

blp = MemberPages("points", __name__)
SHOWN_AT_HOME = 3
ENTRIES_A_PAGE = 30


@blp.get("")
def home() -> AnyResponse:
    """The points and their ring, what can be used now, and what is nearest."""
    caller = member()
    ctx = context()
    at = ctx.now()
    shown = show_points(ctx, caller.resident_id, at)
    benefits = show_benefits(ctx, caller.resident_id, at)
    usable = [b for b in benefits if b.eligible]
    nearest = [b for b in benefits if not b.eligible and b.gap]
    return page(
        "home.html",
        "home",
        points=shown,
        told=shown.explanation,
        ring=ring(shown.explanation.total),
        spokes=radar(shown.explanation.dimensions),
        grid=radar_grid(len(shown.explanation.dimensions)),
        usable=usable[:SHOWN_AT_HOME],
        usable_count=len(usable),
        nearest=nearest[:SHOWN_AT_HOME],
        running=running_orders_of(ctx, caller.resident_id)[:SHOWN_AT_HOME] if _orders_too() else [],
        unread=count_new(caller.resident_id),
        announced=[(d.starts_on, d.code) for d in announced_rulebooks(at)],
        coming=shown.explanation.next_changes[:SHOWN_AT_HOME],
    )


@blp.get("/points")
def lines() -> AnyResponse:
    """Every line, dimension by dimension, with its record, department and legal basis."""
    caller = member()
    ctx = context()
    shown = show_points(ctx, caller.resident_id, ctx.now())
    return page(
        "points.html",
        "points",
        points=shown,
        told=shown.explanation,
        lines=_by_dimension(shown.explanation, shown.lines),
    )


@blp.get("/ledger")
def ledger() -> AnyResponse:
    """The curve of two years and every change with its cause, newest first."""
    caller = member()
    ctx = context()
    at = ctx.now()
    before = request.args.get("before", "")
    cursor = int(before) if before.isdecimal() and 0 < int(before) <= LARGEST_ID else None
    entries, following = show_ledger(ctx, caller.resident_id, cursor, ENTRIES_A_PAGE, at)
    drawn = curve(points_over_time(caller.resident_id, at), day_of(at))
    return page(
        "ledger.html", "points", entries=entries, following=following, curve=drawn, first=cursor is None
    )


def _orders_too() -> bool:
    acting = acting_here()
    return acting is None or Scope.ORDER in acting.scopes


def _by_dimension(told: ScoreExplanation, shown: tuple) -> dict[str, list]:  # type: ignore[type-arg]
    return {d.code: [line for line in shown if line.dimension == d.code] for d in told.dimensions}
