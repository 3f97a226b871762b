"""异议的卷宗: the objections of an officer's districts as a list with their clocks, and one of them with all that belongs to it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Select, func, or_, select

from haihe.domain.errors import InvalidInput
from haihe.domain.kinds import LevelMap
from haihe.domain.objections import Clock, ObjectionState, clock
from haihe.domain.records import RecordState
from haihe.domain.reports import masked_name, masked_number
from haihe.storage.audit import write_audit
from haihe.storage.db import db, transaction
from haihe.storage.objections import Objection, ObjectionMessage
from haihe.storage.records import RecordRow, Source
from haihe.storage.residents import Resident
from haihe.usecases.answer_objection import in_reach, look_at_objection
from haihe.usecases.context import Context, day_of
from haihe.usecases.handle_objection import NOBODY, Message, messages_of
from haihe.usecases.objections import ShownObjection, running_clock, shown
from haihe.usecases.staff_login import StaffCaller

MOST_SHOWN = 500
RECORD_STATES = {
    RecordState.EFFECTIVE: "有效，计分",
    RecordState.DISPUTED: "异议办理中，不计分",
    RecordState.CORRECTED: "已更正",
    RecordState.WITHDRAWN: "已撤销，不计分",
    RecordState.REPAIRED: "已修复，不计分",
    RecordState.EXPIRED: "已到期，不计分",
}


class Pile(StrEnum):
    """Which of them: everything open, what one works on oneself, what is urgent, what has been answered."""

    OPEN = "open"
    MINE = "mine"
    URGENT = "urgent"
    CLOSED = "closed"


class Exchange(StrEnum):
    """How it stands with the source department."""

    NONE = "NONE"
    ASKED = "ASKED"
    ANSWERED = "ANSWERED"


@dataclass(frozen=True, slots=True)
class CaseLine:
    """One objection in the list. `clock` is None once it is answered; what the resident wrote is not in it."""

    id: int
    record_no: str
    indicator: str
    indicator_name: str
    source: str
    state: ObjectionState
    filed_at: datetime
    answered_at: datetime | None
    clock: Clock | None
    second_look_of: int | None
    taken_by: str | None
    exchange: Exchange


@dataclass(frozen=True, slots=True)
class CaseFile:
    """One objection with the record as it is now, whom it is about (masked), and what was written."""

    objection: ShownObjection
    indicator_name: str
    record: dict[str, Any]
    levels: tuple[str, ...]
    record_state: str
    source: str
    askable: bool
    resident_id: int
    name: str
    id_number: str
    district: str | None
    answered_by: str | None
    messages: tuple[Message, ...]
    first: ShownObjection | None
    first_by: str | None


def list_cases(
    ctx: Context, officer: StaffCaller, pile: Pile, sought: str, at: datetime
) -> tuple[list[CaseLine], bool]:
    """Those of this pile that hold the words sought; what is due first comes first. And whether there are more than shown."""
    rulebook = ctx.rules.up_to_date().rulebook(day_of(at))
    named = [i.code for i in rulebook.indicators if sought and sought in i.name]
    query = _query(officer, pile, sought, named)
    rows = db.session.execute(query.limit(MOST_SHOWN + 1)).all()
    exchanges = _exchanges([objection.id for objection, _record, _source in rows])
    lines = []
    for objection, record, source in rows[:MOST_SHOWN]:
        state = ObjectionState(objection.state)
        known = rulebook.by_code.get(record.indicator)
        lines.append(
            CaseLine(
                id=objection.id,
                record_no=record.record_no,
                indicator=record.indicator,
                indicator_name=known.name if known else record.indicator,
                source=source,
                state=state,
                filed_at=objection.filed_at,
                answered_at=objection.answered_at,
                clock=running_clock(objection, at) if state is ObjectionState.OPEN else None,
                second_look_of=objection.second_look_of,
                taken_by=objection.taken_by,
                exchange=exchanges.get(objection.id, Exchange.NONE),
            )
        )
    if pile is not Pile.CLOSED:
        lines.sort(key=lambda c: (c.clock.answer_by if c.clock else date.max, c.filed_at, c.id))
    if pile is Pile.URGENT:
        lines = [c for c in lines if c.clock and (c.clock.warning or c.clock.overdue)]
    return lines, len(rows) > MOST_SHOWN


def count_cases(officer: StaffCaller, at: datetime) -> tuple[int, int]:
    """How many open ones are the officer's own or nobody's yet, and how many are urgent, however many there are."""
    query = select(Objection.filed_at, Objection.extended_because, Objection.taken_by).where(
        Objection.state == ObjectionState.OPEN
    )
    rows = db.session.execute(_of_districts(query, officer)).all()
    today = day_of(at)
    clocks = [clock(day_of(filed_at), extended is not None, today) for filed_at, extended, _by in rows]
    to_do = sum(taken_by in (None, officer.username) for _at, _extended, taken_by in rows)
    return to_do, sum(c.warning or c.overdue for c in clocks)


def open_case(ctx: Context, officer: StaffCaller, objection_id: int, at: datetime) -> CaseFile:
    """Everything about one objection; the look leaves a trace."""
    objection_shown = look_at_objection(ctx, officer, objection_id, at)
    objection = db.session.get_one(Objection, objection_id)
    record = db.session.get_one(RecordRow, objection.record_id)
    resident = db.session.get_one(Resident, objection.resident_id)
    source = db.session.get_one(Source, record.source)
    known = ctx.rules.up_to_date().rulebook(day_of(at)).by_code.get(record.indicator)
    first = objection.second_look_of and db.session.get_one(Objection, objection.second_look_of)
    return CaseFile(
        objection=objection_shown,
        indicator_name=known.name if known else record.indicator,
        record={
            "发生日期": record.occurred_on,
            "文号": record.document_no,
            "作出机关": record.issuer,
            "数量": f"{record.quantity.normalize():f}",
            "级别": record.level,
            "类别": record.severity,
            "有效期自": record.valid_from,
            "有效期至": record.valid_to,
        },
        levels=tuple(known.kind.levels) if known and isinstance(known.kind, LevelMap) else (),
        record_state=RECORD_STATES[RecordState(record.state)],
        source=source.name,
        askable=record.source not in NOBODY,
        resident_id=resident.id,
        name=masked_name(ctx.vault.open(resident.key_id, resident.name_sealed, "name")),
        id_number=masked_number(ctx.vault.open(resident.key_id, resident.id_number_sealed, "id_number")),
        district=resident.district,
        answered_by=objection.answered_by,
        messages=tuple(messages_of(ctx, [objection.id]).get(objection.id, ())),
        first=shown(ctx, first, record, at) if first else None,
        first_by=first.answered_by if first else None,
    )


def name_for_letter(
    ctx: Context, officer: StaffCaller, objection_id: int, reason: str, at: datetime
) -> tuple[str, str]:
    """The resident's whole name and number, for a letter that is to reach them; the reason stays on the record."""
    if not reason:
        raise InvalidInput("REASON_MISSING", "请写明为什么需要全名与完整号码，如“邮寄送达”", "reason")
    with transaction():
        objection, _record = in_reach(officer, objection_id)
        resident = db.session.get_one(Resident, objection.resident_id)
        write_audit(
            at,
            officer.actor,
            "reveal_identity",
            f"resident:{resident.id}",
            purpose="OBJECTION",
            objection=objection.id,
            reason=reason,
        )
        name = ctx.vault.open(resident.key_id, resident.name_sealed, "name")
        return name, ctx.vault.open(resident.key_id, resident.id_number_sealed, "id_number")


def _query(
    officer: StaffCaller, pile: Pile, sought: str, indicators: list[str]
) -> Select[tuple[Objection, RecordRow, str]]:
    query = (
        select(Objection, RecordRow, Source.name)
        .join(RecordRow, RecordRow.id == Objection.record_id)
        .join(Source, Source.code == RecordRow.source)
    )
    query = _of_districts(query, officer)
    if pile is Pile.CLOSED:
        query = query.where(Objection.state != ObjectionState.OPEN).order_by(
            Objection.answered_at.desc(), Objection.id.desc()
        )
    else:
        query = query.where(Objection.state == ObjectionState.OPEN).order_by(Objection.filed_at, Objection.id)
    if pile is Pile.MINE:
        query = query.where(Objection.taken_by == officer.username)
    if sought:
        holds = [
            column.contains(sought, autoescape=True)
            for column in (RecordRow.record_no, Source.name, Objection.taken_by)
        ]
        numbers = (
            [Objection.id == int(sought)]
            if sought.isascii() and sought.isdigit() and len(sought) < 19
            else []
        )
        query = query.where(or_(*holds, *numbers, RecordRow.indicator.in_([sought.upper(), *indicators])))
    return query


def _of_districts(query: Select[Any], officer: StaffCaller) -> Select[Any]:
    if not officer.districts:
        return query
    return query.join(Resident, Resident.id == Objection.resident_id).where(
        Resident.district.in_(officer.districts)
    )


def _exchanges(objection_ids: list[int]) -> dict[int, Exchange]:
    """Who wrote last, by objection."""
    last = (
        select(func.max(ObjectionMessage.id))
        .where(ObjectionMessage.objection_id.in_(objection_ids))
        .group_by(ObjectionMessage.objection_id)
    )
    rows = db.session.execute(
        select(ObjectionMessage.objection_id, ObjectionMessage.from_source).where(
            ObjectionMessage.id.in_(last)
        )
    )
    return {number: Exchange.ANSWERED if answered else Exchange.ASKED for number, answered in rows}
