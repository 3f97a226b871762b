"""看板页: points and grades, reach and use, questions, imports, objections. Every picture is drawn inside the table that it shows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import redirect
from werkzeug.wrappers import Response

from haihe.domain.errors import NotFound
from haihe.usecases.city_jobs import CityQuestion, ask_city
from haihe.usecases.dashboards import dashboard
from haihe.web.admin.pages.doors import REPORTERS
from haihe.web.admin.pages.export import csv_file
from haihe.web.admin.pages.lock import ConsolePages, page, staff
from haihe.web.context import context

blp = ConsolePages("dashboards", __name__)


@blp.app_template_filter("share_of")
def share_of(group: Mapping[str, Any]) -> float | None:
    """The part of a group that a benefit reaches; None where it is not told."""
    reached, people = group.get("reached"), group.get("people")
    return None if reached is None or not people else reached / people


@blp.app_template_filter("percent")
def percent(share: float | None) -> str:
    """A share as people read it."""
    return "—" if share is None else f"{share * 100:.1f}%"


@blp.get("/dashboards")
def view() -> Response:
    """The city in numbers."""
    ctx = context()
    seen = dashboard(ctx, ctx.now())
    return page("dashboards.html", d=seen, r=seen.report, may_report=staff().role in REPORTERS)


@blp.post("/dashboards")
def ask_report() -> Response:
    """Have the report worked out anew, from the data of today."""
    ctx = context()
    ask_city(ctx, CityQuestion.REPORT, None, None, ctx.now(), staff().actor)
    return redirect("/console/dashboards", 303)


@blp.get("/dashboards/reach.csv")
def reach_file() -> Response:
    """The reach of every scenario in every district and age band."""
    ctx = context()
    report = dashboard(ctx, ctx.now()).report or {"reach": []}
    rows = [
        (r["scenario"], r["name"], kind, g["name"], g["people"], g["reached"], percent(share_of(g)))
        for r in report["reach"]
        for kind, groups in (("全市", [r["whole"]]), ("区", r["districts"]), ("年龄", r["ages"]))
        for g in groups
    ]
    return csv_file("reach", ("场景", "名称", "分组", "组", "人数", "可用人数", "占比"), rows)


@blp.get("/dashboards/<code>")
def scenario(code: str) -> Response:
    """How far one scenario reaches into each district and age band."""
    ctx = context()
    seen = dashboard(ctx, ctx.now())
    found = [r for r in (seen.report or {"reach": []})["reach"] if r["scenario"] == code]
    if not found:
        raise NotFound("SCENARIO_NOT_FOUND", "最近的报告里没有这个场景；新上线的场景要等下一次报告")
    return page("dashboard_scenario.html", one=found[0], r=seen.report, use=seen.uses.get(code))
