"""审批: another person looks at what was handed in, and lets it go live now or on a day, or gives it back with a reason."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import select

from haihe.domain.errors import Conflict, Forbidden, InvalidInput
from haihe.domain.reading import InvalidRules
from haihe.storage.audit import write_audit
from haihe.storage.db import db, transaction
from haihe.storage.drafts import Draft
from haihe.usecases.context import Context, day_of
from haihe.usecases.drafting import RULEBOOK, Read, get_draft, read_draft
from haihe.usecases.drafts import parsed
from haihe.usecases.golden_cases import Checked, check_rulebook, check_scenario
from haihe.usecases.publish_rules import configuration_changed, place_rulebook, place_scenario
from haihe.usecases.staff_login import StaffCaller

LONGEST_REASON = 500


def check_golden(read: Read) -> list[Checked]:
    """What the golden cases say of a draft that could be read; those that failed come first."""
    if read.scenario is not None:
        return check_scenario(read.scenario)
    return check_rulebook(read.rulebook) if read.rulebook is not None else []


def approve_draft(
    ctx: Context, draft_id: int, version: int, starts_on: date | None, caller: StaffCaller, at: datetime
) -> Draft:
    """Let a draft go live at once, or on a day to come (a rulebook always on its own day).

    Forbidden OWN_DRAFT for whoever had a hand in it; Conflict GOLDEN_CASES_FAIL while a golden case says otherwise.
    """
    draft = get_draft(draft_id)
    read = read_draft(ctx, draft, at)
    _check_reviewer(draft, caller)
    if read.faults:
        raise InvalidRules("DRAFT_FAULTY", read.faults)
    failing = [c.name for c in check_golden(read) if not c.passed]
    if failing:
        raise Conflict(
            "GOLDEN_CASES_FAIL", f"有 {len(failing)} 个标准案例不符，不能批准：{'；'.join(failing[:5])}"
        )
    if read.rulebook is not None:
        starts_on = read.rulebook.in_force_from
    elif starts_on is not None and starts_on <= day_of(at):
        raise InvalidInput("STARTS_ON_PAST", "定时上线的日期应晚于今天；今天上线请留空", "starts_on")
    number = None
    with transaction():
        draft = _in_review(draft_id, version, caller)
        draft.reviewed_by, draft.reviewed_at, draft.starts_on = caller.actor, at, starts_on
        draft.state = "SCHEDULED" if starts_on is not None else "PUBLISHED"
        day = starts_on.isoformat() if starts_on is not None else None
        write_audit(
            at, caller.actor, "approve_draft", draft.subject, draft=draft.id, version=version, starts_on=day
        )
        if starts_on is None:
            number = _place(ctx, draft, caller.actor, at)
    if number is not None:
        configuration_changed(ctx, number)
    return draft


def return_draft(draft_id: int, version: int, reason: str, caller: StaffCaller, at: datetime) -> None:
    """Give a draft back with what is to be mended; one that waits for its day can be called back too."""
    if not 1 <= len(reason.strip()) <= LONGEST_REASON:
        raise InvalidInput("REASON_MISSING", f"请写明退回的理由（不超过 {LONGEST_REASON} 字）", "reason")
    with transaction():
        draft = _in_review(draft_id, version, caller, "IN_REVIEW", "SCHEDULED")
        draft.state, draft.reason, draft.starts_on = "RETURNED", reason.strip(), None
        draft.reviewed_by, draft.reviewed_at = caller.actor, at
        write_audit(at, caller.actor, "return_draft", draft.subject, draft=draft.id, reason=reason.strip())


def publish_due(ctx: Context, at: datetime) -> int:
    """Let every approved draft go live whose day has come; returns how many did."""
    due = select(Draft.id).where(Draft.state == "SCHEDULED", Draft.starts_on <= day_of(at)).order_by(Draft.id)
    ids = list(db.session.execute(due).scalars())
    db.session.rollback()
    return sum(_publish_one(ctx, draft_id, at) for draft_id in ids)


def announced_rulebooks(at: datetime) -> list[Draft]:
    """Approved rulebooks that are not in force yet, the next one first: residents are told of them."""
    coming = select(Draft).where(Draft.kind == RULEBOOK, Draft.state == "SCHEDULED").order_by(Draft.starts_on)
    return list(db.session.execute(coming.where(Draft.starts_on > day_of(at))).scalars())


def _publish_one(ctx: Context, draft_id: int, at: datetime) -> bool:
    with transaction():
        draft = db.session.get(Draft, draft_id, with_for_update=True, populate_existing=True)
        if draft is None or draft.state != "SCHEDULED":
            return False
        draft.state = "PUBLISHED"
        number = _place(ctx, draft, draft.reviewed_by or "worker", at)
    if number is not None:
        configuration_changed(ctx, number)
    return True


def _place(ctx: Context, draft: Draft, actor: str, at: datetime) -> int | None:
    if draft.kind == RULEBOOK:
        return place_rulebook(parsed(str(draft.written)), at, actor)
    rulebook = ctx.rules.up_to_date().rulebook(day_of(at))
    _revision, number = place_scenario(draft.written, rulebook, at, actor)
    return number


def _in_review(draft_id: int, version: int, caller: StaffCaller, *states: str) -> Draft:
    draft = db.session.get(Draft, draft_id, with_for_update=True, populate_existing=True)
    if draft is None or draft.state not in (states or ("IN_REVIEW",)) or draft.version != version:
        raise Conflict("DRAFT_NOT_IN_REVIEW", "这份草稿已不在待审批状态，请刷新后查看")
    _check_reviewer(draft, caller)
    return draft


def _check_reviewer(draft: Draft, caller: StaffCaller) -> None:
    if caller.actor in draft.hands:
        raise Forbidden("OWN_DRAFT", "起草或改动过这份草稿的人不能审批它，请由另一位审批人员办理")
    if caller.districts:
        named = draft.written.get("districts") if isinstance(draft.written, dict) else None
        if not named or not set(named) <= caller.districts:
            raise Forbidden("DISTRICT_NOT_YOURS", "这份草稿超出您的管辖范围")
