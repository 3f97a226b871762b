"""答复异议: the officer's side. The answer, the record as it is from now on, and the points are one transaction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import select

from haihe.domain.districts import DISTRICTS
from haihe.domain.errors import Conflict, InvalidInput, OutOfReach
from haihe.domain.kinds import LevelMap
from haihe.domain.objections import ObjectionState
from haihe.domain.papers import Paper
from haihe.domain.records import RecordState
from haihe.storage.audit import write_audit
from haihe.storage.copies import lock_residents
from haihe.storage.db import db, transaction
from haihe.storage.objections import Objection
from haihe.storage.records import RecordRow
from haihe.storage.residents import Resident
from haihe.usecases.attach import find_attachment, opened
from haihe.usecases.context import Context, day_of
from haihe.usecases.objections import ShownObjection, find_objection, move_record, shown
from haihe.usecases.rescore import CORRECTED, DISPUTED, Rescored, hold_copies
from haihe.usecases.staff_login import StaffCaller

CORRECTABLE = ("occurred_on", "quantity", "level", "severity", "valid_to")
NEXT_RECORD_STATE = {
    ObjectionState.UPHELD: (RecordState.EFFECTIVE, DISPUTED),
    ObjectionState.CORRECTED: (RecordState.EFFECTIVE, CORRECTED),
    ObjectionState.REMOVED: (RecordState.WITHDRAWN, CORRECTED),
}


@dataclass(frozen=True, slots=True)
class Answer:
    """What an officer decides, why, and, where the record is corrected, what it should have said."""

    outcome: ObjectionState
    reason: str
    corrected: Mapping[str, object]


def look_at_objection(ctx: Context, officer: StaffCaller, objection_id: int, at: datetime) -> ShownObjection:
    """One objection with what the resident wrote: a look at a person's data, so it leaves a trace."""
    with transaction():
        objection, record = in_reach(officer, objection_id)
        write_audit(
            at,
            officer.actor,
            "look_at_objection",
            f"objection:{objection.id}",
            purpose="OBJECTION",
            resident=f"resident:{objection.resident_id}",
        )
        return shown(ctx, objection, record, at)


def open_attachment(
    ctx: Context, officer: StaffCaller, objection_id: int, attachment_id: int, at: datetime
) -> Paper:
    """A file that a resident handed in; that it was opened is on the record."""
    with transaction():
        objection, _record = in_reach(officer, objection_id)
        attachment = find_attachment(objection.attachments, attachment_id)
        subject = f"objection:{objection_id}"
        write_audit(at, f"staff:{officer.username}", "open_attachment", subject, attachment=attachment_id)
        return opened(ctx, attachment)


def extend_objection(
    ctx: Context, officer: StaffCaller, objection_id: int, reason: str, at: datetime
) -> ShownObjection:
    """Give the department five working days more, once, for a reason that the resident reads."""
    with transaction():
        objection, record = open_in_reach(officer, objection_id)
        if objection.extended_because is not None:
            raise Conflict("OBJECTION_EXTENDED", "这项异议已延长过一次，不能再延长")
        hold(officer, objection, at)
        objection.extended_because = reason
        write_audit(at, f"staff:{officer.username}", "extend_objection", f"objection:{objection.id}")
    return shown(ctx, objection, record, at)


def answer_objection(
    ctx: Context, officer: StaffCaller, objection_id: int, answer: Answer, at: datetime
) -> ShownObjection:
    """Uphold the record, correct it or remove it. A second look is never by the person who answered the first."""
    rescored = Rescored()
    with transaction():
        resident_id = db.session.execute(
            select(Objection.resident_id).where(Objection.id == objection_id)
        ).scalar_one_or_none()
        lock_residents([resident_id] if resident_id is not None else [])
        objection, record = open_in_reach(officer, objection_id)
        hold(officer, objection, at)
        if answer.outcome is ObjectionState.CORRECTED and record.state != RecordState.DISPUTED:
            raise Conflict(
                "RECORD_MOVED",
                "这条记录已由来源部门修复或撤销，无从更正；请改为“撤销”或“维持”并说明",
                "outcome",
            )
        objection.changed = _correct(ctx, record, answer, at)
        objection.state = answer.outcome
        objection.answer = answer.reason
        objection.answered_by = officer.username
        objection.answered_at = at
        state, cause = NEXT_RECORD_STATE[answer.outcome]
        if record.state == RecordState.DISPUTED:
            # The department may have repaired or withdrawn it meanwhile, and that stands.
            rescored = move_record(ctx, record, state, cause, at, _values(answer))
        write_audit(
            at,
            f"staff:{officer.username}",
            "answer_objection",
            f"objection:{objection.id}",
            outcome=answer.outcome,
            fields=sorted(answer.corrected),
        )
    hold_copies(ctx, rescored)
    return shown(ctx, objection, record, at)


def in_reach(officer: StaffCaller, objection_id: int) -> tuple[Objection, RecordRow]:
    """An objection of the officer's districts with its record, locked for the rest of the transaction."""
    objection, record = find_objection(objection_id)
    district = db.session.get_one(Resident, objection.resident_id).district
    if officer.districts and district not in officer.districts:
        names = "、".join(DISTRICTS[d] for d in sorted(officer.districts))
        raise OutOfReach("OBJECTION_NOT_FOUND", f"没有找到这项异议；您负责的是{names}")
    return objection, record


def open_in_reach(officer: StaffCaller, objection_id: int) -> tuple[Objection, RecordRow]:
    """The same, if it still waits for an answer."""
    objection, record = in_reach(officer, objection_id)
    if objection.state != ObjectionState.OPEN:
        raise Conflict("OBJECTION_ANSWERED", "这项异议已经办结")
    return objection, record


def hold(officer: StaffCaller, objection: Objection, at: datetime) -> None:
    """Only whoever works on it may go on with it; where nobody does yet, the officer takes it with their first deed."""
    by_another_person(officer.username, objection)
    if objection.taken_by is None:
        objection.taken_by, objection.taken_at = officer.username, at
    elif objection.taken_by != officer.username:
        raise Conflict("OBJECTION_TAKEN", f"这项异议由 {objection.taken_by} 经办，请先接手")


def by_another_person(username: str, objection: Objection) -> None:
    """Conflict where a second look would be by whoever answered the first."""
    if objection.second_look_of is None:
        return
    first = db.session.get_one(Objection, objection.second_look_of)
    if first.answered_by == username:
        raise Conflict("SECOND_LOOK_BY_ANOTHER", "复核须由另一位工作人员办理（个人信息保护法第二十四条）")


def _values(answer: Answer) -> Mapping[str, object]:
    return answer.corrected if answer.outcome is ObjectionState.CORRECTED else {}


def _correct(
    ctx: Context, record: RecordRow, answer: Answer, at: datetime
) -> dict[str, list[str | None]] | None:
    """What a correction changes, field by field; InvalidInput where there is nothing, or nothing sensible, to change."""
    if answer.outcome is not ObjectionState.CORRECTED:
        if answer.corrected:
            raise InvalidInput("CORRECTION_UNASKED", "只有“更正”才需要填写更正的内容", "corrected")
        return None
    changed = {
        name: [_plain(getattr(record, name)), _plain(value)]
        for name, value in answer.corrected.items()
        if _plain(getattr(record, name)) != _plain(value)
    }
    if not changed:
        raise InvalidInput("CORRECTION_MISSING", "请写明更正后的内容；没有要改的，请答复“维持”", "corrected")
    occurred = answer.corrected.get("occurred_on", record.occurred_on)
    if isinstance(occurred, date) and occurred > day_of(at):
        raise InvalidInput("OCCURRED_LATER", "发生日期不能晚于今天", "corrected")
    indicator = ctx.rules.up_to_date().rulebook(day_of(at)).by_code.get(record.indicator)
    level = answer.corrected.get("level", record.level)
    if indicator is not None and isinstance(indicator.kind, LevelMap) and level not in indicator.kind.levels:
        levels = "、".join(indicator.kind.levels)
        raise InvalidInput("LEVEL_INVALID", f"「{indicator.name}」的级别应为其中之一：{levels}", "corrected")
    return changed


def _plain(value: object) -> str | None:
    if value is None:
        return None
    return f"{value.normalize():f}" if hasattr(value, "normalize") else str(value)
