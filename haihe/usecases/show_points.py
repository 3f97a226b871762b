"""海河分 as its resident sees it: computed this moment from the records, with every record behind every line."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import func, select

from haihe.domain.dates import ago
from haihe.domain.explaining import LineExplanation, ScoreExplanation, explain_score
from haihe.domain.rulebook import Rulebook
from haihe.domain.scoring import FORESEEN_MONTHS
from haihe.storage.db import db
from haihe.storage.records import RecordRow, Source
from haihe.storage.residents import Resident
from haihe.storage.scores import LedgerEntry
from haihe.usecases.consents import not_joined, require_age
from haihe.usecases.context import Context, day_of
from haihe.usecases.gather_facts import gather_facts
from haihe.usecases.rescore import (
    ACCRUED,
    CONSENT,
    CORRECTED,
    DISPUTED,
    EXPIRED,
    NEW,
    REPAIRED,
    RULE_CHANGE,
)

CAUSE_WORDS = {
    NEW: "新的记录",
    EXPIRED: "记录到期",
    ACCRUED: "随时间增加",
    REPAIRED: "信用修复",
    DISPUTED: "异议处理",
    CORRECTED: "记录更正",
    RULE_CHANGE: "规则更新",
    CONSENT: "授权变化",
}


@dataclass(frozen=True, slots=True)
class ShownRecord:
    """The record behind a line, as its subject may see it: whole. `record_id` is what an objection names."""

    record_id: int
    record_no: str
    source: str
    occurred_on: date
    document_no: str | None
    issuer: str | None
    quantity: float
    level: str | None
    severity: str | None
    valid_to: date | None


@dataclass(frozen=True, slots=True)
class ShownLine:
    """One line of the explanation with its records."""

    dimension: str
    line: LineExplanation
    records: tuple[ShownRecord, ...]


@dataclass(frozen=True, slots=True)
class Freshness:
    """When a source last supplied data, and in words: 今天, 昨天, 3 天前."""

    source: str
    last_at: datetime
    words: str


@dataclass(frozen=True, slots=True)
class ShownPoints:
    """Everything about one resident's points today; `data_as_of` is when data last came in from a department."""

    explanation: ScoreExplanation
    lines: tuple[ShownLine, ...]
    data_as_of: datetime | None
    sources: tuple[Freshness, ...]


@dataclass(frozen=True, slots=True)
class ShownChange:
    """积分变动 in words."""

    id: int
    at: datetime
    on: date
    before: int
    after: int
    delta: int
    cause: str
    cause_words: str
    part: str
    part_name: str
    rulebook: str


def show_points(ctx: Context, resident_id: int, at: datetime) -> ShownPoints:
    """The points now. UNDER_AGE names the day from which there can be any; NOT_JOINED says how to begin."""
    on = day_of(at)
    rulebook = ctx.rules.up_to_date().rulebook(on)
    gathered = gather_facts([resident_id], rulebook, on, FORESEEN_MONTHS)[resident_id]
    if gathered.score is None:
        require_age(db.session.get_one(Resident, resident_id), at)
        raise not_joined()
    explained = explain_score(gathered.score, rulebook)
    lines = [(d.code, line) for d in explained.dimensions for line in d.lines]
    records = _records(resident_id, (i for _code, line in lines for i in line.record_ids))
    shown = tuple(
        ShownLine(code, line, tuple(records[i] for i in line.record_ids if i in records))
        for code, line in lines
    )
    return ShownPoints(explained, shown, _data_as_of(resident_id), _freshness(at))


def show_ledger(
    ctx: Context, resident_id: int, before: int | None, limit: int, at: datetime
) -> tuple[list[ShownChange], int | None]:
    """Changes of the total, newest first, and the cursor of the next page (None on the last)."""
    ctx.rules.up_to_date()
    query = select(LedgerEntry).where(LedgerEntry.resident_id == resident_id)
    if before is not None:
        query = query.where(LedgerEntry.id < before)
    rows = list(db.session.execute(query.order_by(LedgerEntry.id.desc()).limit(limit + 1)).scalars())
    page = [shown_change(ctx, row) for row in rows[:limit]]
    return page, page[-1].id if len(rows) > limit else None


def shown_change(ctx: Context, row: LedgerEntry) -> ShownChange:
    """One change in words, by the rulebook it was made by."""
    rulebook = ctx.rules.rulebook_version(row.rulebook) or ctx.rules.rulebook(row.on)
    return ShownChange(
        id=row.id,
        at=row.at,
        on=row.on,
        before=row.before,
        after=row.after,
        delta=row.delta,
        cause=row.cause,
        cause_words=CAUSE_WORDS[row.cause],
        part=row.part,
        part_name=_part_name(row.part, rulebook),
        rulebook=row.rulebook,
    )


def _part_name(part: str, rulebook: Rulebook) -> str:
    """What a part of the total is called: see `ScoreRow.parts`."""
    if part in rulebook.by_code:
        return rulebook.by_code[part].name
    dimension = rulebook.dimension_by_code.get(part.removesuffix("!"))
    if dimension is None:
        return part
    return f"{dimension.name}{'封顶/保底调整' if part.endswith('!') else '起始分'}"


def _records(resident_id: int, ids: Iterable[int]) -> dict[int, ShownRecord]:
    rows = db.session.execute(
        select(RecordRow, Source.name)
        .join(Source, Source.code == RecordRow.source)
        .where(RecordRow.id.in_(set(ids)), RecordRow.resident_id == resident_id)
    )
    return {
        row.id: ShownRecord(
            record_id=row.id,
            record_no=row.record_no,
            source=source,
            occurred_on=row.occurred_on,
            document_no=row.document_no,
            issuer=row.issuer,
            quantity=float(row.quantity),
            level=row.level,
            severity=row.severity,
            valid_to=row.valid_to,
        )
        for row, source in rows
    }


def _freshness(at: datetime) -> tuple[Freshness, ...]:
    supplied = select(Source.name, Source.last_import_at).where(Source.last_import_at.is_not(None))
    return tuple(
        Freshness(name, last, ago(day_of(last), day_of(at)))
        for name, last in db.session.execute(supplied.order_by(Source.last_import_at.desc(), Source.name))
        if last is not None
    )


def _data_as_of(resident_id: int) -> datetime | None:
    own = select(func.max(RecordRow.received_at)).where(RecordRow.resident_id == resident_id)
    imported = select(func.max(Source.last_import_at))
    found = [db.session.execute(query).scalar() for query in (own, imported)]
    return max((moment for moment in found if moment is not None), default=None)
