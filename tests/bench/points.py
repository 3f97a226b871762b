"""Points: one resident after the other beside the bare rule; and what Redis needs for a resident."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

import redis
from sqlalchemy import select

from haihe.cache.copy import pack
from haihe.domain.scoring import score
from haihe.storage.db import db, transaction
from haihe.storage.reading import known_residents
from haihe.storage.residents import Resident
from haihe.usecases.context import Context, day_of
from haihe.usecases.gather_facts import copy_of, gather_facts, renew_copies
from haihe.usecases.rescore import Touched, rescore
from haihe.usecases.rescore_everybody import rescore_everybody
from tests.bench.table import Row

ONE_BY_ONE = 1_000
AT_ONCE = 2_000


def measure(ctx: Context) -> Iterator[Row]:
    """Over the demo city: rescored one by one, everybody in batches, and held in Redis."""
    ids = list(db.session.execute(select(Resident.id).order_by(Resident.id)).scalars())
    at, on = ctx.now(), day_of(ctx.now())
    rulebook = ctx.rules.up_to_date().rulebook(on)

    known = [k for k in known_residents(ids[:ONE_BY_ONE], on).values() if k.joined]
    begin = time.perf_counter()
    for one in known:
        score(one.records, rulebook, on, one.sensitive_consents, 0)
    bare = len(known) / (time.perf_counter() - begin)

    begin = time.perf_counter()
    for resident_id in ids[:ONE_BY_ONE]:
        with transaction():
            rescore(ctx, {resident_id: Touched()}, at)
    each = ONE_BY_ONE / (time.perf_counter() - begin)
    yield Row(
        "逐人重算（一人一事务），人/秒", f"{each:,.0f}", f"只算 score() {bare:,.0f}", f"{each / bare:.2f}"
    )

    begin = time.perf_counter()
    report = rescore_everybody(ctx, at, "operator:bench")
    everybody = report.done / (time.perf_counter() - begin)
    yield Row(
        "全体核对 rescore --all，人/秒",
        f"{everybody:,.0f}",
        f"只算 score() {bare:,.0f}",
        f"{everybody / bare:.2f}",
    )

    client = redis.Redis.from_url(os.environ["HAIHE_REDIS_URL"])
    client.flushall()
    before = int(client.info("memory")["used_memory"])
    for start in range(0, len(ids), AT_ONCE):
        renew_copies(ctx, ids[start : start + AT_ONCE], at)
    held = (int(client.info("memory")["used_memory"]) - before) / len(ids)
    gathered = gather_facts(ids[:AT_ONCE], rulebook, on)
    packed = sum(len(pack(copy_of(g, at), rulebook)) for g in gathered.values()) / len(gathered)
    yield Row(
        "Redis 每位居民，字节",
        f"{held:.0f}",
        f"副本本身 {packed:.0f}",
        f"{held / packed:.2f}（目标 ≤ 100 字节）",
    )
    client.close()
