"""Everybody's points: the product's expression beside SQL written by hand for the same rulebook, and beside `score()`.

Both run on DuckDB with the same memory and threads over the same files, range of residents by range, and write what they
find. Then every number of both is compared, and a sample is scored one by one.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import pyarrow.parquet as pq

from haihe.city.engine import connect
from haihe.city.scoring import score_columns
from tests.bench.city.alone import alone
from tests.bench.city.plan import MEMORY, ON
from tests.bench.table import Row
from tests.city.comparing import scored_alone
from tests.city.demo_columns import lives_of
from tests.domain.published import rulebook

BY_HAND = (Path(__file__).parent / "by_hand.sql").read_text("utf-8")
RANGE = 500_000
MOST_SAMPLED = 100_000
ONE_IN = 50


def measure(city: Path, work: Path, residents: int) -> Iterator[Row]:
    """By hand, by expression, by expression with the last day; all compared; then a sample one by one."""
    ways: dict[str, Callable[..., None]] = {
        "hand": by_hand,
        "ibis": by_expression,
        "last_day": by_expression_with_last_day,
    }
    done = {}
    for name, way in ways.items():
        (work / name).mkdir()
        done[name] = alone(way, city, work / name, residents)
    hand = done["hand"]
    yard = f"手写 SQL {hand.seconds:.1f} 秒，{hand.peak:.1f} GB"
    for name, label in (("ibis", "全市计分"), ("last_day", "全市计分，含最后有效日")):
        took = done[name].seconds
        goal = "（目标 ≤ 1.5）" if name == "ibis" else ""
        yield Row(label, f"{took:.1f} 秒，{done[name].peak:.1f} GB", yard, f"{took / hand.seconds:.2f}{goal}")
    rows, unequal = _compare(work)
    if unequal:
        raise RuntimeError(f"{unequal} of {rows} residents differ from the SQL by hand")
    each, checked, wrong = _one_by_one(city, work, residents)
    if wrong:
        raise RuntimeError(f"{wrong} of {checked} sampled residents differ from score()")
    yield Row(
        f"与手写 SQL、score() 相同，{rows:,} 人",
        f"{done['ibis'].seconds:.1f} 秒",
        f"score() 抽样 {checked:,} 人，外推 {each * rows:.0f} 秒",
        f"{each * rows / done['ibis'].seconds:.0f} 倍",
    )


def by_hand(city: Path, out: Path, residents: int) -> None:
    """The hand-written SQL."""
    con = duckdb.connect(config={"memory_limit": MEMORY, "threads": 2, "preserve_insertion_order": False})
    con.execute("SET enable_progress_bar = false")
    con.execute(f"SET temp_directory = '{out}.spill'")
    for name in ("residents", "records"):
        con.from_parquet(str(city / f"{name}.parquet")).create_view(name)
    for first, last in ranges(residents):
        sql = BY_HAND.replace("$first", str(first)).replace("$last", str(last))
        con.execute(f"COPY ({sql}) TO '{out}/{first:09d}.parquet' (FORMAT parquet)")


def by_expression(
    city: Path, out: Path, residents: int, last_day: bool = False, engine: str = "duckdb"
) -> None:
    """The expression that the product uses."""
    backend = connect(engine, memory=MEMORY, temporary=out.with_suffix(".spill"))
    people = backend.read_parquet(city / "residents.parquet")
    records = backend.read_parquet(city / "records.parquet")
    for first, last in ranges(residents):
        found = score_columns(
            rulebook(),
            people.filter(people["resident_id"].between(first, last)),
            records.filter(records["resident_id"].between(first, last)),
            ON,
            last_day=last_day,
        )
        backend.to_parquet(found.filter(found["scored"]), out / f"{first:09d}.parquet")
    backend.disconnect()


def by_expression_with_last_day(city: Path, out: Path, residents: int) -> None:
    """The same, with the last day on which each result holds."""
    by_expression(city, out, residents, last_day=True)


def ranges(residents: int) -> Iterator[tuple[int, int]]:
    """First and last resident of each range."""
    for first in range(1, residents + 1, RANGE):
        yield first, min(first + RANGE - 1, residents)


def _compare(work: Path) -> tuple[int, int]:
    """How many residents were scored, and of how many any number differs."""
    rows = unequal = 0
    for file in sorted((work / "hand").iterdir()):
        con = duckdb.connect()
        hand, ours = (con.from_parquet(str(work / name / file.name)) for name in ("hand", "ibis"))
        hand, ours = hand.set_alias("hand"), ours.set_alias("ours")
        differing = " OR ".join(f'hand."{c}" IS DISTINCT FROM ours."{c}"' for c in hand.columns)
        both = hand.join(ours, "hand.resident_id = ours.resident_id", how="outer")
        ((here, differ),) = both.aggregate(f"count(*), count(*) FILTER (WHERE {differing})").fetchall()
        rows, unequal = rows + here, unequal + differ
    return rows, unequal


def _one_by_one(city: Path, work: Path, residents: int) -> tuple[float, int, int]:
    """Seconds a resident, how many were sampled, and how many came to other points than the expression gives them."""
    ours = pq.read_table(work / "ibis", columns=["resident_id", "total"])
    ids, totals = (ours[c].to_numpy() for c in ours.column_names)
    places = random.Random(1).sample(range(len(ids)), min(MOST_SAMPLED, max(residents // ONE_IN, 1_000)))
    expected = {int(ids[n]): int(totals[n]) for n in places}
    chosen = [("resident_id", "in", set(expected))]
    lives = lives_of(
        pq.read_table(city / "residents.parquet", filters=chosen),
        pq.read_table(city / "records.parquet", filters=chosen),
    )
    begun = time.monotonic()
    scores = [scored_alone(life, rulebook(), ON) for life in lives]
    took = time.monotonic() - begun
    wrong = sum(
        score is None or score.total != expected[life.resident.resident_id]
        for life, score in zip(lives, scores, strict=True)
    )
    return took / len(lives), len(lives), wrong
