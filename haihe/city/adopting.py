"""Differences as PostgreSQL takes them over: a batch of new scores as CSV, and its ledger entries as binary rows.

All of it is arithmetic on columns: what each part moved by is one matrix, residents by parts, and an entry is a place in
it that is not nought. So the entries come in the order in which the one-by-one rescore writes them.
"""

from __future__ import annotations

import io

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.json

from haihe.city import columns
from haihe.city.differences import before
from haihe.domain.rulebook import Rulebook
from haihe.usecases.adopt_scores import CAUSES, Batch
from haihe.usecases.rescore import ACCRUED, CONSENT, RULE_CHANGE

HELD_AT = before("computed_at")
# PostgreSQL's binary COPY: a signature with two empty words, rows of numbered fields with their lengths, an end.
BEGIN, END = b"PGCOPY\n\xff\r\n\0" + bytes(8), b"\xff\xff"
ENTRY = (("resident_id", 8), ("part", 2), ("cause", 2), ("before", 4), ("delta", 4))
NOTHING = "{}"


def columns_wanted(rulebook: Rulebook) -> list[str]:
    """The columns of `differences` that are needed to write it back."""
    return [
        "resident_id", "version", "scored", "total", "grade", "last_day", "parts",
        *(columns.dimension(d.code) for d in rulebook.dimensions),
        HELD_AT, before("total"), before("parts"), before("rulebook"),
    ]  # fmt: skip


def adoptable(batch: pa.RecordBatch, rulebook: Rulebook) -> Batch:
    """A batch of differences, ready to be laid beside the tables."""
    names, moves = _moves(batch, rulebook)
    return Batch(batch.num_rows, _scores(batch, rulebook), names, moves)


def _scores(batch: pa.RecordBatch, rulebook: Rulebook) -> bytes:
    scored = batch["scored"]
    moved = pc.and_(scored, pc.not_equal(batch["total"], batch[before("total")]).fill_null(True))
    rows = pa.table(
        [
            batch["resident_id"],
            batch["version"],
            batch[HELD_AT],
            moved,
            _only(scored, batch["total"]),
            batch["grade"],
            _dimensions(batch, rulebook),
            batch["parts"],
            batch["last_day"],
        ],
        names=[
            "resident_id",
            "version",
            "held_at",
            "moved",
            "total",
            "grade",
            "dimensions",
            "parts",
            "last_day",
        ],
    )
    out = io.BytesIO()
    pyarrow.csv.write_csv(rows, out, pyarrow.csv.WriteOptions(include_header=False))
    return out.getvalue()


def _dimensions(batch: pa.RecordBatch, rulebook: Rulebook) -> pa.Array:
    pieces: list[object] = []
    for n, dimension in enumerate(rulebook.dimensions):
        pieces += [f'{"," if n else "{"}"{dimension.code}":']
        pieces += [batch[columns.dimension(dimension.code)].cast(pa.string())]
    return pc.binary_join_element_wise(*pieces, "}", "", null_handling="emit_null")


def _only(condition: pa.Array, values: pa.Array) -> pa.Array:
    return pc.if_else(condition, values, pa.scalar(None, values.type))


def _moves(batch: pa.RecordBatch, rulebook: Rulebook) -> tuple[list[str], bytes]:
    """The names of the parts, and one row for each part of each resident that has moved."""
    # Whoever is not counted any more loses the score and, as in the one-by-one rescore, is written no entries.
    counted = batch.filter(batch["scored"])
    then, now = _parsed(counted[before("parts")]), _parsed(counted["parts"])
    # The ledger names parts in the order of their characters.
    names = sorted({*then.column_names, *now.column_names})
    deltas = np.zeros((counted.num_rows, len(names)), np.int32)
    for n, name in enumerate(names):
        for sign, table in ((1, now), (-1, then)):
            if name in table.column_names:
                deltas[:, n] += sign * table[name].cast(pa.int32()).fill_null(0).to_numpy().astype(np.int32)
    started = counted[before("total")].fill_null(0).to_numpy(zero_copy_only=False).astype(np.int32)
    who, part = np.nonzero(deltas)
    delta = deltas[who, part]
    ended = started[:, None] + np.cumsum(deltas, axis=1, dtype=np.int32)
    rows = np.zeros(len(who), dtype=_layout())
    rows["fields"] = len(ENTRY)
    for name, size in ENTRY:
        rows[f"{name}_size"] = size
    rows["resident_id"] = counted["resident_id"].to_numpy()[who]
    rows["part"] = part + 1
    rows["cause"] = _causes(counted, rulebook)[who] + (delta < 0)
    rows["before"] = ended[who, part] - delta
    rows["delta"] = delta
    return names, BEGIN + rows.tobytes() + END


def _causes(counted: pa.RecordBatch, rulebook: Rulebook) -> np.ndarray:
    """The number of each resident's cause in CAUSES, as it is for what was gained; what was lost has the next one."""
    held = counted[before("rulebook")]
    first = held.is_null().to_numpy(zero_copy_only=False)
    alike = pc.equal(held, rulebook.version).fill_null(False).to_numpy(zero_copy_only=False)
    gained = [CAUSES.index(cause) + 1 for cause in (CONSENT, ACCRUED, RULE_CHANGE)]
    return np.where(first, gained[0], np.where(alike, gained[1], gained[2]))


def _parsed(parts: pa.Array) -> pa.Table:
    """Documents of parts as one column a part. Which parts there are is seen from the documents themselves."""
    parts = pc.fill_null(parts, NOTHING)
    if pc.all(pc.equal(parts, NOTHING)).as_py():
        return pa.table({})
    lines = pc.binary_join(pa.ListArray.from_arrays([0, len(parts)], parts), "\n")
    return pyarrow.json.read_json(pa.BufferReader(lines[0].as_buffer()))


def _layout() -> np.dtype:
    sized = [field for name, size in ENTRY for field in ((f"{name}_size", ">i4"), (name, f">i{size}"))]
    return np.dtype([("fields", ">i2"), *sized])
