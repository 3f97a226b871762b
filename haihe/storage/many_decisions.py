"""Many decisions at once, in the binary form in which PostgreSQL's COPY takes rows fastest."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import psycopg

from haihe.domain.compiled import code_of
from haihe.storage.db import db
from haihe.storage.passes import TakenTogetherOrNotAtAll

# One place in a batch in three hexadecimal digits: a batch has no more questions than that.
PLACES = tuple(f"{n:03x}" for n in range(4096))
PLACES_IN_BYTES = tuple(place.encode() for place in PLACES)

COLUMNS = (
    "decision_id, resident_id, facts, at, merchant_id, pass_hash, scenario, revision, rulebook, code, offer"
)
COPY = f"COPY decisions ({COLUMNS}) FROM STDIN (FORMAT BINARY)"
BEGINNING, END = b"PGCOPY\n\xff\r\n\0" + bytes(8), b"\xff\xff"
COUNT = struct.pack(">h", len(COLUMNS.split()))
NULL = struct.pack(">i", -1)
# PostgreSQL counts microseconds from here.
POSTGRES_EPOCH_MS = 946_684_800_000


@dataclass(frozen=True, slots=True)
class ManyDecisions:
    """Decisions of one merchant at one moment, without a pass.

    `chance` is what their numbers have in common (see `decision_id`). `scenarios` are code and revision, `people` the
    residents (None: nobody) with the facts that the decisions about them rest on. `asked` has three numbers for each
    decision: the places of person and scenario in these lists, and the answer of the compiled scenario.
    """

    at_ms: int
    merchant_id: int
    rulebook: str
    chance: bytes
    scenarios: Sequence[tuple[str, int]]
    people: Sequence[tuple[int | None, bytes]]
    asked: Sequence[int]

    def __len__(self) -> int:
        return len(self.asked) // 3

    def rows(self) -> Iterator[dict[str, Any]]:
        """One by one, as the table of decisions keeps them."""
        at = datetime.fromtimestamp(self.at_ms / 1000, UTC)
        for n, (person, scenario, judged) in enumerate(_threes(self.asked)):
            resident_id, facts = self.people[person]
            code, revision = self.scenarios[scenario]
            yield {
                "decision_id": decision_id(self.chance, n),
                "at": at,
                "merchant_id": self.merchant_id,
                "resident_id": resident_id,
                "pass_hash": None,
                "scenario": code,
                "revision": revision,
                "rulebook": self.rulebook,
                "code": code_of(judged),
                "offer": judged if judged >= 0 else None,
                "facts": facts or None,
            }


def decision_id(chance: bytes, place: int) -> str:
    """The number of a decision among many: 128 bits of chance that they share, and its place."""
    return f"d{chance.hex()}{PLACES[place]}"


def store_many(batches: Sequence[ManyDecisions]) -> None:
    """Put them all on the record, or none of them: TakenTogetherOrNotAtAll where one is there already."""
    driver = db.session.connection().connection.driver_connection
    assert driver is not None
    try:
        with driver.cursor() as cursor, cursor.copy(COPY) as copy:
            copy.write(BEGINNING)
            for batch in batches:
                copy.write(_packed(batch))
            copy.write(END)
    except psycopg.Error as error:
        raise TakenTogetherOrNotAtAll(str(error)) from error


def _packed(batch: ManyDecisions) -> bytes:
    """The rows one after the other. What rows have in common is written once, and only put together for each."""
    begins = COUNT + _field(decision_id(batch.chance, 0).encode())[: -len(PLACES[0])]
    people = [
        (NULL if resident_id is None else _field(resident_id.to_bytes(8, "big"))) + _field(facts or None)
        for resident_id, facts in batch.people
    ]
    when = struct.pack(">iq", 8, (batch.at_ms - POSTGRES_EPOCH_MS) * 1000) + _number(batch.merchant_id) + NULL
    endings: dict[tuple[int, int], bytes] = {}
    parts: list[bytes] = []
    for place, (person, scenario, judged) in zip(PLACES_IN_BYTES, _threes(batch.asked), strict=False):
        ending = endings.get((scenario, judged))
        if ending is None:
            code, revision = batch.scenarios[scenario]
            ending = endings[scenario, judged] = b"".join(
                (
                    when,
                    _field(code.encode()),
                    _number(revision),
                    _field(batch.rulebook.encode()),
                    _field(code_of(judged).encode()),
                    _number(judged) if judged >= 0 else NULL,
                )
            )
        parts += (begins, place, people[person], ending)
    return b"".join(parts)


def _threes(asked: Sequence[int]) -> Iterator[tuple[int, int, int]]:
    each = iter(asked)
    return zip(each, each, each, strict=True)


def _field(value: bytes | None) -> bytes:
    return NULL if value is None else struct.pack(">i", len(value)) + value


def _number(value: int) -> bytes:
    return struct.pack(">ii", 4, value)
