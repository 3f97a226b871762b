"""Passes and decisions as the deeds read and write them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from sqlalchemy import func, insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from haihe.domain.passes import HeldPass
from haihe.storage.db import db
from haihe.storage.decisions import DecisionRow, Pass

DECISION_COLUMNS = tuple(c.name for c in DecisionRow.__table__.columns)
COPY = f"COPY decisions ({', '.join(DECISION_COLUMNS)}) FROM STDIN"
CLAIM = (
    "UPDATE passes SET merchant_id = c.merchant_id, decision_id = c.decision_id, answer = c.answer"
    " FROM unnest(%s::bytea[], %s::int[], %s::text[], %s::bytea[]) AS c (code_hash, merchant_id, decision_id, answer)"
    " WHERE passes.code_hash = c.code_hash AND passes.merchant_id IS NULL"
)


class TakenTogetherOrNotAtAll(Exception):
    """COPY refused a batch because of one row in it; the transaction cannot go on."""


@dataclass(frozen=True, slots=True)
class PassState:
    """A pass as PostgreSQL holds it, and whether it has served or was taken back."""

    code_hash: bytes
    held: HeldPass
    ended: bool


def find_pass(code_hash: bytes) -> PassState | None:
    """The pass behind a code, locked until the transaction ends."""
    query = select(Pass).where(Pass.code_hash == code_hash).with_for_update()
    row = db.session.execute(query).scalar_one_or_none()
    return None if row is None else _state(row)


def untold_passes(most: int) -> list[PassState]:
    """Passes that Redis may still hold as they were before they were claimed or ended here."""
    rows = db.session.execute(select(Pass).where(Pass.untold).limit(most)).scalars()
    return [_state(row) for row in rows]


def mark_untold(code_hashes: Sequence[bytes]) -> None:
    """Redis could not be told of these."""
    db.session.execute(update(Pass).where(Pass.code_hash.in_(code_hashes)).values(untold=True))


def mark_told(states: Sequence[PassState]) -> None:
    """Redis holds these as PostgreSQL did when they were read; one that has ended since stays untold."""
    for ended in (False, True):
        hashes = [state.code_hash for state in states if state.ended is ended]
        same = Pass.ended_at.is_not(None) if ended else Pass.ended_at.is_(None)
        db.session.execute(update(Pass).where(Pass.code_hash.in_(hashes), same).values(untold=False))


def tell_all_again(since: datetime) -> None:
    """A Redis that was restarted may have lost what it was told last: claims and ends since then are told again."""
    settled = Pass.merchant_id.is_not(None) | Pass.ended_at.is_not(None)
    db.session.execute(update(Pass).where(Pass.expires_at >= since, settled).values(untold=True))


def claim_pass(code_hash: bytes, merchant_id: int, decision_id: str, answer: bytes) -> None:
    """This merchant owns the pass from now on, with this answer, and Redis has yet to be told. The caller has locked the
    pass and made sure that nobody else owns it."""
    db.session.execute(
        update(Pass)
        .where(Pass.code_hash == code_hash)
        .values(merchant_id=merchant_id, decision_id=decision_id, answer=answer, untold=True)
    )


def claim_passes(claims: Sequence[tuple[bytes, int, str, bytes]]) -> None:
    """Make these merchants the owners of passes that nobody owns yet: (code hash, merchant, decision, answer)."""
    if not claims:
        return
    columns = [list(column) for column in zip(*claims, strict=True)]
    db.session.connection().exec_driver_sql(CLAIM, tuple(columns))


def end_passes_of(resident_id: int, at: datetime, unscanned_only: bool = False) -> list[bytes]:
    """End a resident's passes; returns their code hashes, so that Redis can forget them too."""
    query = update(Pass).where(Pass.resident_id == resident_id, Pass.ended_at.is_(None))
    if unscanned_only:
        query = query.where(Pass.merchant_id.is_(None))
    return list(db.session.execute(query.values(ended_at=at).returning(Pass.code_hash)).scalars())


def end_pass_of_decision(decision_id: str, at: datetime) -> list[bytes]:
    """The pass behind this decision has served its order."""
    query = update(Pass).where(Pass.decision_id == decision_id).values(ended_at=at).returning(Pass.code_hash)
    return list(db.session.execute(query).scalars())


def owner_of_pass(code_hash: bytes | None) -> str | None:
    """The decision by which the pass is owned; None where nobody owns it, or it has ended."""
    query = select(Pass.decision_id).where(Pass.code_hash == code_hash, Pass.ended_at.is_(None))
    return db.session.execute(query).scalar()


def lock_order_number(merchant_id: int, out_order_no: str) -> None:
    """Whoever opens an order under this number at the same time waits until the transaction has ended."""
    db.session.execute(select(func.pg_advisory_xact_lock(merchant_id, func.hashtext(out_order_no))))


def asked_since(merchant_id: int, resident_ids: Sequence[int], since: datetime) -> dict[int, int]:
    """How many decisions about each of these residents this merchant has been given since then."""
    rows = db.session.execute(
        select(DecisionRow.resident_id, func.count())
        .where(
            DecisionRow.resident_id.in_(resident_ids),
            DecisionRow.merchant_id == merchant_id,
            DecisionRow.at > since,
        )
        .group_by(DecisionRow.resident_id)
    )
    return {resident_id: count for resident_id, count in rows if resident_id is not None}


def add_decision(row: dict[str, Any]) -> None:
    """Put one decision on the record."""
    db.session.execute(insert(DecisionRow).values(row))


def add_decisions(rows: Sequence[dict[str, Any]], some_may_be_there: bool = False) -> None:
    """Put decisions on the record. COPY takes them fastest but refuses them all if one is there already; whoever is not
    sure says so, and those that are there are left alone."""
    if some_may_be_there:
        db.session.execute(upsert(DecisionRow.__table__).on_conflict_do_nothing(), list(rows))
        return
    driver = db.session.connection().connection.driver_connection
    assert driver is not None
    try:
        with driver.cursor() as cursor, cursor.copy(COPY) as copy:
            for row in rows:
                copy.write_row([row[c] for c in DECISION_COLUMNS])
    except psycopg.Error as error:
        raise TakenTogetherOrNotAtAll(str(error)) from error


def _state(row: Pass) -> PassState:
    expires_ms = int(row.expires_at.timestamp() * 1000)
    held = HeldPass(row.resident_id, expires_ms, row.scenario, row.merchant_id, row.answer)
    return PassState(row.code_hash, held, row.ended_at is not None)
