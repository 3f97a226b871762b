"""本人申明: facts whose source is the resident, so that no benefit is a dead end for want of somebody to ask."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import select

from haihe.domain.errors import NotFound
from haihe.domain.records import RecordState
from haihe.domain.rulebook import Fact, Rulebook
from haihe.storage.audit import write_audit
from haihe.storage.copies import lock_residents
from haihe.storage.db import db, transaction
from haihe.storage.reading import JOIN
from haihe.storage.records import RecordRow
from haihe.usecases.consents import consents_in_force, not_joined
from haihe.usecases.context import Context, day_of
from haihe.usecases.own_records import SELF, SELF_NAME, state_record
from haihe.usecases.rescore import NEW, Rescored, Touched, hold_copies, rescore

# How a rulebook writes that a fact is for the resident to state.
ONESELF = "居民本人"
YES, NO = "YES", "NO"


@dataclass(frozen=True, slots=True)
class Declaration:
    """One fact, and what the resident has said about it; both None where nothing has been said."""

    fact: str
    name: str
    holds: bool | None
    declared_on: date | None


def declare(ctx: Context, resident_id: int, fact_code: str, holds: bool, at: datetime) -> Declaration:
    """Say that a fact holds, or that it does not; saying so again changes nothing, saying otherwise is a new version."""
    declarable = _declarable(ctx.rules.up_to_date().rulebook(day_of(at)))
    fact = declarable.get(fact_code)
    if fact is None:
        raise NotFound("FACT_NOT_YOURS", "这项事实不由本人申明，或没有这项事实", "fact")
    with transaction():
        lock_residents([resident_id])
        if JOIN not in consents_in_force(resident_id):
            raise not_joined()
        level = YES if holds else NO
        rescored = Rescored()
        record_id = state_record(SELF, SELF_NAME, list(declarable), resident_id, fact.code, level, at)
        if record_id is not None:
            write_audit(
                at,
                f"resident:{resident_id}",
                "declare",
                f"resident:{resident_id}",
                fact=fact.code,
                level=level,
            )
            touched = Touched()
            touched.add(fact.code, NEW, record_id)
            rescored = rescore(ctx, {resident_id: touched}, at)
    hold_copies(ctx, rescored)
    return Declaration(fact.code, fact.name, holds, day_of(at))


def list_declarations(ctx: Context, resident_id: int, at: datetime) -> list[Declaration]:
    """Every fact that is the resident's own to state, with what they have said."""
    facts = _declarable(ctx.rules.up_to_date().rulebook(day_of(at)))
    rows = db.session.execute(
        select(RecordRow.indicator, RecordRow.level, RecordRow.occurred_on).where(
            RecordRow.source == SELF,
            RecordRow.resident_id == resident_id,
            RecordRow.state == RecordState.EFFECTIVE,
        )
    )
    said = {row.indicator: row for row in rows}
    return [
        Declaration(
            code,
            fact.name,
            said[code].level == YES if code in said else None,
            said[code].occurred_on if code in said else None,
        )
        for code, fact in facts.items()
    ]


def _declarable(rulebook: Rulebook) -> dict[str, Fact]:
    return {f.code: f for f in rulebook.facts if f.department == ONESELF}
