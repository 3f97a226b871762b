"""The whole city's points: one Ibis expression beside hand-written SQL of the same rulebook, on the same files, in one run.

    python -m tests.bench.city_scoring --residents 500000

Both run on DuckDB with the same memory and threads, range of residents by range, and write what they find to Parquet.
Each has a process of its own, so that the peak memory is its own too. Then every number of both is compared, and a
sample is scored one by one by `score()`.
"""

from __future__ import annotations

import argparse
import random
import resource
import sys
import time
from collections.abc import Callable, Iterator
from datetime import date
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import pyarrow.parquet as pq

from haihe.city.engine import connect
from haihe.city.generating import generate_snapshot
from haihe.city.scoring import score_columns
from haihe.demo.plan import Plan
from tests.bench.table import Row, printed
from tests.city.comparing import scored_alone
from tests.city.demo_columns import lives_of
from tests.domain.published import rulebook

ON = date(2026, 11, 20)
BY_HAND = (Path(__file__).parent / "city_by_hand.sql").read_text("utf-8")
RANGE = 500_000
SAMPLE = 2_000


def main() -> None:
    """Generate, measure, compare, print."""
    arguments = _arguments()
    with TemporaryDirectory(prefix="haihe-city-", dir=arguments.directory) as made:
        home = arguments.files or Path(made)
        if not (home / "records.parquet").exists():
            home = home / "city"
            generate_snapshot(Plan(arguments.residents, 20261120, ON), home)
        ways: dict[str, Callable[..., None]] = {"hand": by_hand, "ibis": by_expression}
        if arguments.last_day:
            ways["ibis_last_day"] = by_expression_with_last_day
        found: dict[str, tuple[float, float]] = {}
        # Twice round about: the first reading of the files must not be charged to whoever comes first.
        for _ in range(arguments.rounds):
            for name, way in ways.items():
                took, peak = _alone(way, home, Path(made) / name, arguments)
                best = found.get(name, (float("inf"), 0.0))
                found[name] = (min(best[0], took), max(best[1], peak))
        print(printed(list(_rows(found, home, Path(made), arguments))))


def by_hand(home: Path, out: Path, residents: int, size: int, memory: str) -> None:
    """The hand-written SQL."""
    con = duckdb.connect(config={"memory_limit": memory, "threads": 2, "preserve_insertion_order": False})
    con.execute("SET enable_progress_bar = false")
    for name in ("residents", "records"):
        con.from_parquet(str(home / f"{name}.parquet")).create_view(name)
    for first, last in _ranges(residents, size):
        sql = BY_HAND.replace("$first", str(first)).replace("$last", str(last))
        con.execute(f"COPY ({sql}) TO '{out}/{first:09d}.parquet' (FORMAT parquet)")


def by_expression(
    home: Path, out: Path, residents: int, size: int, memory: str, last_day: bool = False
) -> None:
    """The expression that the product uses."""
    engine = connect(memory=memory)
    people = engine.read_parquet(home / "residents.parquet")
    records = engine.read_parquet(home / "records.parquet")
    for first, last in _ranges(residents, size):
        found = score_columns(
            rulebook(),
            people.filter(people["resident_id"].between(first, last)),
            records.filter(records["resident_id"].between(first, last)),
            ON,
            last_day=last_day,
        )
        engine.to_parquet(found.filter(found["scored"]), out / f"{first:09d}.parquet")


def by_expression_with_last_day(home: Path, out: Path, residents: int, size: int, memory: str) -> None:
    """The same, with the last day on which each result holds."""
    by_expression(home, out, residents, size, memory, last_day=True)


def _rows(
    found: dict[str, tuple[float, float]], home: Path, made: Path, arguments: argparse.Namespace
) -> Iterator[Row]:
    hand, hand_peak = found["hand"]
    rows, unequal = _compare(made)
    yield Row("手写 SQL", f"{hand:.1f} s", f"内存峰值 {hand_peak:.1f} GB", "1.00")
    names = {"ibis": "表达式", "ibis_last_day": "表达式，含最后有效日"}
    for name, label in names.items():
        if name in found:
            took, peak = found[name]
            yield Row(label, f"{took:.1f} s", f"内存峰值 {peak:.1f} GB", f"{took / hand:.2f}（目标 ≤ 1.5）")
    yield Row("逐格比较", f"{rows:,} 位居民", f"{unequal} 位不同", "")
    each, checked, wrong = _one_by_one(home, made)
    alone = each * rows
    yield Row(
        "score() 逐人（抽样外推）",
        f"{alone:.0f} s",
        f"{checked:,} 位抽样，{wrong} 位不同",
        f"{alone / found['ibis'][0]:.0f} 倍",
    )


def _compare(made: Path) -> tuple[int, int]:
    """How many residents were scored, and of how many any number differs."""
    rows = unequal = 0
    for file in sorted((made / "hand").iterdir()):
        con = duckdb.connect()
        hand, ours = (con.from_parquet(str(made / name / file.name)) for name in ("hand", "ibis"))
        hand, ours = hand.set_alias("hand"), ours.set_alias("ours")
        differing = " OR ".join(f'hand."{c}" IS DISTINCT FROM ours."{c}"' for c in hand.columns)
        both = hand.join(ours, "hand.resident_id = ours.resident_id", how="outer")
        ((here, differ),) = both.aggregate(f"count(*), count(*) FILTER (WHERE {differing})").fetchall()
        rows, unequal = rows + here, unequal + differ
    return rows, unequal


def _one_by_one(home: Path, made: Path) -> tuple[float, int, int]:
    """Seconds a resident, how many were sampled, and how many came to other points than the expression gives them."""
    ours = pq.read_table(made / "ibis", columns=["resident_id", "total"])
    totals = dict(zip(*(ours[c].to_pylist() for c in ours.column_names), strict=True))
    sample = set(random.Random(1).sample(sorted(totals), min(SAMPLE, len(totals))))
    chosen = [("resident_id", "in", sample)]
    lives = lives_of(
        pq.read_table(home / "residents.parquet", filters=chosen),
        pq.read_table(home / "records.parquet", filters=chosen),
    )
    began = time.monotonic()
    scores = [scored_alone(life, rulebook(), ON) for life in lives]
    took = time.monotonic() - began
    wrong = sum(
        score is None or score.total != totals[life.resident.resident_id]
        for life, score in zip(lives, scores, strict=True)
    )
    return took / len(lives), len(lives), wrong


def _ranges(residents: int, size: int) -> Iterator[tuple[int, int]]:
    for first in range(1, residents + 1, size):
        yield first, min(first + size - 1, residents)


def _alone(
    way: Callable[..., None], home: Path, out: Path, arguments: argparse.Namespace
) -> tuple[float, float]:
    """Seconds and peak gigabytes of one way in a process of its own."""
    out.mkdir(exist_ok=True)
    here, there = get_context("spawn").Pipe()
    process = get_context("spawn").Process(
        target=_measured, args=(there, way, home, out, arguments.residents, arguments.range, arguments.memory)
    )
    process.start()
    there.close()
    try:
        took, peak = here.recv()
    except EOFError:
        process.join()
        sys.exit(f"{way.__name__} ended with {process.exitcode}")
    process.join()
    return took, peak


def _measured(there: Connection, way: Callable[..., None], *given: object) -> None:
    began = time.monotonic()
    way(*given)
    took = time.monotonic() - began
    there.send((took, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6))
    there.close()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--residents", type=int, default=RANGE)
    parser.add_argument("--range", type=int, default=RANGE, help="residents in one statement")
    parser.add_argument("--memory", default="6GB")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument(
        "--last-day", action="store_true", help="also with the last day on which each result holds"
    )
    parser.add_argument(
        "--directory", type=Path, default=None, help="where the results and the files are put"
    )
    parser.add_argument("--files", type=Path, default=None, help="use or keep the generated files here")
    return parser.parse_args()


if __name__ == "__main__":
    main()
