"""提出异议: the resident's side. The record stops counting in the same transaction in which the objection is filed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from haihe.domain.errors import Conflict, NotFound
from haihe.domain.objections import STATE_WORDS, Clock, ObjectionState, clock
from haihe.domain.papers import Paper
from haihe.domain.records import RecordState
from haihe.storage.audit import write_audit
from haihe.storage.copies import lock_residents
from haihe.storage.db import db, transaction
from haihe.storage.objections import ATTACHMENT_NAME_PURPOSE, REASON_PURPOSE, Objection
from haihe.storage.records import RecordRow, keep_in_history
from haihe.usecases.attach import attach
from haihe.usecases.context import Context, day_of
from haihe.usecases.rescore import DISPUTED, Rescored, Touched, hold_copies, rescore

NOTHING_ELSE: Mapping[str, object] = {}


@dataclass(frozen=True, slots=True)
class ShownAttachment:
    """A file that goes with an objection, without its content."""

    id: int
    name: str
    media_type: str
    size: int
    sent_at: datetime


@dataclass(frozen=True, slots=True)
class ShownObjection:
    """An objection as its resident and the officer see it; `clock` is None once it is answered."""

    id: int
    record_id: int
    record_no: str
    indicator: str
    state: ObjectionState
    words: str
    reason: str
    filed_at: datetime
    clock: Clock | None
    extended_because: str | None
    answer: str | None
    answered_at: datetime | None
    changed: dict[str, list[str | None]] | None
    second_look_of: int | None
    attachments: tuple[ShownAttachment, ...]
    taken_by: str | None


def file_objection(
    ctx: Context,
    resident_id: int,
    record_id: int,
    reason: str,
    at: datetime,
    papers: Sequence[Paper] = (),
) -> ShownObjection:
    """Object to an effective record of one's own; from this moment it does not count.

    Another resident's record is not found. After an answer, objecting again asks for a second look by another person,
    once.
    """
    with transaction():
        lock_residents([resident_id])
        record = _own_record(resident_id, record_id)
        if record.state == RecordState.DISPUTED:
            raise Conflict("OBJECTION_OPEN", "这条记录的异议正在处理中，请等待答复")
        if record.state != RecordState.EFFECTIVE:
            raise Conflict("RECORD_NOT_COUNTED", "这条记录已不计分，无需提出异议")
        sealed = ctx.vault.seal(reason, REASON_PURPOSE)
        objection = Objection(
            resident_id=resident_id,
            record_id=record_id,
            second_look_of=_answered_before(record_id),
            state=ObjectionState.OPEN,
            key_id=sealed.key_id,
            reason_sealed=sealed.ciphertext,
            filed_at=at,
        )
        db.session.add(objection)
        _flush_once()
        attach(ctx, objection, papers, at)
        rescored = move_record(ctx, record, RecordState.DISPUTED, DISPUTED, at)
        write_audit(at, f"resident:{resident_id}", "file_objection", f"objection:{objection.id}")
    hold_copies(ctx, rescored)
    return shown(ctx, objection, record, at)


def take_back_objection(ctx: Context, resident_id: int, objection_id: int, at: datetime) -> ShownObjection:
    """Withdraw an open objection; the record counts again. Doing so twice changes nothing."""
    rescored = Rescored()
    with transaction():
        lock_residents([resident_id])
        objection, record = find_objection(objection_id, resident_id)
        if objection.state == ObjectionState.OPEN:
            objection.state = ObjectionState.TAKEN_BACK
            objection.answered_at = at
            rescored = move_record(ctx, record, RecordState.EFFECTIVE, DISPUTED, at)
            write_audit(at, f"resident:{resident_id}", "take_back_objection", f"objection:{objection.id}")
        elif objection.state != ObjectionState.TAKEN_BACK:
            raise Conflict("OBJECTION_ANSWERED", "这项异议已经答复，不能撤回")
    hold_copies(ctx, rescored)
    return shown(ctx, objection, record, at)


def list_objections(ctx: Context, resident_id: int, at: datetime) -> list[ShownObjection]:
    """One's own objections, newest first."""
    rows = db.session.execute(
        select(Objection, RecordRow)
        .join(RecordRow, RecordRow.id == Objection.record_id)
        .where(Objection.resident_id == resident_id)
        .order_by(Objection.id.desc())
    )
    return [shown(ctx, objection, record, at) for objection, record in rows]


def show_objection(ctx: Context, resident_id: int, objection_id: int, at: datetime) -> ShownObjection:
    """One of one's own objections; another resident's is not found."""
    return shown(ctx, *find_objection(objection_id, resident_id), at)


def find_objection(objection_id: int, resident_id: int | None = None) -> tuple[Objection, RecordRow]:
    """An objection with its record, locked for the rest of the transaction; of this resident where one is named."""
    query = (
        select(Objection, RecordRow)
        .join(RecordRow, RecordRow.id == Objection.record_id)
        .where(Objection.id == objection_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if resident_id is not None:
        query = query.where(Objection.resident_id == resident_id)
    found = db.session.execute(query).one_or_none()
    if found is None:
        raise NotFound("OBJECTION_NOT_FOUND", "没有找到这项异议")
    return found[0], found[1]


def move_record(
    ctx: Context,
    record: RecordRow,
    state: RecordState,
    cause: str,
    at: datetime,
    values: Mapping[str, object] = NOTHING_ELSE,
) -> Rescored:
    """Give a record its next state (and other values) and rescore its resident, in the caller's transaction.

    What the record was stays in its history.
    """
    keep_in_history(record, at)
    record.state, record.received_at = state, at
    for name, value in values.items():
        setattr(record, name, value)
    db.session.flush()
    touched = Touched()
    touched.add(record.indicator, cause, record.id)
    return rescore(ctx, {record.resident_id: touched}, at)


def shown(ctx: Context, objection: Objection, record: RecordRow, at: datetime) -> ShownObjection:
    """An objection with its words and its clock."""
    state = ObjectionState(objection.state)
    return ShownObjection(
        id=objection.id,
        record_id=record.id,
        record_no=record.record_no,
        indicator=record.indicator,
        state=state,
        words=STATE_WORDS[state],
        reason=ctx.vault.open(objection.key_id, objection.reason_sealed, REASON_PURPOSE),
        filed_at=objection.filed_at,
        clock=running_clock(objection, at) if state is ObjectionState.OPEN else None,
        extended_because=objection.extended_because,
        answer=objection.answer,
        answered_at=objection.answered_at,
        changed=objection.changed,
        second_look_of=objection.second_look_of,
        attachments=tuple(
            ShownAttachment(
                id=one.id,
                name=ctx.vault.open(one.key_id, one.name_sealed, ATTACHMENT_NAME_PURPOSE),
                media_type=one.media_type,
                size=one.size,
                sent_at=one.sent_at,
            )
            for one in objection.attachments
        ),
        taken_by=objection.taken_by,
    )


def running_clock(objection: Objection, at: datetime) -> Clock:
    """The clock of an open objection now."""
    return clock(day_of(objection.filed_at), objection.extended_because is not None, day_of(at))


def _own_record(resident_id: int, record_id: int) -> RecordRow:
    record = db.session.execute(
        select(RecordRow)
        .where(RecordRow.id == record_id, RecordRow.resident_id == resident_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).scalar_one_or_none()
    if record is None:
        raise NotFound("RECORD_NOT_FOUND", "没有找到这条记录", "record_id")
    return record


def _answered_before(record_id: int) -> int | None:
    """The answered objection that a new one would ask to be looked at again; none of the two where both have been."""
    answered = db.session.execute(
        select(Objection.id, Objection.second_look_of)
        .where(
            Objection.record_id == record_id,
            Objection.state.not_in((ObjectionState.OPEN, ObjectionState.TAKEN_BACK)),
        )
        .order_by(Objection.id.desc())
        .limit(1)
    ).first()
    if answered is None:
        return None
    if answered.second_look_of is not None:
        raise Conflict(
            "OBJECTION_DECIDED", "这条记录已复核过一次，不再受理；您可以依法申请行政复议或者提起诉讼"
        )
    return int(answered.id)


def _flush_once() -> None:
    try:
        db.session.flush()
    except IntegrityError as error:
        raise Conflict("OBJECTION_OPEN", "这条记录的异议正在处理中，请等待答复") from error
