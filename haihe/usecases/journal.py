"""The journal: decisions made from Redis, on their way to PostgreSQL. Each arrives once, whoever is killed when.

Here are those by pass, one by one; batches have a journal of their own (batch_journal.py).
"""

from __future__ import annotations

import logging
import struct
import time
from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Any

import orjson
from sqlalchemy.exc import SQLAlchemyError

from haihe.cache.copies import JournalEntry
from haihe.storage.db import transaction
from haihe.storage.passes import TakenTogetherOrNotAtAll, add_decisions, claim_passes
from haihe.usecases.context import Context

READER = "keeper"
LENGTHS = struct.Struct(">HH")
# A turn of the keeper must be over well before the vouchers are, however much is waiting: the rest is for the next turn.
LONGEST = 0.3
# Of each stream, in one transaction.
MOST_ENTRIES = 64
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class DecisionNote:
    """One decision in few words."""

    decision_id: str
    at_ms: int
    merchant_id: int
    resident_id: int | None
    pass_hash: bytes
    scenario: str
    revision: int
    rulebook: str
    code: str
    offer: int | None

    def to_entry(self, facts: bytes = b"", answer: bytes = b"") -> bytes:
        """As the journal keeps it, with the facts it rested on and the answer that was given, if they settled a pass."""
        note = orjson.dumps(
            {name: getattr(self, name) for name in FIELDS} | {"pass_hash": self.pass_hash.hex()}
        )
        return LENGTHS.pack(len(note), len(facts)) + note + facts + answer

    @staticmethod
    def from_entry(entry: bytes) -> tuple[DecisionNote, bytes, bytes]:
        """Note, facts and answer as the journal kept them."""
        note_length, facts_length = LENGTHS.unpack_from(entry)
        facts_at = LENGTHS.size + note_length
        answer_at = facts_at + facts_length
        held = orjson.loads(entry[LENGTHS.size : facts_at])
        note = DecisionNote(**held | {"pass_hash": bytes.fromhex(held["pass_hash"])})
        return note, entry[facts_at:answer_at], entry[answer_at:]

    def to_row(self, facts: bytes | None) -> dict[str, Any]:
        """As the table of decisions keeps it."""
        row = {name: getattr(self, name) for name in FIELDS if name != "at_ms"}
        at = datetime.fromtimestamp(self.at_ms / 1000, UTC)
        return row | {"pass_hash": self.pass_hash, "at": at, "facts": facts or None}


FIELDS = tuple(f.name for f in fields(DecisionNote) if f.name != "pass_hash")


def take_over_journal(ctx: Context, patience: float = LONGEST) -> int:
    """Move what the journal holds into PostgreSQL; returns how many decisions that were.

    First what was begun on before and not finished, then what is new, a few entries of every stream at a time, until there
    are no more or the time is up. An entry is struck off only once it is committed; one that is read twice changes nothing
    the second time.
    """
    end = time.monotonic() + patience
    taken, most = 0, 1
    for from_start in (True, False):
        while entries := ctx.copies.read_journal(READER, most, from_start):
            stored = _store(entries)
            ctx.copies.strike_journal(stored)
            taken += len(entries)
            if time.monotonic() > end:
                return taken
            if len(stored) < len(entries):
                break
            most = min(most * 2, MOST_ENTRIES)
    return taken


def _store(entries: list[JournalEntry]) -> list[JournalEntry]:
    """Commit the entries, all at once if possible; returns those that PostgreSQL now has."""
    try:
        _store_together(entries, some_may_be_there=False)
    except (SQLAlchemyError, TakenTogetherOrNotAtAll):
        return [e for e in entries if _store_alone(e)]
    return entries


def _store_together(entries: Sequence[JournalEntry], some_may_be_there: bool) -> None:
    rows: list[dict[str, Any]] = []
    claims = []
    for held in entries:
        note, facts, answer = DecisionNote.from_entry(held.entry)
        rows.append(note.to_row(facts))
        if answer:
            claims.append((note.pass_hash, note.merchant_id, note.decision_id, answer))
    with transaction():
        add_decisions(rows, some_may_be_there)
        claim_passes(claims)


def _store_alone(entry: JournalEntry) -> bool:
    """One entry that PostgreSQL refuses must not hold up the others; it stays in the journal and is complained of."""
    try:
        _store_together([entry], some_may_be_there=True)
    except SQLAlchemyError:
        log.exception("journal entry %s of %s cannot be stored", entry.entry_id, entry.stream)
        return False
    return True
