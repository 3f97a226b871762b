"""草稿页: write a scenario or a rulebook, see what is wrong, try it, hand it in; another person approves or gives it back."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from difflib import unified_diff
from typing import Any

from flask import redirect, request
from werkzeug.wrappers import Response

from haihe.domain.criteria import Criterion
from haihe.domain.districts import DISTRICTS
from haihe.domain.eligibility import decide
from haihe.domain.errors import InvalidInput
from haihe.domain.explaining import explain_decision
from haihe.domain.facts import Facts
from haihe.domain.golden_cases import ADULT_BORN
from haihe.domain.reading import Fault, InvalidRules
from haihe.domain.scenario_changes import BENEFIT_NAMES, SHARED_PERIOD_NAMES, changes
from haihe.domain.scenario_reader import DOMAINS, SENSITIVE_LABELS
from haihe.domain.scenarios import Scenario
from haihe.storage.drafts import Draft
from haihe.usecases.city_jobs import city_job
from haihe.usecases.context import day_of
from haihe.usecases.drafting import (
    CHANGEABLE,
    SCENARIO,
    DraftChanged,
    change_draft,
    draft_of_job,
    drop_draft,
    get_draft,
    last_rulebook_text,
    may_change,
    public_scenario,
    read_draft,
    read_written,
    submit_draft,
    try_on_city,
)
from haihe.usecases.fault_lines import with_lines
from haihe.usecases.reviewing import approve_draft, check_golden, return_draft
from haihe.usecases.staff_login import Role
from haihe.web.admin.pages.lock import ConsolePages, page, staff
from haihe.web.admin.pages.scenario_form import (
    GROUPS,
    KIND_NAMES,
    body_of,
    field_of,
    parts_of,
    rework,
    told_faults,
    yuan_of,
)
from haihe.web.context import context

blp = ConsolePages("drafts", __name__)
blp.add_app_template_global(parts_of, "parts_of")
blp.add_app_template_global(field_of, "field_of")
blp.add_app_template_filter(yuan_of, "yuan_of")

STATES = {
    "DRAFT": ("起草中", "mute", "pencil"),
    "RETURNED": ("已退回，待修改", "wait", "undo-2"),
    "IN_REVIEW": ("待审批", "wait", "clock"),
    "SCHEDULED": ("已批准，待生效", "good", "calendar"),
    "PUBLISHED": ("已发布", "good", "check"),
    "DROPPED": ("已放弃", "mute", "x"),
}
blp.add_app_template_global(STATES, "DRAFT_STATES")
LARGEST_TEXT = 256 << 10


@blp.get("/drafts/<int:draft_id>")
def view(draft_id: int) -> Response:
    """The form for whoever may change the draft now; for everybody else what it says and how it fares."""
    draft = get_draft(draft_id)
    caller = staff()
    if caller.role is Role.SCENARIO_EDITOR and draft.state in CHANGEABLE and may_change(draft, caller):
        faults = read_draft(context(), draft, context().now()).faults if draft.version > 1 else ()
        return _form(draft, draft.written, faults)
    return _review(draft)


@blp.post("/drafts/<int:draft_id>")
def save(draft_id: int) -> Response:
    """Keep what was typed, and do what the button says: a part more or less, a trial on the city, handing it in."""
    ctx, draft = context(), get_draft(draft_id)
    do, version = request.form.get("do", "save"), _version()
    written: Any = request.form.get("text", "").replace("\r\n", "\n")[:LARGEST_TEXT]
    if draft.kind == SCENARIO:
        written = rework(body_of(request.form, draft.code), do, request.form)
    try:
        draft = change_draft(draft_id, version, written, staff(), ctx.now())
        if do == "try":
            job = try_on_city(ctx, draft_id, staff(), ctx.now())
            return redirect(f"/console/trials/{job}", 303)
        if do == "submit":
            submit_draft(ctx, draft_id, draft.version, staff(), ctx.now())
            return redirect(f"/console/drafts/{draft_id}", 303)
    except DraftChanged as error:
        return _conflict(error.draft, written)
    except InvalidRules as error:
        return _form(get_draft(draft_id), written, error.faults, 422)
    if do == "save" or "|" in do:
        # The page is reached again by its address, so that going back never sends the form twice.
        return redirect(f"/console/drafts/{draft_id}#{_anchor(do)}", 303)
    return redirect(f"/console/drafts/{draft_id}", 303)


@blp.get("/drafts/<int:draft_id>/review")
def review(draft_id: int) -> Response:
    """What the draft says against what is public, what the golden cases and the city say of it."""
    return _review(get_draft(draft_id))


@blp.post("/drafts/<int:draft_id>/approve")
def approve(draft_id: int) -> Response:
    """Let it go live, now or on a day."""
    ctx = context()
    day = request.form.get("starts_on", "").strip()
    try:
        starts_on = date.fromisoformat(day) if day else None
    except ValueError:
        raise InvalidInput("STARTS_ON_INVALID", "上线日期应写成 2027-01-01 的样子", "starts_on") from None
    approve_draft(ctx, draft_id, _version(), starts_on, staff(), ctx.now())
    return redirect(f"/console/drafts/{draft_id}", 303)


@blp.post("/drafts/<int:draft_id>/return")
def give_back(draft_id: int) -> Response:
    """Give it back with a reason."""
    return_draft(draft_id, _version(), request.form.get("reason", ""), staff(), context().now())
    return redirect(f"/console/drafts/{draft_id}", 303)


@blp.post("/drafts/<int:draft_id>/drop")
def drop(draft_id: int) -> Response:
    """Give the draft up."""
    draft = get_draft(draft_id)
    drop_draft(draft_id, staff(), context().now())
    return redirect("/console/scenarios" if draft.kind == SCENARIO else "/console/rulebooks", 303)


@blp.get("/trials/<int:job_id>")
def trial(job_id: int) -> Response:
    """How far a trial on the whole city has come, and what it found."""
    job = city_job(job_id)
    return page("trial.html", job=job, draft=draft_of_job(job_id))


def _form(draft: Draft, written: Any, faults: Iterable[Fault], status: int = 200, **more: Any) -> Response:
    faults = list(faults)
    if draft.kind == SCENARIO:
        faults = told_faults(written, faults)
    else:
        lines = with_lines(str(written), faults)
        return page(
            "rulebook_edit.html", status, draft=draft, text=written, lines=lines, faults=faults, **more
        )

    def wrong(place: str, within: bool = True) -> str:
        told = [
            f.detail + (f"（{f.basis}）" if f.basis else "")
            for f in faults
            if f.place == place or (within and f.place.startswith((f"{place}.", f"{place}[")))
        ]
        return "；".join(dict.fromkeys(told))

    ctx = context()
    return page(
        "scenario_edit.html",
        status,
        draft=draft,
        body=written,
        faults=faults,
        wrong=wrong,
        sentence=_sentence(written),
        rulebook=ctx.rules.up_to_date().rulebook(day_of(ctx.now())),
        **CHOICES,
        **more,
    )


CHOICES: dict[str, Any] = {
    "DOMAIN_PAIRS": [(d, d) for d in DOMAINS],
    "BENEFITS": BENEFIT_NAMES,
    "DISTRICTS": DISTRICTS,
    "KINDS": KIND_NAMES,
    "GROUPS": GROUPS,
    "SENSITIVE": SENSITIVE_LABELS,
    "PERIODS": {"RUNNING": "同时进行", "MONTH": "每月", "YEAR": "每年"},
    "SHARED_PERIODS": SHARED_PERIOD_NAMES,
}


def _sentence(written: Any) -> str:
    """The criteria read aloud, as far as they can be read."""
    harmless = {
        "code": "X",
        "name": "X",
        "domain": "购物",
        "lead_department": "X",
        "partner_kind": "X",
        "benefit_type": "DISCOUNT",
        "valid_from": "2026-01-01",
        "default_terms": "X",
        "legal_note": "X",
        "pia_reference": "X",
        "offers": [{"label": "X", "ceiling_fen": 1}],
    }
    ctx = context()
    try:
        criterion: Criterion = read_written(
            ctx, {**harmless, "criteria": written["criteria"]}, ctx.now()
        ).criterion
    except InvalidRules:
        return ""
    return criterion.sentence()


def _conflict(draft: Draft, written: Any) -> Response:
    """Both versions side by side; what was typed stays in the form, and saving it again is then a choice."""
    ctx = context()
    differences = []
    if draft.kind == SCENARIO:
        try:
            theirs, mine = (read_written(ctx, body, ctx.now()) for body in (draft.written, written))
            differences = changes(theirs, mine)
        except InvalidRules:
            names = [k for k in {**draft.written, **written} if draft.written.get(k) != written.get(k)]
            differences = [(n, str(draft.written.get(n, "")), str(written.get(n, ""))) for n in names]
    faults = read_draft(ctx, draft, ctx.now()).faults if draft.kind == SCENARIO else ()
    return _form(draft, written, faults, 409, conflict=True, differences=differences)


def _review(draft: Draft) -> Response:
    ctx = context()
    at = ctx.now()
    read = read_draft(ctx, draft, at)
    public = public_scenario(ctx, draft.code) if draft.kind == SCENARIO else None
    checked = check_golden(read)
    caller = staff()
    return page(
        "draft_review.html",
        draft=draft,
        read=read,
        public=public,
        changes=changes(public, read.scenario) if read.scenario else [],
        text=draft.written if draft.kind != SCENARIO else "",
        rulebook_lines=_rulebook_lines(draft) if draft.kind != SCENARIO else [],
        checked=checked,
        failing=[c for c in checked if not c.passed],
        job=city_job(draft.city_job_id) if draft.city_job_id else None,
        samples=_samples(read.scenario, day_of(at)) if read.scenario else [],
        own=caller.actor in draft.hands,
        approver=caller.role is Role.APPROVER,
        DISTRICTS=DISTRICTS,
        rulebook=ctx.rules.rulebook(day_of(at)),
        SENSITIVE=SENSITIVE_LABELS,
        asked=request.args,
    )


def _rulebook_lines(draft: Draft) -> list[str]:
    """What was taken away and what was written anew since the last rulebook, with a line of what stands around it."""
    written = str(draft.written).splitlines()
    lines = list(unified_diff(last_rulebook_text(draft.code).splitlines(), written, n=1, lineterm=""))
    return [line for line in lines[2:] if not line.startswith("@@")]


def _samples(scenario: Scenario, on: date) -> list[Any]:
    """What made-up residents would be told: one that was described in the address, else a few with more and more points."""
    args = request.args
    if args.get("points", "").isdigit():
        rulebook = context().rules.rulebook(on)
        facts = [
            _facts(
                rulebook,
                int(args["points"][:4]),
                args.getlist("listed"),
                args.getlist("consents"),
                args.getlist("stated"),
                args.get("age", ""),
                args.get("district") or None,
                on,
            )
        ]
    else:
        rulebook = context().rules.rulebook(on)
        every = list(rulebook.fact_by_code)
        facts = [
            _facts(rulebook, points, [], list(SENSITIVE_LABELS), every, "36", scenario.districts[0], on)
            for points in (500, 560, 620, 680, 740, 820)
        ]
    return [
        (
            f,
            explain_decision(decide(f, scenario, max(on, scenario.valid_from)), scenario, f, on),
            decide(f, scenario, max(on, scenario.valid_from)).offer,
        )
        for f in facts
    ]


def _facts(
    rulebook: Any,
    points: int,
    listed: list[str],
    consents: list[str],
    stated: list[str],
    age: str,
    district: str | None,
    on: date,
) -> Facts:
    born = date(on.year - int(age), 1, 1) if age.isdigit() and len(age) < 3 else ADULT_BORN
    return Facts(
        joined=True,
        birth_date=born,
        district=district,
        points=points,
        grade=rulebook.grade_of(points).code,
        dimensions=dict.fromkeys(rulebook.dimension_by_code, 0),
        listed=frozenset(listed),
        sensitive_consents=frozenset(consents),
        stated={code: code in stated for code in rulebook.fact_by_code},
    )


def _version() -> int:
    text = request.form.get("version", "")
    if not (text.isascii() and text.isdigit() and len(text) < 9):
        raise InvalidInput("VERSION_MISSING", "页面不完整，请返回上一页、刷新后再试")
    return int(text)


def _anchor(do: str) -> str:
    return (
        "criteria"
        if "criteria" in do
        else "offers"
        if "offers" in do
        else "quotas"
        if "quotas" in do
        else "saved"
    )
