"""查人: a member of the staff looks at one person, for a purpose that is named, masked until a second reason is given.

A look lasts half an hour and belongs to whoever began it. The person's lines and records are shown with where each record
came from; who was looked at, by whom and what for stays on the record, also where nobody was found.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from sqlalchemy import select

from haihe.domain.dates import age_on
from haihe.domain.errors import HaiheError, InvalidInput, NotFound, OutOfReach
from haihe.domain.identity import holds_identity_number, read_identity
from haihe.domain.records import RecordState
from haihe.domain.reports import masked_name, masked_number
from haihe.storage.audit import write_audit
from haihe.storage.db import db, transaction
from haihe.storage.looks import Look
from haihe.storage.records import Import, RecordRow, Source
from haihe.storage.residents import Resident
from haihe.usecases.cases import RECORD_STATES
from haihe.usecases.context import Context, day_of
from haihe.usecases.show_points import ShownPoints, show_points
from haihe.usecases.staff_login import StaffCaller

LASTS = timedelta(minutes=30)


class Purpose(StrEnum):
    """What a person may be looked at for."""

    OBJECTION = "OBJECTION"
    ENQUIRY = "ENQUIRY"
    DATA_CHECK = "DATA_CHECK"
    AUDIT = "AUDIT"
    LEGAL = "LEGAL"


PURPOSE_WORDS: Mapping[Purpose, str] = {
    Purpose.OBJECTION: "办理异议",
    Purpose.ENQUIRY: "本人来电来访",
    Purpose.DATA_CHECK: "核对数据",
    Purpose.AUDIT: "审计检查",
    Purpose.LEGAL: "依法协助调查",
}


@dataclass(frozen=True, slots=True)
class Whom:
    """Who is meant: by the number of a document, or by a record of a source. One of the two is given."""

    id_type: str = ""
    id_number: str = ""
    source: str = ""
    record_no: str = ""


@dataclass(frozen=True, slots=True)
class SeenRecord:
    """One record with the file and the line that it came from; no file where it was made here."""

    record_id: int
    record_no: str
    indicator: str
    indicator_name: str
    source: str
    occurred_on: date
    state: str
    import_id: int | None
    file_name: str | None
    line_no: int | None


@dataclass(frozen=True, slots=True)
class SeenPerson:
    """What a look shows. `points` is None for whoever has not joined; name and number are whole once `revealed`."""

    look_id: int
    purpose: Purpose
    until: datetime
    revealed: bool
    pseudonym: str
    name: str
    id_number: str
    age: int
    district: str | None
    points: ShownPoints | None
    records: tuple[SeenRecord, ...]


def look_up_person(
    ctx: Context, caller: StaffCaller, purpose: str, basis: str, whom: Whom, at: datetime
) -> int:
    """Begin a look; returns its number. The purpose and what it rests on come first, whoever it is about."""
    if purpose not in set(Purpose):
        raise InvalidInput("PURPOSE_MISSING", "请选择查看的用途", "purpose")
    _check_words(basis, "basis", "请写明依据，如工单号、来函文号")
    resident = _find(ctx, whom, at)
    if resident is None:
        with transaction():
            write_audit(
                at, caller.actor, "look_up_person", "resident:none", purpose=purpose, basis=basis, found=False
            )
        raise NotFound("PERSON_NOT_FOUND", "没有找到这位居民，请核对后再查；这次查找已记入审计")
    if caller.districts and resident.district not in caller.districts:
        raise OutOfReach("PERSON_NOT_FOUND", "没有找到这位居民，请核对后再查；这次查找已记入审计")
    with transaction():
        look = Look(resident_id=resident.id, username=caller.username, purpose=purpose, at=at)
        db.session.add(look)
        db.session.flush()
        subject = f"resident:{resident.id}"
        write_audit(
            at,
            caller.actor,
            "look_up_person",
            subject,
            purpose=purpose,
            basis=basis,
            found=True,
            look=look.id,
        )
        return look.id


def see_person(ctx: Context, caller: StaffCaller, look_id: int, at: datetime) -> SeenPerson:
    """What this look shows; it is on the record each time."""
    with transaction():
        look = _own_look(caller, look_id, at)
        subject = f"resident:{look.resident_id}"
        write_audit(
            at,
            caller.actor,
            "see_person",
            subject,
            purpose=look.purpose,
            look=look.id,
            revealed=look.revealed_at is not None,
        )
    return _seen(ctx, look, at)


def reveal_person(ctx: Context, caller: StaffCaller, look_id: int, reason: str, at: datetime) -> SeenPerson:
    """See who it is, for a second reason."""
    _check_words(reason, "reason", "请写明为什么需要看到姓名和完整号码")
    with transaction():
        look = _own_look(caller, look_id, at)
        look.revealed_at = look.revealed_at or at
        subject = f"resident:{look.resident_id}"
        write_audit(
            at, caller.actor, "reveal_identity", subject, purpose=look.purpose, look=look.id, reason=reason
        )
    return _seen(ctx, look, at)


def sources_to_choose() -> dict[str, str]:
    """Every source of records by its code."""
    return {s.code: s.name for s in db.session.execute(select(Source).order_by(Source.name)).scalars()}


def _check_words(words: str, field: str, missing: str) -> None:
    if not words:
        raise InvalidInput("REASON_MISSING", missing, field)
    if holds_identity_number(words):
        raise InvalidInput("IDENTITY_IN_TEXT", "请不要在这里写证件号码，它会进入审计记录", field)


def _find(ctx: Context, whom: Whom, at: datetime) -> Resident | None:
    query = select(Resident).where(Resident.sandbox_of.is_(None))
    if whom.id_number:
        identity = read_identity(whom.id_type, whom.id_number, day_of(at))
        index = ctx.vault.index(f"{identity.id_type}:{identity.number}", "id_number")
        query = query.where(Resident.id_number_index == index)
    elif whom.source and whom.record_no:
        query = query.join(RecordRow, RecordRow.resident_id == Resident.id).where(
            RecordRow.source == whom.source, RecordRow.record_no == whom.record_no
        )
    else:
        raise InvalidInput("PERSON_MISSING", "请填写证件号码，或者来源与记录编号", "id_number")
    return db.session.execute(query).scalar_one_or_none()


def _own_look(caller: StaffCaller, look_id: int, at: datetime) -> Look:
    look = db.session.get(Look, look_id, populate_existing=True, with_for_update=True)
    if look is None or look.username != caller.username or at >= look.at + LASTS:
        raise NotFound("LOOK_ENDED", "这次查看不存在或已满 30 分钟，请重新填写用途后再查")
    return look


def _seen(ctx: Context, look: Look, at: datetime) -> SeenPerson:
    resident = db.session.get_one(Resident, look.resident_id)
    name = ctx.vault.open(resident.key_id, resident.name_sealed, "name")
    number = ctx.vault.open(resident.key_id, resident.id_number_sealed, "id_number")
    revealed = look.revealed_at is not None
    try:
        points = show_points(ctx, resident.id, at)
    except HaiheError:
        # Under age or not joined: there are records, but no points.
        points = None
    return SeenPerson(
        look_id=look.id,
        purpose=Purpose(look.purpose),
        until=look.at + LASTS,
        revealed=revealed,
        pseudonym=f"resident:{resident.id}",
        name=name if revealed else masked_name(name),
        id_number=number if revealed else masked_number(number),
        age=age_on(resident.birth_date, day_of(at)),
        district=resident.district,
        points=points,
        records=_records(ctx, resident.id, at),
    )


def _records(ctx: Context, resident_id: int, at: datetime) -> tuple[SeenRecord, ...]:
    rulebook = ctx.rules.up_to_date().rulebook(day_of(at))
    rows = db.session.execute(
        select(RecordRow, Source.name, Import.file_name)
        .join(Source, Source.code == RecordRow.source)
        .outerjoin(Import, Import.id == RecordRow.import_id)
        .where(RecordRow.resident_id == resident_id)
        .order_by(RecordRow.occurred_on.desc(), RecordRow.id.desc())
    )
    names = {rule.code: rule.name for rule in (*rulebook.indicators, *rulebook.facts)}
    return tuple(
        SeenRecord(
            record_id=row.id,
            record_no=row.record_no,
            indicator=row.indicator,
            indicator_name=names.get(row.indicator, row.indicator),
            source=source,
            occurred_on=row.occurred_on,
            state=RECORD_STATES[RecordState(row.state)],
            import_id=row.import_id,
            file_name=file_name,
            line_no=row.line_no,
        )
        for row, source, file_name in rows
    )
