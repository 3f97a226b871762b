"""The journal: decisions made from Redis, on their way to PostgreSQL. Each arrives once, whoever is killed when."""

from __future__ import annotations

import logging
import struct
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, fields
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
# Of many decisions, in the place of the first length: no single note is of no length at all.
MANY = struct.Struct(">HI")
ID_BYTES = 16
# A turn of the keeper must be over well before the vouchers are, however much is waiting: the rest is for the next turn.
LONGEST = 0.3
# About so many decisions are stored in one transaction.
TOGETHER = 500
MOST_ENTRIES = 1000
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


@dataclass(slots=True)
class ManyNotes:
    """Decisions of one merchant at one moment without a pass, as one entry of the journal.

    `scenarios` are code and revision, `people` the residents (None: nobody) with the facts that the decisions about them
    rest on, `asked` the places of person and scenario in these lists with the code and the offer.
    """

    at_ms: int
    merchant_id: int
    rulebook: str
    scenarios: list[tuple[str, int]]
    people: list[tuple[int | None, bytes]] = field(default_factory=list)
    asked: list[tuple[int, int, str, int | None]] = field(default_factory=list)
    ids: bytes = b""

    def to_entry(self) -> bytes:
        """As the journal keeps it."""
        facts = [packed for _resident, packed in self.people]
        head = orjson.dumps(
            {
                "at_ms": self.at_ms,
                "merchant_id": self.merchant_id,
                "rulebook": self.rulebook,
                "scenarios": self.scenarios,
                "people": [(resident_id, len(packed)) for resident_id, packed in self.people],
                "asked": self.asked,
            }
        )
        return b"".join((MANY.pack(0, len(head)), head, self.ids, *facts))

    @staticmethod
    def rows(entry: bytes) -> Iterator[dict[str, Any]]:
        """An entry as the table of decisions keeps it."""
        _none, length = MANY.unpack_from(entry)
        ids_at = MANY.size + length
        held = orjson.loads(entry[MANY.size : ids_at])
        facts_at = ids_at + ID_BYTES * len(held["asked"])
        people = []
        for resident_id, size in held["people"]:
            people.append((resident_id, entry[facts_at : facts_at + size] or None))
            facts_at += size
        at = datetime.fromtimestamp(held["at_ms"] / 1000, UTC)
        for n, (person, scenario, code, offer) in enumerate(held["asked"]):
            begin = ids_at + ID_BYTES * n
            resident_id, facts = people[person]
            yield {
                "decision_id": "d" + entry[begin : begin + ID_BYTES].hex(),
                "at": at,
                "merchant_id": held["merchant_id"],
                "resident_id": resident_id,
                "pass_hash": None,
                "scenario": held["scenarios"][scenario][0],
                "revision": held["scenarios"][scenario][1],
                "rulebook": held["rulebook"],
                "code": code,
                "offer": offer,
                "facts": facts,
            }


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
            decisions = sum(_decisions_in(e) for e in entries)
            stored = _store(entries)
            ctx.copies.strike_journal(stored)
            taken += decisions
            if time.monotonic() > end:
                return taken
            if len(stored) < len(entries):
                break
            # One entry may hold a single decision or a hundred.
            most = min(most * 2, MOST_ENTRIES) if decisions < TOGETHER else max(most // 2, 1)
    return taken


def _decisions_in(entry: JournalEntry) -> int:
    note_length, _facts = LENGTHS.unpack_from(entry.entry)
    return 1 if note_length else sum(1 for _row in ManyNotes.rows(entry.entry))


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
        if not LENGTHS.unpack_from(held.entry)[0]:
            rows += ManyNotes.rows(held.entry)
            continue
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
