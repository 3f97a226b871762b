"""The demo city as a snapshot of any size: the same plan as `haihe.demo`, written as columns instead of into a database.

One block of residents after another is made, written and forgotten, so that fourteen million need no more memory than
half a million. The same plan always gives the same rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from datetime import datetime, time
from pathlib import Path

import numpy as np
import pyarrow as pa

from haihe.city.columns import HUNDRED, orders_schema, records_schema, residents_schema
from haihe.city.reading import table_file
from haihe.city.snapshot import (
    Snapshot,
    SnapshotError,
    Watch,
    in_place_when_whole,
    open_snapshot,
    seal,
    unwatched,
)
from haihe.demo.births import births
from haihe.demo.histories import CODES, LEVELS, SEVERITIES, STATES, Records, records_of
from haihe.demo.people import NEVER, Residents, residents_of
from haihe.demo.plan import Plan, districts
from haihe.usecases.context import TIANJIN

# Whose consent the demo city's residents are asked for, in the order of `Residents`.
CLASSES = ("MEDICAL", "BLOOD_DONATION")
SCHEMAS = {"residents": residents_schema(CLASSES), "records": records_schema(), "orders": orders_schema()}
# Row groups of whole blocks: a range of residents then reads only the groups that hold it.
BLOCKS_A_GROUP = 5


def generate_snapshot(plan: Plan, directory: Path, watch: Watch = unwatched) -> Snapshot:
    """Write the city of this plan as a snapshot of its reference day; the directory must be new or empty.

    There are no orders in it, and no stored scores: it has never been in a database. Raises SnapshotError.
    """
    directory = directory.resolve()
    _refuse_what_is_there(directory)
    with in_place_when_whole(directory) as beside, watch("生成", plan.residents) as progress:
        rows = dict.fromkeys(SCHEMAS, 0)
        with ExitStack() as stack:
            writers = {
                name: stack.enter_context(table_file(beside / f"{name}.parquet", schema))
                for name, schema in SCHEMAS.items()
            }
            for people, records in _groups(plan):
                writers["residents"].write_table(people)
                writers["records"].write_table(records)
                rows["residents"] += len(people)
                rows["records"] += len(records)
                progress(len(people))
        # The moment is that of the plan, so that the same plan gives the same files.
        seal(beside, plan.reference, datetime.combine(plan.reference, time(), TIANJIN), rows)
    return open_snapshot(directory, plan.reference)


def blocks(plan: Plan) -> Iterator[tuple[pa.Table, pa.Table]]:
    """Residents and records of one block after another; ids count from 1 and rows are ordered by resident."""
    born, stated = births(plan), 0
    for block, first, count in plan.blocks():
        people = residents_of(plan, born, block, first, count)
        records = records_of(plan, people, block)
        yield _residents(people, first), _records(records, first, stated)
        stated += len(records)


def _refuse_what_is_there(directory: Path) -> None:
    try:
        if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
            raise SnapshotError(f"{directory} 已经存在，而且不是空目录；快照不会被覆盖，请另选目录或先删除它")
    except OSError as error:
        raise SnapshotError(f"无法查看 {directory}：{error.strerror}") from error


def _groups(plan: Plan) -> Iterator[tuple[pa.Table, pa.Table]]:
    """Some blocks together."""
    waiting: list[tuple[pa.Table, pa.Table]] = []
    for pair in blocks(plan):
        waiting.append(pair)
        if len(waiting) == BLOCKS_A_GROUP:
            yield _together(waiting)
            waiting.clear()
    if waiting:
        yield _together(waiting)


def _together(pairs: Sequence[tuple[pa.Table, pa.Table]]) -> tuple[pa.Table, pa.Table]:
    return pa.concat_tables(p for p, _ in pairs), pa.concat_tables(r for _, r in pairs)


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
