"""Copies for everybody as columns: the very bytes that `haihe.cache.copy.pack` makes of one resident's facts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime
from functools import reduce
from operator import add

import ibis
import ibis.expr.types as ir
import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from haihe.cache.copy import (
    BIRTH_EPOCH,
    DISTRICT_CODES,
    EPOCH,
    FOR_GOOD,
    NO_POINTS,
    UNKNOWN_DISTRICT,
    pack_links,
    tag_of,
)
from haihe.cache.filling import Bucket
from haihe.cache.keys import BUCKET, SHARDS, resident_place, shard_of_resident
from haihe.city import columns
from haihe.city.scoring import score_columns
from haihe.domain.dates import ONE_DAY, add_months
from haihe.domain.facts import ADULT_AGE
from haihe.domain.links import StandingLink
from haihe.domain.records import RecordState
from haihe.domain.rulebook import Rulebook

# So many neighbouring residents fill one bucket in every shard.
NEIGHBOURS = SHARDS * BUCKET
UNIX_EPOCH = date(1970, 1, 1)
COUNTED = ("running", "this_month", "this_year", "no_shows")


def copies_columns(
    rulebook: Rulebook,
    residents: ir.Table,
    records: ir.Table,
    orders: ir.Table,
    links: ir.Table,
    versions: ir.Table,
    on: date,
) -> ir.Table:
    """All that goes into the copies of those who have joined, one row each, by resident."""
    joined = residents.filter(residents["joined"])
    scored = score_columns(rulebook, joined, records, on, last_day=True)
    used, stated = _orders(orders), _stated_until(rulebook, records, on)
    all_known = (
        scored.join(
            versions.select(versioned_id="resident_id", version="version"), [("resident_id", "versioned_id")]
        )
        .left_join(used, [("resident_id", "ordering_id")])
        .left_join(stated, [("resident_id", "stating_id")])
        .left_join(links.select(linked_id="resident_id", links="links"), [("resident_id", "linked_id")])
    )
    facts = tuple(rulebook.fact_by_code)
    of_age = all_known["birth_date"] + ibis.interval(months=12 * ADULT_AGE) - ibis.interval(days=1)
    end_of_month = add_months(on.replace(day=1), 1) - ONE_DAY
    return all_known.select(
        "resident_id",
        "version",
        "birth_date",
        "district",
        "total",
        "orders",
        "links",
        *(columns.dimension(d.code) for d in rulebook.dimensions),
        last_day=_day(
            ibis.least(
                all_known["last_day"],
                all_known["stated_until"],
                ibis.cases((~all_known["scored"] & (of_age >= on), of_age)),
                ibis.cases((all_known["dated"] > 0, ibis.literal(end_of_month))),
            )
        ),
        listed=_mask([_column(all_known, columns.listed(c)) for c in rulebook.negative_codes]),
        sensitive=_mask([_column(all_known, columns.consent(c)) for c in rulebook.sensitive_classes]),
        known=_mask([all_known[columns.stated(c)].notnull() for c in facts]),
        yes=_mask([all_known[columns.stated(c)] for c in facts]),
    ).order_by("resident_id")


def packed(table: pa.Table, rulebook: Rulebook, made_at: datetime) -> np.ndarray:
    """Rows of `copies_columns` as bytes: `field` and then the copy as it is without its links and orders."""
    dimensions = [columns.dimension(d.code) for d in rulebook.dimensions]
    rows = np.zeros(len(table), dtype=_layout(len(dimensions)))
    residents = _whole(table, "resident_id")
    rows["field"] = residents // SHARDS % BUCKET
    rows["version"] = _whole(table, "version")
    last = _days(table, "last_day", EPOCH, FOR_GOOD)
    rows["last"] = np.where(table["last_day"].is_null().to_numpy(), FOR_GOOD, np.minimum(last, FOR_GOOD - 1))
    rows["made"] = int(made_at.timestamp())
    rows["tag"] = tag_of(rulebook.version)
    rows["birth"] = _days(table, "birth_date", BIRTH_EPOCH, 0)
    rows["points"] = _whole(table, "total", NO_POINTS)
    rows["listed"] = _whole(table, "listed")
    rows["joined"] = 1
    rows["district"] = _districts(table["district"])
    for name in ("sensitive", "known", "yes"):
        rows[name] = _whole(table, name)
    for n, name in enumerate(dimensions):
        rows["dimensions"][:, n] = _whole(table, name, 0)
    return rows


def buckets(table: pa.Table, rows: np.ndarray) -> Iterator[tuple[int, Bucket]]:
    """The rows bucket by bucket, each with its shard."""
    residents = _whole(table, "resident_id")
    longer = pc.or_(table["links"].is_valid(), table["orders"].is_valid()).to_numpy()
    places = residents // NEIGHBOURS * SHARDS + residents % SHARDS
    order = np.lexsort((residents, places))
    places, rows, residents, longer = places[order], rows[order], residents[order], longer[order]
    all_tails = ends(table.select(["links", "orders"]).take(pa.array(order[longer])))
    starts = np.flatnonzero(np.diff(places, prepend=-1)) if len(places) else ()
    met = np.concatenate(([0], np.cumsum(longer)))
    for start, end in zip(starts, (*starts[1:], len(places)), strict=True):
        name, _field = resident_place(int(residents[start]))
        alike, tails = rows[start:end], all_tails[met[start] : met[end]]
        others: list[tuple[int, bytes]] = []
        if tails:
            here = longer[start:end]
            others = [
                (int(row["field"]), row.tobytes()[1:] + tail)
                for row, tail in zip(alike[here], tails, strict=True)
            ]
            alike = alike[~here]
        yield shard_of_resident(int(residents[start])), Bucket(name, alike.tobytes(), others)


def ends(table: pa.Table) -> list[bytes]:
    """What follows behind the points in the copies of those who have links or orders."""
    return [
        (pack_links(_standing(links)) if links else b"") + (orders or "").encode()
        for links, orders in zip(table["links"].to_pylist(), table["orders"].to_pylist(), strict=True)
    ]


def _standing(links: str) -> tuple[StandingLink, ...]:
    return tuple(
        StandingLink(name, merchant_id, until_ms, frozenset(scenarios))
        for name, merchant_id, until_ms, scenarios in orjson.loads(links)
    )


def whole_buckets(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.Table]:
    """Batches in the order of residents, cut anew so that no bucket lies in two of them."""
    waiting: list[pa.RecordBatch] = []
    for batch in batches:
        if not batch.num_rows:
            continue
        last = batch.column("resident_id")[batch.num_rows - 1].as_py()
        first_of_last = pa.scalar(last // NEIGHBOURS * NEIGHBOURS)
        ready = pc.sum(pc.less(batch.column("resident_id"), first_of_last)).as_py()
        if ready:
            yield pa.Table.from_batches([*waiting, batch.slice(0, ready)])
            waiting = []
        elif waiting and waiting[0].column("resident_id")[0].as_py() // NEIGHBOURS < last // NEIGHBOURS:
            yield pa.Table.from_batches(waiting)
            waiting = []
        waiting.append(batch.slice(ready))
    if waiting:
        yield pa.Table.from_batches(waiting)


def _layout(dimensions: int) -> np.dtype:
    """`haihe.cache.copy.VERSION` and `FIXED`, and the dimensions' points, behind the field."""
    return np.dtype(
        [
            ("field", "u1"),
            ("version", ">u8"),
            ("last", ">u2"),
            ("made", ">u4"),
            ("tag", ">u4"),
            ("birth", ">u4"),
            ("points", ">u2"),
            ("listed", ">u4"),
            *((name, "u1") for name in ("joined", "district", "sensitive", "known", "yes")),
            ("dimensions", ">u2", (dimensions,)),
        ]
    )


def _orders(orders: ir.Table) -> ir.Table:
    """Each resident's orders as the copy has them, scenario by scenario in order, and within it merchant by merchant."""
    used = [orders[name] for name in ("running", "this_month", "this_year")]
    at_merchant = ibis.literal("[") + _listed([orders["merchant_id"], *used]) + "]"
    orders = orders.mutate(at_merchant=ibis.cases((reduce(add, used) > 0, at_merchant)))
    summed = orders.group_by(
        ordering_id=orders["resident_id"], scenario=orders["scenario"].cast("string")
    ).aggregate(
        **{name: orders[name].sum() for name in COUNTED},
        merchants=orders["at_merchant"].group_concat(",", order_by=orders["merchant_id"]),
    )
    merchants = (ibis.literal(",") + summed["merchants"]).fill_null("")
    counts = _listed([summed[name] for name in COUNTED])
    one = ibis.literal('"') + summed["scenario"] + '":[' + counts + merchants + "]"
    summed = summed.mutate(one=one)
    listed = summed.group_by("ordering_id").aggregate(
        joined_orders=summed["one"].group_concat(",", order_by=summed["scenario"]),
        dated=(summed["this_year"] + summed["no_shows"]).sum(),
    )
    return listed.select("ordering_id", "dated", orders=ibis.literal("{") + listed["joined_orders"] + "}")


def _listed(numbers: Sequence[ir.IntegerValue]) -> ir.StringValue:
    return reduce(lambda a, b: a + "," + b, (n.cast("string") for n in numbers))


def _stated_until(rulebook: Rulebook, records: ir.Table, on: date) -> ir.Table:
    """The last day on which what is stated of somebody holds as it does today."""
    facts = records.filter(
        (records["state"] == RecordState.EFFECTIVE.value)
        & records["indicator"].cast("string").isin(tuple(rulebook.fact_by_code))
    )
    first = facts["valid_from"].coalesce(facts["occurred_on"])
    until = ibis.least(
        ibis.cases((first > on, first - ibis.interval(days=1))),
        ibis.cases((facts["valid_to"] >= on, facts["valid_to"])),
    )
    facts = facts.mutate(until=until)
    return facts.group_by(stating_id=facts["resident_id"]).aggregate(stated_until=facts["until"].min())


def _day(day: ir.DateValue) -> ir.DateValue:
    """For DuckDB a day and a while make a moment; Ibis takes that for a day still, and would leave out a cast to one."""
    return day.cast("timestamp").cast("date")


def _column(known: ir.Table, name: str) -> ir.BooleanValue:
    return known[name] if name in known.columns else ibis.literal(False)


def _mask(bits: Sequence[ir.BooleanValue]) -> ir.IntegerValue:
    nought: ir.IntegerValue = ibis.literal(0, "int64")
    return reduce(
        add, (ibis.cases((bit, 1 << n), else_=0).cast("int64") for n, bit in enumerate(bits)), nought
    )


def _whole(table: pa.Table, name: str, absent: int | None = None) -> np.ndarray:
    column = table[name]
    return (column if absent is None else column.fill_null(absent)).to_numpy()


def _days(table: pa.Table, name: str, epoch: date, absent: int) -> np.ndarray:
    """Days since an epoch."""
    since = pc.subtract(table[name].cast(pa.int32()).cast(pa.int64()), (epoch - UNIX_EPOCH).days)
    return since.fill_null(absent).to_numpy()


def _districts(column: pa.ChunkedArray) -> np.ndarray:
    column = column.cast(pa.string())
    numbers = pc.index_in(column, pa.array(DISTRICT_CODES))
    if numbers.null_count != column.null_count:
        raise ValueError("a resident lives in a district that the city does not have")
    return numbers.fill_null(UNKNOWN_DISTRICT).to_numpy()
