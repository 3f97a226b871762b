"""The whole table. RESIDENTS, E2E and PARTS say how many residents and which parts; all files lie in a directory that is removed."""

from __future__ import annotations

import logging
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from tests.bench.city import compute, end_to_end, spark, trial, warm
from tests.bench.city.alone import alone
from tests.bench.city.plan import CITY, generated
from tests.bench.table import Row, printed

PARTS = ("compute", "trial", "warm", "e2e", "spark")
FEWEST = 10_000


def main() -> int:
    """Generate, measure part by part, and print the table at the end."""
    residents = _number("RESIDENTS", CITY)
    end_to_end_residents = min(residents, _number("E2E", 2_000_000))
    parts = tuple(filter(None, os.environ.get("PARTS", "").replace(" ", "").split(","))) or PARTS
    if unknown := set(parts) - set(PARTS):
        sys.exit(f"PARTS 里没有 {'、'.join(sorted(unknown))}；可选：{','.join(PARTS)}")
    logging.disable(logging.INFO)
    rows = []
    with tempfile.TemporaryDirectory(prefix="haihe-bench-") as folder:
        home = Path(folder)
        for part in PARTS:
            if part not in parts:
                continue
            with tempfile.TemporaryDirectory(prefix=f"{part}-", dir=home) as work:
                for row in _part(part, home, Path(work), residents, end_to_end_residents):
                    print(
                        f"· {row.what}：{row.figure}  {row.yardstick}  {row.ratio}",
                        file=sys.stderr,
                        flush=True,
                    )
                    rows.append(row)
    print(printed(rows))
    return 0


def _part(part: str, home: Path, work: Path, residents: int, end_to_end_residents: int) -> Iterator[Row]:
    city = partial(_city, home)
    measures: dict[str, Callable[[], Iterator[Row]]] = {
        "compute": lambda: compute.measure(city(residents), work, residents),
        "trial": lambda: trial.measure(city(residents), work),
        "warm": lambda: warm.measure(residents),
        "e2e": lambda: end_to_end.measure(city(end_to_end_residents), end_to_end_residents),
        "spark": lambda: spark.measure(city(residents), work, residents),
    }
    begun = time.monotonic()
    yield from measures[part]()
    print(f"  （{part} 共 {time.monotonic() - begun:.0f} 秒）", file=sys.stderr, flush=True)


def _city(home: Path, residents: int) -> Path:
    """The city of so many residents, generated the first time that it is asked for."""
    directory = home / f"city-{residents}"
    if not directory.exists():
        done = alone(generated, residents, directory)
        told = f"生成 {residents:,} 人，{done.result:,} 条记录：{done.seconds:.1f} 秒，{done.peak:.1f} GB"
        print(f"· {told}", file=sys.stderr, flush=True)
    return directory


def _number(name: str, otherwise: int) -> int:
    given = os.environ.get(name) or str(otherwise)
    if not given.isdecimal() or not FEWEST <= int(given) <= 17_000_000:
        sys.exit(f"{name} 应为 {FEWEST:,} 到 17,000,000 之间的整数，现在是 {given!r}")
    return int(given)


if __name__ == "__main__":
    sys.exit(main())
