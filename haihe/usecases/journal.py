"""The journal: decisions made from Redis, on their way to PostgreSQL. Each arrives once, whoever is killed when."""

from __future__ import annotations

import logging
import struct
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


def take_over_journal(ctx: Context, most: int = 1000) -> int:
    """Move what the journal holds into PostgreSQL; returns how many decisions that were.

    First what was begun on before and not finished, then what is new. An entry is struck off only once it is
    committed; one that is read twice changes nothing the second time.
    """
    taken = 0
    for from_start in (True, False):
        entries = ctx.copies.read_journal(READER, most, from_start)
        if entries:
            ctx.copies.strike_journal(_store(entries))
            taken += len(entries)
    return taken


def _store(entries: list[JournalEntry]) -> list[JournalEntry]:
    """Commit the entries, all at once if possible; returns those that PostgreSQL now has."""
    try:
        _store_together(entries, some_may_be_there=False)
    except (SQLAlchemyError, TakenTogetherOrNotAtAll):
        return [e for e in entries if _store_alone(e)]
    return entries


def _store_together(entries: list[JournalEntry], some_may_be_there: bool) -> None:
    read = [DecisionNote.from_entry(e.entry) for e in entries]
    with transaction():
        add_decisions([note.to_row(facts) for note, facts, _answer in read], some_may_be_there)
        claim_passes(
            [(n.pass_hash, n.merchant_id, n.decision_id, answer) for n, _facts, answer in read if answer]
        )


def _store_alone(entry: JournalEntry) -> bool:
    """One entry that PostgreSQL refuses must not hold up the others; it stays in the journal and is complained of."""
    try:
        _store_together([entry], some_may_be_there=True)
    except SQLAlchemyError:
        log.exception("journal entry %s of %s cannot be stored", entry.entry_id, entry.stream)
        return False
    return True
