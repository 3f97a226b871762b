"""Copies for imagined residents into an emptied Redis: bytes a resident, copies a second, and what that makes for the city."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import date

import numpy as np
import pyarrow as pa
import redis

from haihe.cache.copies import Copies
from haihe.city import columns
from haihe.city.packing import NEIGHBOURS, ends, packed
from haihe.city.warm import AHEAD, write_copies
from haihe.domain.districts import DISTRICTS
from tests.bench.city.alone import alone
from tests.bench.city.plan import CITY, NOON
from tests.bench.table import Row
from tests.domain.published import rulebook

ONE_BY_ONE = 20_000
NEIGHBOURHOODS_AT_ONCE = 16
WITH_ORDERS, WITH_MORE_ORDERS, WITH_LINKS = 0.15, 0.05, 0.05
LINKS = '[["AAAAAAAAAAAAAAAAAAAAAA",7,1800000000000,["XYZ-07","XYZ-15"]]]'


def measure(residents: int) -> Iterator[Row]:
    """Into the Redis of HAIHE_REDIS_URL, which is emptied before and after."""
    done = alone(written, residents)
    rows: list[Row] = done.result
    yield from rows
    yield Row("预热的内存峰值", f"{done.peak:.1f} GB", "", "")


def written(residents: int) -> list[Row]:
    """What `measure` tells, but for the memory."""
    url = os.environ["HAIHE_REDIS_URL"]
    with redis.Redis.from_url(url) as server:
        server.flushall()
        try:
            return list(_measured(server, Copies(url), residents))
        finally:
            server.flushall()


def _measured(server: redis.Redis, copies: Copies, residents: int) -> Iterator[Row]:
    tables = list(imagined(min(residents, ONE_BY_ONE)))
    begun = time.perf_counter()
    copies.put([pair for table in tables for pair in _pairs(table)])
    bare = min(residents, ONE_BY_ONE) / (time.perf_counter() - begun)
    server.flushall()

    empty = _memory(server)
    seconds = _fill(copies, residents)
    each, rate = (_memory(server) - empty) / residents, residents / seconds
    yield Row(
        f"写入 {residents:,} 份副本，份/秒",
        f"{rate:,.0f}",
        f"逐份写入 {bare:,.0f}",
        f"{rate / bare:.1f} 倍；1400 万份约 {CITY / rate:.0f} 秒（目标 ≤ 180）",
    )
    yield Row(
        "Redis 每位居民，字节", f"{each:.1f}", "", f"目标 ≤ 100；1400 万人约 {each * CITY / 1e9:.2f} GB"
    )


def _fill(copies: Copies, residents: int) -> float:
    """How long it takes as `flask city warm` does it, the facts being there already."""
    filling = copies.filling()
    took = 0.0
    with ThreadPoolExecutor(1) as speaker:
        speaker.submit(filling.begin).result()
        waiting: list[Future[int]] = []
        for table in imagined(residents):
            begun = time.perf_counter()
            rows = packed(table, rulebook(), NOON)
            waiting.append(speaker.submit(write_copies, filling, table, rows))
            if len(waiting) > AHEAD:
                waiting.pop(0).result()
            took += time.perf_counter() - begun
        begun = time.perf_counter()
        for left in waiting:
            left.result()
        speaker.submit(filling.end).result()
    return took + time.perf_counter() - begun


def imagined(residents: int) -> Iterator[pa.Table]:
    """Rows of facts by plain chance, the same every time; one in five has orders, one in twenty of several scenarios or a link."""
    chance = np.random.default_rng(2026)
    step = NEIGHBOURS * NEIGHBOURHOODS_AT_ONCE
    for first in range(0, residents, step):
        yield _table(chance, np.arange(first, min(first + step, residents)))


def _table(chance: np.random.Generator, ids: np.ndarray) -> pa.Table:
    n = len(ids)
    draw = chance.random(n)
    orders = np.where(draw < WITH_ORDERS + WITH_MORE_ORDERS, '[["XYZ-07",1,1,1]]', None)
    orders[draw < WITH_MORE_ORDERS] = '[["XYZ-01",1,1,2],["XYZ-07",0,1,3],["XYZ-10",0,0,1]]'
    dimensions = {
        columns.dimension(d.code): pa.array(chance.integers(0, d.cap + 1, n), pa.int32())
        for d in rulebook().dimensions
    }
    born = chance.integers(date(1940, 1, 1).toordinal(), date(2008, 1, 1).toordinal(), n)
    until = chance.integers(0, 400, n) + date(2026, 11, 20).toordinal()
    unix = date(1970, 1, 1).toordinal()
    return pa.table(
        {
            "resident_id": ids,
            "version": chance.integers(1, 1_000, n),
            "birth_date": pa.array((born - unix).astype(np.int32)).cast(pa.date32()),
            "district": pa.array(list(DISTRICTS)).take(pa.array(chance.integers(0, len(DISTRICTS), n))),
            "total": pa.array(chance.integers(300, 900, n), pa.int32()),
            "orders": pa.array(orders, pa.string()),
            "links": pa.array(np.where(chance.random(n) < WITH_LINKS, LINKS, None), pa.string()),
            **dimensions,
            "last_day": pa.array((until - unix).astype(np.int32)).cast(pa.date32()),
            **{name: chance.integers(0, 4, n) for name in ("listed", "sensitive", "known", "yes")},
        }
    )


def _pairs(table: pa.Table) -> list[tuple[int, bytes]]:
    rows = packed(table, rulebook(), NOON)
    return [
        (r, row.tobytes()[1:] + end)
        for r, row, end in zip(table["resident_id"].to_pylist(), rows, ends(table), strict=True)
    ]


def _memory(server: redis.Redis) -> int:
    return int(server.info("memory")["used_memory"])
