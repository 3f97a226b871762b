"""经办异议: who works on it, and what is written to the source department and back, until it is answered."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import select

from haihe.domain.errors import InvalidInput, NotFound
from haihe.domain.identity import holds_identity_number
from haihe.domain.objections import ObjectionState
from haihe.storage.audit import write_audit
from haihe.storage.db import db, transaction
from haihe.storage.objections import MESSAGE_PURPOSE, Objection, ObjectionMessage
from haihe.storage.office import Staff
from haihe.storage.records import MADE_HERE, RecordRow
from haihe.storage.residents import Resident
from haihe.usecases.answer_objection import by_another_person, hold, open_in_reach
from haihe.usecases.context import Context
from haihe.usecases.objections import find_objection, running_clock
from haihe.usecases.own_records import REAL_NAME, SELF
from haihe.usecases.staff_login import Role, StaffCaller

# Nobody sits behind these sources who could be asked.
NOBODY = (*MADE_HERE, REAL_NAME, SELF)


@dataclass(frozen=True, slots=True)
class Message:
    """One message between the officer and the source department."""

    id: int
    from_source: bool
    written_by: str
    document_no: str | None
    text: str
    at: datetime


@dataclass(frozen=True, slots=True)
class AskedOfSource:
    """What a department is asked about one of its records: the record's number, the messages, and by when."""

    objection_id: int
    record_no: str
    indicator: str
    answer_by: date
    waiting: bool
    messages: tuple[Message, ...]


def take_objection(officer: StaffCaller, objection_id: int, reason: str, at: datetime) -> None:
    """Take an objection that nobody works on, or take it over from somebody for a reason."""
    with transaction():
        objection, _record = open_in_reach(officer, objection_id)
        by_another_person(officer.username, objection)
        before = objection.taken_by
        if before == officer.username:
            return
        if before is not None and not reason:
            raise InvalidInput("REASON_MISSING", f"这项异议由 {before} 经办，接手请写明原因", "reason")
        _give(objection, officer.username, officer, at, reason)


def hand_over_objection(officer: StaffCaller, objection_id: int, to: str, reason: str, at: datetime) -> None:
    """Give an objection that one works on (or that nobody does) to another officer who may answer it."""
    with transaction():
        objection, _record = open_in_reach(officer, objection_id)
        if objection.taken_by is not None:
            hold(officer, objection, at)
        if to not in _officers(objection):
            raise InvalidInput("OFFICER_INVALID", "请选择能办理这项异议的异议办理人员", "to")
        by_another_person(to, objection)
        if not reason:
            raise InvalidInput("REASON_MISSING", "移交请写明原因", "reason")
        _give(objection, to, officer, at, reason)


def officers_for(objection_id: int) -> list[str]:
    """Everybody who may answer this objection: of its district, and for a second look not whoever answered the first."""
    objection = db.session.get_one(Objection, objection_id)
    first = objection.second_look_of and db.session.get_one(Objection, objection.second_look_of).answered_by
    return [name for name in _officers(objection) if name != first]


def ask_source(ctx: Context, officer: StaffCaller, objection_id: int, text: str, at: datetime) -> None:
    """Ask the department that supplied the record; it reads the question, the record's number and nothing else."""
    with transaction():
        objection, record = open_in_reach(officer, objection_id)
        hold(officer, objection, at)
        if record.source in NOBODY:
            raise InvalidInput("SOURCE_CANNOT_ANSWER", "这条记录由本系统或居民本人产生，没有可询问的来源部门")
        if holds_identity_number(text):
            raise InvalidInput(
                "IDENTITY_IN_TEXT", "请不要写证件号码：来源部门凭记录编号就能找到这条记录", "text"
            )
        _write(ctx, objection, False, officer.actor, text, None, at)
        write_audit(at, officer.actor, "ask_source", f"objection:{objection.id}", source=record.source)


def note_source_answer(
    ctx: Context, officer: StaffCaller, objection_id: int, text: str, document_no: str, at: datetime
) -> None:
    """Write down what the department answered on paper, with the number of its document."""
    with transaction():
        objection, record = open_in_reach(officer, objection_id)
        hold(officer, objection, at)
        if not document_no:
            raise InvalidInput("DOCUMENT_NO_MISSING", "请填写来函的文号，以便日后查对", "document_no")
        _write(ctx, objection, True, officer.actor, text, document_no, at)
        write_audit(
            at,
            officer.actor,
            "note_source_answer",
            f"objection:{objection.id}",
            source=record.source,
            document_no=document_no,
        )


def answer_as_source(
    ctx: Context, source: str, objection_id: int, text: str, document_no: str | None, at: datetime
) -> AskedOfSource:
    """The department's own answer, through its client. What it was not asked about is not found."""
    with transaction():
        objection, record = find_objection(objection_id)
        if (
            record.source != source
            or objection.state != ObjectionState.OPEN
            or not messages_of(ctx, [objection_id])
        ):
            raise NotFound("OBJECTION_NOT_FOUND", "没有向贵部门询问过这项异议，或它已经办结")
        _write(ctx, objection, True, f"source:{source}", text, document_no, at)
        write_audit(at, f"source:{source}", "answer_as_source", f"objection:{objection.id}")
    return next(asked for asked in asked_of_source(ctx, source, at) if asked.objection_id == objection_id)


def asked_of_source(ctx: Context, source: str, at: datetime) -> list[AskedOfSource]:
    """Every open objection about which this department has been asked, the most urgent first."""
    rows = db.session.execute(
        select(Objection, RecordRow)
        .join(RecordRow, RecordRow.id == Objection.record_id)
        .where(RecordRow.source == source, Objection.state == ObjectionState.OPEN)
    ).all()
    said = messages_of(ctx, [objection.id for objection, _record in rows])
    asked = [
        AskedOfSource(
            objection_id=objection.id,
            record_no=record.record_no,
            indicator=record.indicator,
            answer_by=running_clock(objection, at).answer_by,
            waiting=not said[objection.id][-1].from_source,
            messages=tuple(said[objection.id]),
        )
        for objection, record in rows
        if objection.id in said
    ]
    return sorted(asked, key=lambda a: (a.answer_by, a.objection_id))


def messages_of(ctx: Context, objection_ids: list[int]) -> dict[int, list[Message]]:
    """What has been written about each of these objections, the oldest first; those without a word are not in it."""
    rows = db.session.execute(
        select(ObjectionMessage)
        .where(ObjectionMessage.objection_id.in_(objection_ids))
        .order_by(ObjectionMessage.id)
    ).scalars()
    said: dict[int, list[Message]] = {}
    for row in rows:
        text = ctx.vault.open(row.key_id, row.text_sealed, MESSAGE_PURPOSE)
        said.setdefault(row.objection_id, []).append(
            Message(row.id, row.from_source, row.written_by, row.document_no, text, row.at)
        )
    return said


def _officers(objection: Objection) -> list[str]:
    district = db.session.get_one(Resident, objection.resident_id).district
    rows = db.session.execute(
        select(Staff.username, Staff.districts)
        .where(Staff.role == Role.OBJECTION_OFFICER, Staff.state == "OPEN")
        .order_by(Staff.username)
    )
    return [name for name, districts in rows if not districts or district in districts]


def _give(objection: Objection, to: str, officer: StaffCaller, at: datetime, reason: str) -> None:
    before, objection.taken_by, objection.taken_at = objection.taken_by, to, at
    write_audit(
        at,
        officer.actor,
        "assign_objection",
        f"objection:{objection.id}",
        before=before,
        after=to,
        reason=reason,
    )


def _write(
    ctx: Context,
    objection: Objection,
    from_source: bool,
    written_by: str,
    text: str,
    document_no: str | None,
    at: datetime,
) -> None:
    sealed = ctx.vault.seal(text, MESSAGE_PURPOSE)
    db.session.add(
        ObjectionMessage(
            objection_id=objection.id,
            resident_id=objection.resident_id,
            from_source=from_source,
            written_by=written_by,
            document_no=document_no,
            key_id=sealed.key_id,
            text_sealed=sealed.ciphertext,
            at=at,
        )
    )
