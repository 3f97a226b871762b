"""预热: everybody's copies into Redis from one reading of the database, while questions go on being asked.

Only those who have joined are copied: nobody else can show a pass, and whoever has no copy is answered from PostgreSQL
all the same. Each copy carries the version that its resident had when it was read, so that a change which arrives
meanwhile wins. What was read before Redis lost its memory is never written afterwards: the run begins anew. So a run may
be cut off anywhere, and the next one writes over what it finds.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from haihe.cache.filling import Bucket, Filling, MemoryLost
from haihe.city.engine import computing, connect
from haihe.city.failing import CityFailed
from haihe.city.packing import buckets, copies_columns, packed, whole_buckets
from haihe.city.snapshot import LINKS, SCORES, Snapshot, Watch, take_snapshot, unwatched
from haihe.domain.rulebook import Rulebook
from haihe.storage.db import db
from haihe.usecases.context import Context, day_of

# So many buckets are said to Redis at a time, under a megabyte: a question waits for one bucket at most.
BUCKETS_AT_ONCE = 256
ROWS_AT_ONCE = 100_000
# The writing of so many tables may lag behind their packing.
AHEAD = 2
TRIES = 3


class RedisEmptied(CityFailed):
    """Redis lost its memory again and again while it was being filled; the message is meant for the operator."""


@dataclass(frozen=True, slots=True)
class Warmed:
    """How many copies were made, and how many of them Redis took: the others had a newer one there already."""

    made: int
    taken: int


def warm(ctx: Context, folder: Path, watch: Watch = unwatched) -> Warmed:
    """Write the copies of everybody who has joined. Files that are only needed meanwhile lie in `folder`.

    Raises CacheDown when Redis does not answer, and otherwise CityFailed.
    """
    for _ in range(TRIES):
        try:
            with tempfile.TemporaryDirectory(prefix="warm-", dir=folder) as work:
                return _warm(ctx, Path(work), watch)
        except MemoryLost:
            continue
    raise RedisEmptied(f"预热期间 Redis 的内容丢失了 {TRIES} 次；请先查明是谁在清空或重启 Redis")


def _warm(ctx: Context, work: Path, watch: Watch) -> Warmed:
    on = day_of(ctx.now())
    rulebook = ctx.rules.up_to_date().rulebook(on)
    # It takes minutes, and no transaction of ours may stay open meanwhile.
    db.session.rollback()
    with computing("预热没有完成，再次运行即可"), Refreshing(ctx) as refreshing:
        snapshot = take_snapshot(
            work / "city", rulebook, rulebook.sensitive_classes, on, watch, for_copies=True, with_links=True
        )
        return refreshing.write(snapshot, rulebook, work, watch)


class Refreshing:
    """Redis from before the database is read until its copies are written: it cannot lose a newer one without our hearing.

    To be entered before the reading; entering and writing raise CacheDown, and writing raises MemoryLost.
    """

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._filling = ctx.copies.filling()
        # One thread speaks to Redis from beginning to end, so that a connection that broke cannot go unnoticed.
        self._speaker = ThreadPoolExecutor(1)

    def __enter__(self) -> Refreshing:
        try:
            self._speaker.submit(self._filling.begin).result()
        except BaseException:
            self._speaker.shutdown()
            raise
        return self

    def __exit__(self, *_raised: object) -> None:
        self._speaker.shutdown()

    def write(
        self, snapshot: Snapshot, rulebook: Rulebook, work: Path, watch: Watch, only: Path | None = None
    ) -> Warmed:
        """Write the copies of everybody who has joined, or only of those who are in the table `only`.

        The snapshot is one with links.
        """
        at = self._ctx.now()
        with watch("计算副本", 1) as progress:
            file = pq.ParquetFile(_compute(snapshot, rulebook, work, only))
            progress(1)
        made = taken = 0
        waiting: list[Future[int]] = []
        with file, watch("写入副本", file.metadata.num_rows) as progress:
            for table in whole_buckets(file.iter_batches(batch_size=ROWS_AT_ONCE)):
                rows = packed(table, rulebook, at)
                waiting.append(self._speaker.submit(write_copies, self._filling, table, rows, progress))
                made += len(table)
                if len(waiting) > AHEAD:
                    taken += waiting.pop(0).result()
            taken += sum(w.result() for w in waiting)
        self._speaker.submit(self._filling.end).result()
        return Warmed(made, taken)


def _compute(snapshot: Snapshot, rulebook: Rulebook, work: Path, only: Path | None) -> Path:
    """What goes into the copies, as a file: so the engine's memory is free again when the writing begins."""
    engine = connect(temporary=work / "spill")
    try:
        names = ("residents", "records", "orders", LINKS, SCORES)
        residents, *others = (snapshot.table(engine, name) for name in names)
        if only is not None:
            residents = residents.semi_join(engine.read_parquet(only), "resident_id")
        file = work / "copies.parquet"
        engine.to_parquet(copies_columns(rulebook, residents, *others, snapshot.day), file)
        return file
    finally:
        engine.disconnect()


def write_copies(
    filling: Filling, table: pa.Table, rows: np.ndarray, progress: Callable[[int], None] = lambda _n: None
) -> int:
    """Write what `packed` made of a table; returns how many copies Redis took."""
    # The field before a copy is no part of it.
    length = rows.dtype.itemsize - 1
    taken, waiting = 0, list(buckets(table, rows))
    for at in range(0, len(waiting), BUCKETS_AT_ONCE):
        some = waiting[at : at + BUCKETS_AT_ONCE]
        taken += filling.fill(some, length)
        progress(sum(_copies_in(bucket, length) for _shard, bucket in some))
    return taken


def _copies_in(bucket: Bucket, length: int) -> int:
    return len(bucket.rows) // (length + 1) + len(bucket.others)
