"""The demo city's residents and records as the tables of a snapshot, block by block, and as the domain knows them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from haihe.city.columns import HUNDRED, ResidentFacts, consent, records_schema, residents_schema
from haihe.demo.births import births
from haihe.demo.histories import CODES, LEVELS, SEVERITIES, STATES, Records, records_of
from haihe.demo.people import NEVER, Residents, residents_of
from haihe.demo.plan import Plan, districts
from haihe.domain.records import Record, RecordState, Severity
from tests.city.imagined import Life

CLASSES = ("MEDICAL", "BLOOD_DONATION")
# Row groups of whole blocks: a range of residents then reads only the groups that hold it.
BLOCKS_A_GROUP = 5


def blocks(plan: Plan) -> Iterator[tuple[pa.Table, pa.Table]]:
    """Residents and records of one block after another; ids count from 1 and rows are ordered by resident."""
    born, stated = births(plan), 0
    for block, first, count in plan.blocks():
        people = residents_of(plan, born, block, first, count)
        records = records_of(plan, people, block)
        yield _residents(people, first), _records(records, first, stated)
        stated += len(records)


def write_city(plan: Plan, out: Path) -> int:
    """`residents.parquet` and `records.parquet` in this directory; returns how many records there are."""
    written = 0
    with (
        pq.ParquetWriter(out / "residents.parquet", residents_schema(CLASSES), compression="zstd") as people,
        pq.ParquetWriter(out / "records.parquet", records_schema(), compression="zstd") as stated,
    ):
        waiting: list[tuple[pa.Table, pa.Table]] = []
        for pair in blocks(plan):
            waiting.append(pair)
            written += len(pair[1])
            if len(waiting) == BLOCKS_A_GROUP:
                _write(people, stated, waiting)
        _write(people, stated, waiting)
    return written


def lives_of(residents: pa.Table, records: pa.Table) -> list[Life]:
    """The same rows as the domain knows them."""
    histories: defaultdict[int, list[Record]] = defaultdict(list)
    for r in records.to_pylist():
        histories[r["resident_id"]].append(
            Record(
                record_id=r["record_id"],
                indicator=r["indicator"],
                occurred_on=r["occurred_on"],
                quantity=Decimal(r["hundredths"]) / HUNDRED,
                level=r["level"],
                severity=Severity(r["severity"]) if r["severity"] else None,
                valid_from=r["valid_from"],
                valid_to=r["valid_to"],
                state=RecordState(r["state"]),
            )
        )
    return [
        Life(
            ResidentFacts(
                resident_id=r["resident_id"],
                birth_date=r["birth_date"],
                district=r["district"],
                joined=r["joined"],
                sensitive_consents=frozenset(c for c in CLASSES if r[consent(c)]),
            ),
            tuple(histories[r["resident_id"]]),
        )
        for r in residents.to_pylist()
    ]


def _write(
    people: pq.ParquetWriter, stated: pq.ParquetWriter, waiting: list[tuple[pa.Table, pa.Table]]
) -> None:
    if waiting:
        people.write_table(pa.concat_tables(p for p, _ in waiting))
        stated.write_table(pa.concat_tables(s for _, s in waiting))
        waiting.clear()


def _residents(people: Residents, first: int) -> pa.Table:
    columns = (
        np.arange(first + 1, first + len(people) + 1),
        people.birth.astype("datetime64[D]"),
        _words(people.district, districts().codes),
        people.joined_days != NEVER,
        people.medical,
        people.blood,
    )
    return _table(columns, residents_schema(CLASSES))


def _records(records: Records, first: int, stated: int) -> pa.Table:
    columns = (
        np.arange(stated + 1, stated + len(records) + 1),
        records.resident.astype(np.int64) + first + 1,
        _words(records.habit, CODES),
        records.occurred.astype("datetime64[D]"),
        records.quantity.astype(np.int64) * HUNDRED,
        _words(records.level, LEVELS),
        _words(records.severity, SEVERITIES),
        pa.nulls(len(records), pa.date32()),
        records.valid_to.astype("datetime64[D]"),
        _words(records.state, STATES),
    )
    return _table(columns, records_schema())


def _words(numbers: np.ndarray, words: Sequence[str | None]) -> pa.Array:
    """Numbers into words; the word None, where there is one, is the first."""
    absent = numbers == 0 if words[0] is None else None
    known = pa.array([word or "" for word in words])
    return pa.DictionaryArray.from_arrays(pa.array(numbers.astype(np.int16), mask=absent), known)


def _table(columns: Sequence[object], schema: pa.Schema) -> pa.Table:
    arrays = [
        c if isinstance(c, pa.Array) else pa.array(c, type=f.type)
        for c, f in zip(columns, schema, strict=True)
    ]
    return pa.Table.from_arrays(arrays, schema=schema)
