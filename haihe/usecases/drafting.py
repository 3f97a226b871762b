"""起草: somebody begins a draft of a scenario or a rulebook, changes it, has it tried on the city, and hands it in.

A draft may be as wrong as it likes while it is written; nothing typed is lost. Only a sound one can be handed in.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import yaml
from sqlalchemy import select

from haihe.domain.errors import Conflict, Forbidden, InvalidInput, NotFound
from haihe.domain.reading import Fault, InvalidRules
from haihe.domain.rulebook import Rulebook
from haihe.domain.scenario_reader import read_scenario
from haihe.domain.scenarios import Scenario, ScenarioState
from haihe.storage.audit import write_audit
from haihe.storage.db import db, transaction
from haihe.storage.drafts import OPEN_STATES, Draft
from haihe.storage.rules import RulebookRow, ScenarioRow
from haihe.usecases.city_jobs import CityQuestion, ask_city
from haihe.usecases.context import Context, day_of
from haihe.usecases.drafts import InvalidDraft, draft_rulebook, draft_scenario, parsed
from haihe.usecases.fault_lines import with_lines
from haihe.usecases.publish_rules import public_row
from haihe.usecases.staff_login import StaffCaller

SCENARIO, RULEBOOK = "SCENARIO", "RULEBOOK"
CODE = {SCENARIO: re.compile(r"[A-Z0-9-]{2,16}"), RULEBOOK: re.compile(r"[A-Z0-9.-]{2,32}")}
CHANGEABLE = ("DRAFT", "RETURNED")


class DraftChanged(Conflict):
    """Somebody else has changed the draft meanwhile; `draft` is as they left it."""

    def __init__(self, draft: Draft) -> None:
        super().__init__("DRAFT_CHANGED", f"{draft.changed_by} 刚刚改动了这份草稿；请对照后决定保留哪一份")
        self.draft = draft


@dataclass(frozen=True, slots=True)
class Read:
    """A draft as the rules read it: the thing itself, or everything that is wrong with it."""

    scenario: Scenario | None = None
    rulebook: Rulebook | None = None
    faults: tuple[Fault, ...] = ()


def begin_draft(
    kind: str, code: str, caller: StaffCaller, at: datetime, revision: int | None = None
) -> Draft:
    """A draft of what is public under this code (or of that earlier revision of it), or an empty one of something new.

    Where a draft is open already it is Conflict DRAFT_OPEN: one benefit has one draft at a time.
    """
    if not CODE[kind].fullmatch(code):
        raise InvalidInput("CODE_FORM", "代码由大写字母、数字和连字符组成，如 XYZ-18", "code")
    with transaction():
        held = select(Draft).where(Draft.kind == kind, Draft.code == code, Draft.state.in_(OPEN_STATES))
        if db.session.execute(held).first() is not None:
            raise Conflict("DRAFT_OPEN", f"{code} 已有一份没有办完的草稿，请在那一份上修改", "code")
        based_on, written = _beginning(kind, code, caller, revision)
        _check_districts(caller, kind, written)
        draft = Draft(
            kind=kind,
            code=code,
            written=written,
            version=1,
            state="DRAFT",
            based_on=based_on,
            hands=[caller.actor],
            changed_by=caller.actor,
            changed_at=at,
        )
        db.session.add(draft)
        db.session.flush()
        write_audit(at, caller.actor, "begin_draft", draft.subject, draft=draft.id, based_on=based_on)
    return draft


def change_draft(draft_id: int, version: int, written: Any, caller: StaffCaller, at: datetime) -> Draft:
    """Keep what was written, right or wrong; DraftChanged if somebody else was quicker."""
    with transaction():
        draft = _mine(draft_id, caller)
        _check_districts(caller, draft.kind, written)
        if draft.version != version:
            raise DraftChanged(draft)
        if written == draft.written:
            return draft
        before, draft.written = draft.written, written
        draft.version += 1
        draft.changed_by, draft.changed_at = caller.actor, at
        draft.hands = sorted({*draft.hands, caller.actor})
        changed = {"before": before, "after": written}
        if draft.kind == SCENARIO:
            changed = {
                side: {k: v for k, v in whole.items() if v != other.get(k)}
                for side, whole, other in (("before", before, written), ("after", written, before))
            }
        write_audit(
            at, caller.actor, "change_draft", draft.subject, draft=draft.id, version=draft.version, **changed
        )
    return draft


def written_in(ctx: Context, draft: Draft, text: str, at: datetime) -> Any:
    """What a draft holds if this YAML (or JSON) is its text; InvalidDraft with every fault and its line.

    A form may be kept half filled in, for somebody sits before it; what a machine hands in is sound or not taken.
    """
    if draft.kind == RULEBOOK:
        read = _read_rulebook(Draft(kind=RULEBOOK, code=draft.code, written=text), at)
        if read.faults:
            raise InvalidDraft("RULEBOOK_INVALID", read.faults, with_lines(text, read.faults))
        return text
    draft_scenario(text, ctx.rules.up_to_date().rulebook(day_of(at)))
    body = parsed(text)
    faults = []
    if body.get("code") != draft.code:
        faults.append(Fault("code", f"应为 {draft.code}，与草稿的代码一致"))
    if "\\u0000" in json.dumps(body, default=str):
        faults.append(Fault("文件", "含有不可见的控制字符"))
    if faults:
        raise InvalidDraft("SCENARIO_INVALID", tuple(faults), with_lines(text, faults))
    return body


def try_on_city(ctx: Context, draft_id: int, caller: StaffCaller, at: datetime) -> int:
    """Ask what publishing this draft would do to everybody; returns the city job's number."""
    draft = get_draft(draft_id)
    kind = CityQuestion.TRY_SCENARIO if draft.kind == SCENARIO else CityQuestion.TRY_RULEBOOK
    version = draft.version
    job = ask_city(ctx, kind, text_of_draft(draft), None, at, caller.actor)
    with transaction():
        draft = _held(draft_id)
        draft.city_job_id, draft.tried_version = job.id, version
        write_audit(at, caller.actor, "try_draft", draft.subject, draft=draft.id, city_job=job.id)
    return job.id


def submit_draft(ctx: Context, draft_id: int, version: int, caller: StaffCaller, at: datetime) -> None:
    """Hand a sound draft in for approval; InvalidRules with every fault of an unsound one."""
    read = read_draft(ctx, get_draft(draft_id), at)
    if read.faults:
        raise InvalidRules("DRAFT_FAULTY", read.faults)
    with transaction():
        draft = _mine(draft_id, caller)
        if draft.version != version:
            raise DraftChanged(draft)
        draft.state, draft.submitted_by, draft.reason = "IN_REVIEW", caller.actor, None
        write_audit(at, caller.actor, "submit_draft", draft.subject, draft=draft.id, version=version)


def drop_draft(draft_id: int, caller: StaffCaller, at: datetime) -> None:
    """Give a draft up; it stays on the record."""
    with transaction():
        draft = _mine(draft_id, caller)
        draft.state = "DROPPED"
        write_audit(at, caller.actor, "drop_draft", draft.subject, draft=draft.id)


def read_draft(ctx: Context, draft: Draft, at: datetime) -> Read:
    """The draft as it would be in force, or what is wrong with it."""
    try:
        if draft.kind == RULEBOOK:
            return _read_rulebook(draft, at)
        return Read(scenario=read_written(ctx, draft.written, at))
    except InvalidRules as error:
        return Read(faults=error.faults)


def read_written(ctx: Context, written: Mapping[str, Any], at: datetime) -> Scenario:
    """A scenario as if it were public; InvalidRules otherwise."""
    return read_scenario(written, ctx.rules.up_to_date().rulebook(day_of(at)), 0, ScenarioState.PUBLISHED)


def public_scenario(ctx: Context, code: str) -> Scenario | None:
    """What is public under this code, as if it were open."""
    found = ctx.rules.up_to_date().scenario(code)
    return found and replace(found, state=ScenarioState.PUBLISHED)


def last_rulebook_text(code: str) -> str:
    """The last rulebook that was published, as YAML, under another version: what a draft of the next one begins with."""
    last = select(RulebookRow).order_by(RulebookRow.in_force_from.desc()).limit(1)
    row = db.session.execute(last).scalar_one_or_none()
    body = {**(row.body if row else {}), "version": code}
    return yaml.safe_dump(body, allow_unicode=True, sort_keys=False, width=100)


def text_of_draft(draft: Draft) -> str:
    """The draft as YAML."""
    if draft.kind == RULEBOOK:
        return str(draft.written)
    return yaml.safe_dump(draft.written, allow_unicode=True, sort_keys=False)


def get_draft(draft_id: int) -> Draft:
    """One draft as it is now."""
    draft = db.session.get(Draft, draft_id, populate_existing=True)
    if draft is None:
        raise NotFound("DRAFT_NOT_FOUND", "没有这份草稿")
    return draft


def open_drafts(kind: str) -> list[Draft]:
    """Every draft of a kind that is not done with, the latest change first."""
    found = (
        select(Draft)
        .where(Draft.kind == kind, Draft.state.in_(OPEN_STATES))
        .order_by(Draft.changed_at.desc())
    )
    return list(db.session.execute(found).scalars())


def waiting_drafts(caller: StaffCaller, state: str) -> int:
    """How many drafts of the caller's districts are in this state; one's own do not wait for oneself to approve."""
    found = db.session.execute(select(Draft).where(Draft.state == state)).scalars()
    own = state == "IN_REVIEW"
    return sum(may_change(d, caller) and not (own and caller.actor in d.hands) for d in found)


def draft_of_job(job_id: int) -> Draft | None:
    """The draft that a trial was the last one of."""
    return db.session.execute(select(Draft).where(Draft.city_job_id == job_id)).scalars().first()


def may_change(draft: Draft, caller: StaffCaller) -> bool:
    """Whether the draft lies within the caller's districts."""
    return draft.kind == RULEBOOK or _within(caller, draft.written)


def _read_rulebook(draft: Draft, at: datetime) -> Read:
    rulebook = draft_rulebook(str(draft.written))
    faults = []
    if rulebook.version != draft.code:
        faults.append(Fault("version", f"应为 {draft.code}，与草稿的版本号一致"))
    if rulebook.in_force_from <= day_of(at):
        faults.append(Fault("in_force_from", "应晚于今天：规则调整须提前公布", "《天津市社会信用条例》"))
    return Read(faults=tuple(faults)) if faults else Read(rulebook=rulebook)


def _beginning(kind: str, code: str, caller: StaffCaller, revision: int | None) -> tuple[int | None, Any]:
    if kind == RULEBOOK:
        if db.session.get(RulebookRow, code) is not None:
            raise Conflict("RULEBOOK_IMMUTABLE", f"规则集 {code} 已发布，请换一个版本号", "code")
        return None, last_rulebook_text(code)
    if revision is None:
        public = public_row(code)
    else:
        public = db.session.get(ScenarioRow, (code, revision))
        if public is None:
            raise NotFound("REVISION_NOT_FOUND", "没有这一版")
    if public is not None:
        return public.revision, dict(public.body)
    return None, {
        "code": code,
        "criteria": {"all": []},
        "offers": [{}],
        "districts": sorted(caller.districts),
    }


def _mine(draft_id: int, caller: StaffCaller) -> Draft:
    draft = _held(draft_id)
    _check_districts(caller, draft.kind, draft.written)
    if draft.state not in CHANGEABLE:
        raise Conflict("DRAFT_NOT_CHANGEABLE", "这份草稿已提交或已办结，不能再改；退回后可以继续修改")
    return draft


def _held(draft_id: int) -> Draft:
    draft = db.session.get(Draft, draft_id, populate_existing=True, with_for_update=True)
    if draft is None:
        raise NotFound("DRAFT_NOT_FOUND", "没有这份草稿")
    return draft


def _check_districts(caller: StaffCaller, kind: str, written: Any) -> None:
    if kind == RULEBOOK and caller.districts:
        raise Forbidden("DISTRICT_NOT_YOURS", "规则集适用于全市，须由全市岗位起草")
    if kind == SCENARIO and not _within(caller, written):
        raise Forbidden("DISTRICT_NOT_YOURS", "您只能起草本区的场景；适用区超出了您的管辖范围")


def _within(caller: StaffCaller, written: Any) -> bool:
    named = written.get("districts") if isinstance(written, Mapping) else None
    return not caller.districts or (
        isinstance(named, list) and bool(named) and set(map(str, named)) <= caller.districts
    )
