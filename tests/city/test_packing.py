"""Copies made in columns are the copies made one by one, byte for byte."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from datetime import UTC, date, datetime
from random import Random

import numpy as np
import pyarrow as pa
import pytest
from ibis.backends import BaseBackend

from haihe.cache.copy import pack, unpack
from haihe.cache.keys import resident_place
from haihe.city import columns
from haihe.city.generating import CLASSES, blocks
from haihe.city.packing import NEIGHBOURS, buckets, copies_columns, packed, whole_buckets
from haihe.demo.plan import Plan
from haihe.domain.links import StandingLink
from haihe.domain.rulebook import Rulebook
from haihe.storage.reading import JOIN, SENSITIVE, KnownResident, OrderCounts
from haihe.usecases.gather_facts import copy_of, gather
from tests.city.comparing import tables, tables_in
from tests.city.demo_columns import lives_of
from tests.city.imagined import Life, lives
from tests.domain.published import rulebook

TODAY = date(2026, 11, 20)
NOON = datetime(2026, 11, 20, 4, 0, tzinfo=UTC)
EDGES = (date(2025, 2, 28), date(2026, 3, 31), date(2026, 4, 30), date(2028, 2, 29), date(2028, 3, 1))
MERCHANTS, LAPSED_AT = (2, 7, 19), 11
NOUGHT = ("running", "this_month", "this_year")
SCENARIOS = ("XYZ-01", "XYZ-07", "XYZ-09", "XYZ-10")


def orders_of(residents: Sequence[Life], seed: int) -> dict[int, OrderCounts]:
    """Some have no orders, some have many, some only old ones that still run."""
    chance, found = Random(seed), {}
    for life in residents:
        if chance.random() < 0.3:
            counts = OrderCounts()
            for code in chance.sample(SCENARIOS, chance.randint(1, len(SCENARIOS))):
                for merchant_id in chance.sample(MERCHANTS, chance.randint(1, len(MERCHANTS))):
                    month = chance.choice((0, 0, 1, 12))
                    year = month + chance.choice((0, 1, 100))
                    running = chance.choice((0, 1, 2)) if year else chance.choice((0, 1))
                    no_shows = chance.choice((0, 0, 3)) if year or running else 1
                    counts.add(code, merchant_id, (running, month, year), no_shows)
            found[life.resident.resident_id] = counts
    return found


def orders_table(orders: dict[int, OrderCounts]) -> pa.Table:
    rows = [
        {
            "resident_id": r,
            "scenario": code,
            "merchant_id": merchant_id,
            **dict(zip(("running", "this_month", "this_year"), used, strict=True)),
            "no_shows": 0,
        }
        for r, o in orders.items()
        for code, merchants in o.at_merchant.items()
        for merchant_id, used in merchants.items()
    ]
    # Bookings that were let lapse at a merchant of which nothing else is counted.
    rows += [
        {
            "resident_id": r,
            "scenario": code,
            "merchant_id": LAPSED_AT,
            **dict.fromkeys(NOUGHT, 0),
            "no_shows": n,
        }
        for r, o in orders.items()
        for code, n in o.no_shows.items()
    ]
    return pa.Table.from_pylist(rows, schema=columns.orders_schema())


def links_of(residents: Sequence[Life], seed: int) -> dict[int, tuple[StandingLink, ...]]:
    """Some are known to one online merchant, and a few of them to several; some links have run out."""
    chance = Random(seed)
    return {
        life.resident.resident_id: tuple(
            StandingLink(
                base64.urlsafe_b64encode(chance.randbytes(16)).decode().rstrip("="),
                chance.choice((1, 7, 2**31 - 1)),
                int(NOON.timestamp() * 1000) + chance.choice((-1, 0, 31_536_000_000)),
                frozenset(chance.sample(SCENARIOS, chance.randint(1, len(SCENARIOS)))),
            )
            for _ in range(chance.choice((1, 1, 3)))
        )
        for life in residents
        if chance.random() < 0.2
    }


def links_table(links: dict[int, tuple[StandingLink, ...]]) -> pa.Table:
    rows = [
        {
            "resident_id": r,
            "links": json.dumps(
                [[k.pairwise_id, k.merchant_id, k.until_ms, list(k.scenarios)] for k in held]
            ),
        }
        for r, held in links.items()
    ]
    return pa.Table.from_pylist(rows, schema=columns.links_schema())


def one_by_one(
    residents: Sequence[Life],
    orders: dict[int, OrderCounts],
    links: dict[int, tuple[StandingLink, ...]],
    rules: Rulebook,
    on: date,
) -> dict[tuple[str, int], bytes]:
    """The copy of each, by its place."""
    copies = {}
    for life in residents:
        r = life.resident
        if not r.joined:
            continue
        consents = frozenset((JOIN, *(f"{SENSITIVE}{c}" for c in r.sensitive_consents)))
        assert r.birth_date is not None
        counted = [record for record in life.records if record.state == "EFFECTIVE"]
        known = KnownResident(
            r.resident_id,
            r.resident_id * 7,
            r.birth_date,
            r.district,
            consents,
            counted,
            orders.get(r.resident_id, OrderCounts()),
            links.get(r.resident_id, ()),
        )
        copies[resident_place(r.resident_id)] = pack(copy_of(gather(known, rules, on), NOON), rules)
    return copies


def together(
    engine: BaseBackend,
    residents: Sequence[Life],
    orders: dict[int, OrderCounts],
    links: dict[int, tuple[StandingLink, ...]],
    rules: Rulebook,
    on: date,
) -> dict[tuple[str, int], bytes]:
    """The same, made for everybody at once."""
    people, records = tables(residents, CLASSES)
    ids = [life.resident.resident_id for life in residents]
    versions = pa.table({"resident_id": ids, "version": [r * 7 for r in ids]})
    held = tables_in(
        engine,
        people=people,
        stated=records,
        used=orders_table(orders),
        linked=links_table(links),
        versions=versions,
    )
    known = copies_columns(rules, *held.values(), on)
    found: dict[tuple[str, int], bytes] = {}
    for table in whole_buckets(iter(engine.to_pyarrow(known).to_batches(max_chunksize=1_000))):
        rows = packed(table, rules, NOON)
        width = rows.dtype.itemsize
        for _shard, bucket in buckets(table, rows):
            assert not any(name == bucket.name for name, _field in found), "a bucket is written in one go"
            parts = [bucket.rows[at : at + width] for at in range(0, len(bucket.rows), width)]
            found |= {(bucket.name, part[0]): part[1:] for part in parts}
            found |= {(bucket.name, field): copy for field, copy in bucket.others}
    return found


@pytest.mark.parametrize("on", [TODAY, date(2027, 2, 28), date(2028, 2, 29)], ids=str)
def test_every_resident_of_a_demo_city_has_the_same_copy(engine: BaseBackend, on: date) -> None:
    residents = [life for pair in blocks(Plan(5_000, 20261120, TODAY)) for life in lives_of(*pair)]
    orders, links = orders_of(residents, 1), links_of(residents, 1)

    copies = together(engine, residents, orders, links, rulebook(), on)

    assert copies == one_by_one(residents, orders, links, rulebook(), on)
    assert len(copies) > 2_500
    assert any(len(copy) > 64 for copy in copies.values())
    found = [unpack(copy, rulebook(), on) for copy in copies.values()]
    assert any(copy.links and copy.facts.running for copy in found if copy)


@pytest.mark.parametrize("seed", range(6))
def test_lives_on_the_edges_of_windows_have_the_same_copies(engine: BaseBackend, seed: int) -> None:
    on = Random(seed).choice((*EDGES, TODAY))
    residents = [life for life in lives(rulebook(), on, seed, 200) if life.resident.birth_date]
    known = orders_of(residents, seed), links_of(residents, seed)

    assert together(engine, residents, *known, rulebook(), on) == one_by_one(
        residents, *known, rulebook(), on
    )


def test_batches_are_cut_where_buckets_end() -> None:
    chance = np.random.default_rng(1)
    ids = np.flatnonzero(chance.random(100_000) < 0.2)
    batches = [pa.record_batch({"resident_id": part}) for part in np.array_split(ids, 37)]

    found = [t["resident_id"].to_numpy() for t in whole_buckets(iter(batches))]

    assert np.concatenate(found).tolist() == ids.tolist()
    blocks_of = [set((part // NEIGHBOURS).tolist()) for part in found]
    assert all(not (a & b) for n, a in enumerate(blocks_of) for b in blocks_of[:n])
