"""场景与规则集的清单: what is public, what is on its way, every revision there was, and pausing, resuming, retiring."""

from __future__ import annotations

from flask import redirect, request
from werkzeug.wrappers import Response

from haihe.domain.errors import NotFound
from haihe.domain.scenario_changes import in_words
from haihe.domain.scenarios import ScenarioState
from haihe.usecases.drafting import RULEBOOK, SCENARIO, begin_draft, open_drafts, public_scenario
from haihe.usecases.reviewing import announced_rulebooks
from haihe.usecases.scenario_life import (
    MOVES,
    latest_revisions,
    move_scenario,
    published_rulebooks,
    revisions_of,
)
from haihe.web.admin.pages.lock import ConsolePages, page, staff
from haihe.web.context import context

blp = ConsolePages("scenarios", __name__)
STATES = {
    ScenarioState.PUBLISHED: ("已发布", "good", "check"),
    ScenarioState.PAUSED: ("已暂停", "wait", "pause"),
    ScenarioState.RETIRED: ("已停用", "mute", "ban"),
}
blp.add_app_template_global(STATES, "SCENARIO_STATES")


@blp.get("/scenarios")
def scenarios() -> Response:
    """Every scenario, searchable, with the drafts on their way."""
    asked = request.args.get("q", "").strip()[:64]
    rows = [r for r in latest_revisions() if asked in f"{r.code} {r.body.get('name')} {r.body.get('domain')}"]
    return page("scenarios.html", rows=rows, drafts=open_drafts(SCENARIO), q=asked)


@blp.post("/scenarios")
def begin() -> Response:
    """Begin a draft, of a new benefit or of what is public."""
    revision = request.form.get("revision", "")
    draft = begin_draft(
        SCENARIO,
        request.form.get("code", "").strip()[:32],
        staff(),
        context().now(),
        int(revision) if revision.isascii() and revision.isdigit() and len(revision) < 9 else None,
    )
    return redirect(f"/console/drafts/{draft.id}", 303)


@blp.get("/scenarios/<code>")
def scenario(code: str) -> Response:
    """One scenario as it is public now, and every revision of it."""
    revisions = revisions_of(code)
    if not revisions:
        raise NotFound("SCENARIO_NOT_FOUND", "没有这个场景")
    public = public_scenario(context(), code)
    drafts = [d for d in open_drafts(SCENARIO) if d.code == code]
    return page(
        "scenario.html",
        code=code,
        revisions=revisions,
        words=in_words(public) if public else {},
        drafts=drafts,
    )


@blp.post("/scenarios/<code>/<deed>")
def move(code: str, deed: str) -> Response:
    """Pause, resume or retire."""
    if deed not in MOVES:
        raise NotFound("NOT_FOUND", "没有这个页面")
    ctx = context()
    move_scenario(ctx, code, deed, request.form.get("reason", ""), staff(), ctx.now())
    return redirect(f"/console/scenarios/{code}", 303)


@blp.get("/rulebooks")
def rulebooks() -> Response:
    """Every rulebook, in force and to come."""
    at = context().now()
    return page(
        "rulebooks.html",
        rows=published_rulebooks(),
        drafts=open_drafts(RULEBOOK),
        announced=announced_rulebooks(at),
    )


@blp.post("/rulebooks")
def begin_rulebook() -> Response:
    """Begin a draft of the next rulebook from the last one."""
    draft = begin_draft(RULEBOOK, request.form.get("code", "").strip()[:32], staff(), context().now())
    return redirect(f"/console/drafts/{draft.id}", 303)
