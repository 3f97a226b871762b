"""优惠与信用码: browse, see what is missing and what would help, show the code, and see at once what became of it."""

from __future__ import annotations

from datetime import UTC, datetime

from flask import Response, request
from werkzeug.wrappers import Response as AnyResponse

from haihe.domain.errors import HaiheError
from haihe.domain.passes import ANSWER_HOLDS
from haihe.storage.db import db
from haihe.storage.residents import Resident
from haihe.usecases.context import Context
from haihe.usecases.issue_pass import issue_pass
from haihe.usecases.look_ahead import way_to
from haihe.usecases.own_orders import order_of_decision
from haihe.usecases.show_benefits import ShownBenefit, show_benefit, show_benefits
from haihe.usecases.where_to_use import where_to_use
from haihe.usecases.who_asked import Asked, latest_question
from haihe.web.context import context
from haihe.web.resident.pages.door import MemberPages, member, page
from haihe.web.resident.passes import draw_pass

blp = MemberPages("benefits", __name__)
MILLISECONDS = 1000
NO_CONTENT = 204


@blp.get("/benefits")
def benefits() -> AnyResponse:
    """Eligible first, then almost, then the rest with what is missing; one domain at a time if wished."""
    caller = member()
    ctx = context()
    shown = show_benefits(ctx, caller.resident_id, ctx.now())
    domains = list(dict.fromkeys(b.scenario.domain for b in shown))
    chosen = request.args.get("domain", "")
    if chosen in domains:
        shown = [b for b in shown if b.scenario.domain == chosen]
    return page(
        "benefits.html",
        "benefits",
        groups=[
            ("现在可以使用", [b for b in shown if b.eligible]),
            ("还差一点", [b for b in shown if not b.eligible and b.gap]),
            ("其他", [b for b in shown if not b.eligible and not b.gap]),
        ],
        domains=domains,
        chosen=chosen,
    )


@blp.get("/benefits/<string:code>")
def benefit(code: str) -> AnyResponse:
    """One benefit: what it gives, what is missing, what would help, where to use it, and what everybody gets anyway."""
    caller = member()
    ctx = context()
    way = way_to(ctx, caller.resident_id, code, ctx.now())
    home = db.session.get_one(Resident, caller.resident_id).district
    return page(
        "benefit.html", "benefits", b=way.benefit, way=way, places=where_to_use(way.benefit.scenario, home)
    )


@blp.post("/benefits/<string:code>/pass")
def show_pass(code: str) -> AnyResponse:
    """A fresh code. The page asks for the next one by itself before this one ends, and looks whether it was scanned."""
    caller = member()
    ctx = context()
    at = ctx.now()
    partial = "HX-Request" in request.headers
    try:
        issued = issue_pass(ctx, caller.resident_id, code, at)
    except HaiheError as error:
        if not partial:
            raise
        return page("pass_stopped.html", "", code=code, detail=error.detail)
    return page(
        "pass_card.html" if partial else "pass.html",
        "benefits",
        issued=issued,
        b=issued.benefit,
        digits=_grouped(issued.code),
        qr=draw_pass(issued.code),
        since=int(at.timestamp() * MILLISECONDS),
    )


@blp.get("/benefits/<string:code>/pass/<int:since>")
def watch_pass(code: str, since: int) -> AnyResponse:
    """What became of the code shown since then: the answer, then the order. Nothing while there is nothing new."""
    caller = member()
    ctx = context()
    benefit = show_benefit(ctx, caller.resident_id, code, ctx.now())
    asked = _asked_since(ctx, caller.resident_id, benefit, since)
    if asked is None:
        return Response(status=NO_CONTENT)
    own = order_of_decision(ctx, caller.resident_id, asked.decision_id) if asked.eligible else None
    waits = ctx.now() < asked.at + ANSWER_HOLDS
    if own is None and waits and request.args.get("seen") == "answer":
        return Response(status=NO_CONTENT)
    return page("pass_used.html", "", asked=asked, b=benefit, own=own, waits=waits, since=since)


def _asked_since(ctx: Context, resident_id: int, benefit: ShownBenefit, since: int) -> Asked | None:
    started = datetime.fromtimestamp(min(since, 1 << 42) / MILLISECONDS, UTC)
    return latest_question(ctx, resident_id, benefit.scenario.code, started)


def _grouped(code: str) -> str:
    """The digits in threes, as people read them aloud."""
    return " ".join(code[i : i + 3] for i in range(0, len(code), 3))
