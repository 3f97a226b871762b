"""The journal of batches: many decisions made together from Redis, on their way to PostgreSQL as one entry.

It is kept apart from the decisions by pass, whose claims must never wait behind it. Redis holds a bounded number of batches:
when PostgreSQL falls so far behind, whoever asks stores the batch in PostgreSQL and waits for it.
"""

from __future__ import annotations

import logging
import struct
import time
from collections.abc import Sequence

import orjson
from sqlalchemy.exc import SQLAlchemyError

from haihe.cache.copies import CacheDown, JournalEntry
from haihe.storage.db import transaction
from haihe.storage.many_decisions import ManyDecisions, store_many
from haihe.storage.passes import TakenTogetherOrNotAtAll, add_decisions
from haihe.usecases.context import Context

READER = "keeper"
ADOPTED_AFTER_MS = 5000
CHANCE_BYTES = 16
# Chance, length of the head, number of people, number of decisions; then the head, of each person the number (0: nobody) and
# the length of the facts, three numbers of each decision, and the facts.
LENGTHS = struct.Struct(">16sHHH")
# About so many decisions are stored in one transaction.
TOGETHER = 5000
MOST_ENTRIES = 64
LOOKED_THROUGH = 32
log = logging.getLogger(__name__)


def write_down(ctx: Context, batch: ManyDecisions) -> None:
    """Put a batch on the record: into the journal, or into PostgreSQL where Redis does not answer or is full."""
    try:
        if ctx.copies.write_down(_stream_of(batch.chance), _packed(batch)):
            return
    except CacheDown:
        pass
    _store([batch])


def open_batches(ctx: Context) -> None:
    """Ready to take over, also what another reader has begun on and left."""
    ctx.copies.open_journal()
    ctx.copies.adopt_journal(READER, ADOPTED_AFTER_MS)


def take_over_batches(ctx: Context, patience: float) -> int:
    """Move what the journal holds into PostgreSQL until nothing is left or the time is up; returns how many decisions.

    An entry is struck off only once it is committed; one that is read twice changes nothing the second time.
    """
    end = time.monotonic() + patience
    taken, most = 0, 1
    for from_start in (True, False):
        while entries := ctx.copies.read_batches(READER, most, from_start):
            stored = [(e, _unpacked(e.entry)) for e in entries]
            decisions = sum(len(batch) for _entry, batch in stored)
            kept = _store_entries(stored)
            ctx.copies.strike_journal(kept)
            taken += decisions
            if time.monotonic() > end:
                return taken
            if len(kept) < len(entries):
                break
            most = min(most * 2, MOST_ENTRIES) if decisions < TOGETHER else max(most // 2, 1)
    return taken


def take_over_decision(ctx: Context, wanted: str) -> None:
    """Store the one batch in which this decision was made, however many are waiting before it."""
    chance = bytes.fromhex(wanted[1 : 1 + 2 * CHANCE_BYTES])
    for entry in ctx.copies.batches_in(_stream_of(chance), LOOKED_THROUGH):
        if entry.startswith(chance):
            _store_again(_unpacked(entry))
            return


def _stream_of(chance: bytes) -> int:
    # By its number a decision is found again while it is waiting.
    return chance[0]


def _store_entries(entries: Sequence[tuple[JournalEntry, ManyDecisions]]) -> list[JournalEntry]:
    """Commit them, all at once if possible; returns those that PostgreSQL now has."""
    try:
        with transaction():
            store_many([batch for _entry, batch in entries])
    except (SQLAlchemyError, TakenTogetherOrNotAtAll):
        return [entry for entry, batch in entries if _store_alone(entry, batch)]
    return [entry for entry, _batch in entries]


def _store_alone(entry: JournalEntry, batch: ManyDecisions) -> bool:
    """One entry that PostgreSQL refuses must not hold up the others; it stays in the journal and is complained of."""
    try:
        _store_again(batch)
    except SQLAlchemyError:
        log.exception("journal entry %s of %s cannot be stored", entry.entry_id, entry.stream)
        return False
    return True


def _store(batches: Sequence[ManyDecisions]) -> None:
    try:
        with transaction():
            store_many(batches)
    except TakenTogetherOrNotAtAll:
        # Redis had taken the batch after all, though it did not say so in time.
        for batch in batches:
            _store_again(batch)


def _store_again(batch: ManyDecisions) -> None:
    """Decisions that are there already are left alone."""
    with transaction():
        add_decisions(list(batch.rows()), some_may_be_there=True)


def _packed(batch: ManyDecisions) -> bytes:
    head = orjson.dumps((batch.at_ms, batch.merchant_id, batch.rulebook, batch.scenarios))
    people: list[int] = []
    for resident_id, facts in batch.people:
        people += (resident_id or 0, len(facts))
    return b"".join(
        (
            LENGTHS.pack(batch.chance, len(head), len(batch.people), len(batch)),
            head,
            struct.pack(">" + "QH" * len(batch.people), *people),
            struct.pack(f">{len(batch.asked)}h", *batch.asked),
            *[facts for _resident, facts in batch.people],
        )
    )


def _unpacked(entry: bytes) -> ManyDecisions:
    chance, length, persons, decisions = LENGTHS.unpack_from(entry)
    at = LENGTHS.size + length
    at_ms, merchant_id, rulebook, scenarios = orjson.loads(entry[LENGTHS.size : at])
    held = struct.unpack_from(">" + "QH" * persons, entry, at)
    at += 10 * persons
    asked = struct.unpack_from(f">{3 * decisions}h", entry, at)
    at += 6 * decisions
    people = []
    for resident_id, size in zip(held[::2], held[1::2], strict=True):
        people.append((resident_id or None, entry[at : at + size]))
        at += size
    return ManyDecisions(at_ms, merchant_id, rulebook, chance, scenarios, people, asked)
