"""全市重算: everybody's points for one day in columns, and back into the database only what has moved.

Reading and computing hold no lock and may take minutes. Nothing is lost by that: each resident carries the version they
had when they were read, and whoever has a newer one when their turn comes to be written is computed from their records
instead. A run that is cut off has written whole batches; the next one finds those in order and does the rest.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

import ibis.expr.types as ir
import pyarrow.parquet as pq
from ibis.backends import BaseBackend

from haihe.cache.copies import CacheDown
from haihe.cache.filling import MemoryLost
from haihe.city.adopting import adoptable, columns_wanted
from haihe.city.criteria import consents_asked
from haihe.city.differences import Reach, before, differences, facts_then_and_now, reach_moved
from haihe.city.engine import computing
from haihe.city.failing import CityFailed
from haihe.city.snapshot import Snapshot, SnapshotError, Watch, open_snapshot, take_snapshot, unwatched
from haihe.city.warm import Refreshing
from haihe.domain.rulebook import Rulebook
from haihe.domain.scenarios import Scenario
from haihe.storage.db import db
from haihe.usecases.adopt_scores import Adopted, Batch, CannotAdopt, adopt_scores, note_run
from haihe.usecases.context import Context, day_of
from haihe.usecases.daily_rescore import note_rescored

# So many residents are locked at once while they are written, for less than a second: a record arriving for one of them
# waits as long.
BATCH = 10_000
WRITERS = 2
# What goes wrong in the engine happens before anything is written.
UNCHANGED = "计算没有完成，数据库没有任何改动"

# Opens a database session of one's own, for as long as a thread needs it.
Apart = Callable[[], AbstractContextManager[object]]


class RescoreFailed(CityFailed):
    """The run stopped; the message says why, what stays of it and what to do."""


@dataclass(frozen=True, slots=True)
class CityRun:
    """What a run came to. `written` is False for a day that is not today: then it was only a look ahead or back.

    `refreshed` copies were made in Redis; None: it did not answer, or lost its memory meanwhile.
    """

    residents: int
    differing: int
    moved: int
    overtaken: int
    written: bool
    refreshed: int | None
    grades: dict[tuple[str | None, str | None], int]
    reach: list[Reach]


def rescore_city(
    ctx: Context,
    engine: BaseBackend,
    work: Path,
    on: date,
    actor: str,
    snapshot: Path | None = None,
    watch: Watch = unwatched,
    apart: Apart | None = None,
) -> CityRun:
    """Rescore everybody as of a day, from the database or from a snapshot of that day.

    `work` is an empty directory for what lies between reading and writing. Only today's result is written: a score is
    what holds now, and neither yesterday's nor tomorrow's may stand in for it. With `apart` several writers write at
    once, each in a session that it opens; without it one does, in the session of the caller.
    """
    began = ctx.now()
    rules = ctx.rules.up_to_date()
    rulebook, scenarios = rules.rulebook(on), rules.scenarios()
    # Reading and computing take minutes, and no transaction of ours may stay open meanwhile.
    db.session.rollback()
    with ExitStack() as stack:
        # Copies may only be made of what was read while Redis was being watched.
        refreshing = _refreshing(ctx, stack) if snapshot is None and on == day_of(ctx.now()) else None
        taken = (
            open_snapshot(snapshot, on)
            if snapshot is not None
            else take_snapshot(
                work / "snapshot",
                rulebook,
                classes_of(rulebook, scenarios),
                on,
                watch,
                with_links=refreshing is not None,
            )
        )
        if not taken.has_scores:
            raise SnapshotError(f"{taken.directory} 里没有当时已存的积分（不是从数据库读出的），不能用来重算")
        moved_file = work / "moved.parquet"
        with computing(UNCHANGED), watch("计算", 1) as progress:
            moved = _moved(engine, rulebook, taken, on, moved_file)
            grades = _grades(moved)
            then, now = facts_then_and_now(scenarios, rulebook, moved, taken.table(engine, "orders"))
            # Held in files, so that the question of each benefit is a short one.
            then, now = (
                _held(engine, then, work / "then.parquet"),
                _held(engine, now, work / "now.parquet"),
            )
            reach = [reach_moved(scenario, then, now, on) for scenario in scenarios]
            progress(1)
        differing = pq.read_metadata(moved_file).num_rows
        written = on == day_of(ctx.now())
        refreshed: int | None = 0
        if written and differing:
            refreshed = _refreshed(refreshing, taken, rulebook, work, watch, moved_file)
    totals, overtaken = (
        _write_back(ctx, rulebook, taken, moved_file, actor, watch, apart) if written else (0, 0)
    )
    residents = taken.rows["residents"]
    if written:
        _note_rescored(ctx, rulebook, on, began, actor, residents, totals)
    return CityRun(residents, differing, totals, overtaken, written, refreshed, grades, reach)


def _note_rescored(
    ctx: Context, rulebook: Rulebook, on: date, began: datetime, actor: str, people: int, moved: int
) -> None:
    try:
        note_rescored(rulebook, on, began, ctx.now(), actor, people, moved)
    except CannotAdopt as error:
        raise RescoreFailed(f"{error}。积分均已更新，再次运行只作核对") from error


def _refreshing(ctx: Context, stack: ExitStack) -> Refreshing | None:
    try:
        return stack.enter_context(Refreshing(ctx))
    except CacheDown:
        return None


def _refreshed(
    refreshing: Refreshing | None, taken: Snapshot, rulebook: Rulebook, work: Path, watch: Watch, moved: Path
) -> int | None:
    """Write the copies of those who have moved, before their scores: no copy rests on what is stored of somebody.

    The copies held until now are not believed any more, the day or the rulebook being another. So where Redis does not
    answer or has lost its memory (None), nothing is wrong: each is made anew when its resident next shows a pass.
    """
    if refreshing is None:
        return None
    try:
        with computing(UNCHANGED):
            return refreshing.write(taken, rulebook, work, watch, only=moved).made
    except (CacheDown, MemoryLost):
        return None
    finally:
        db.session.rollback()


def classes_of(rulebook: Rulebook, scenarios: list[Scenario]) -> list[str]:
    """The classes of consent that the rulebook or the criterion of a benefit may ask about."""
    criteria = [s.criterion for s in scenarios]
    criteria += [o.criterion for s in scenarios for o in s.offers if o.criterion is not None]
    return sorted({*rulebook.sensitive_classes, *consents_asked(criteria)})


def _moved(engine: BaseBackend, rulebook: Rulebook, taken: Snapshot, on: date, file: Path) -> ir.Table:
    """The differences, computed once into a file: they are read for the summary, and again to be written."""
    residents, records, scores = (taken.table(engine, name) for name in ("residents", "records", "scores"))
    found = differences(rulebook, residents, records, scores, on)
    # In the order in which the database has them, so that each batch touches few of its pages.
    return _held(engine, found.order_by("resident_id"), file)


def _held(engine: BaseBackend, found: ir.Table, file: Path) -> ir.Table:
    engine.to_parquet(found, str(file))
    return engine.read_parquet(str(file))


def _grades(moved: ir.Table) -> dict[tuple[str | None, str | None], int]:
    """How many went from which grade to which; None is having no points."""
    counted = moved.group_by(was=moved[before("grade")], now=moved["grade"]).aggregate(n=moved.count())
    grades: Counter[tuple[str | None, str | None]] = Counter()
    for row in counted.to_pyarrow().to_pylist():
        grades[row["was"], row["now"]] += row["n"]
    return {change: n for change, n in grades.items() if change[0] != change[1]}


def _write_back(
    ctx: Context,
    rulebook: Rulebook,
    taken: Snapshot,
    file: Path,
    actor: str,
    watch: Watch,
    apart: Apart | None,
) -> tuple[int, int]:
    """Take the differences over, batch by batch; returns how many totals moved and how many had been overtaken."""

    def write(batch: Batch) -> Adopted:
        with nullcontext() if apart is None else apart():
            return adopt_scores(ctx, rulebook, taken.day, batch)

    with pq.ParquetFile(file) as found:
        differing, done, totals, overtaken = found.metadata.num_rows, 0, 0, 0
        try:
            note_run(ctx, actor, rulebook, taken.day, differing, taken.taken_at)
            with watch("写回", differing) as progress:
                batches = found.iter_batches(BATCH, columns=columns_wanted(rulebook))
                for batch, adopted in _written(
                    write, (adoptable(b, rulebook) for b in batches), apart is not None
                ):
                    done += batch.residents
                    totals += adopted.moved
                    overtaken += adopted.overtaken
                    progress(batch.residents)
        except CannotAdopt as error:
            raise RescoreFailed(
                f"{error}。已写回 {done:,} / {differing:,} 人，均完整有效；再次运行会完成其余部分"
            ) from error
    return totals, overtaken


def _written(
    write: Callable[[Batch], Adopted], batches: Iterator[Batch], at_once: bool
) -> Iterator[tuple[Batch, Adopted]]:
    """Each batch with what became of it. Writers at once: while each has its batch, one more is made ready."""
    if not at_once:
        yield from ((batch, write(batch)) for batch in batches)
        return
    waiting: deque[tuple[Batch, Future[Adopted]]] = deque()
    with ThreadPoolExecutor(WRITERS) as pool:
        try:
            for batch in batches:
                waiting.append((batch, pool.submit(write, batch)))
                if len(waiting) > WRITERS:
                    first, future = waiting.popleft()
                    yield first, future.result()
            for first, future in waiting:
                yield first, future.result()
        finally:
            # After an error nothing more is begun; what has begun is written whole or not at all.
            for _batch, future in waiting:
                future.cancel()
