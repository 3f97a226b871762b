"""The same expression on Spark with two threads, beside DuckDB with two threads."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import duckdb

from tests.bench.city.alone import alone
from tests.bench.city.compute import by_expression
from tests.bench.table import Row

WHAT = "全市计分，Spark local[2]"


def measure(city: Path, work: Path, residents: int) -> Iterator[Row]:
    """Both, and every number of both compared; or why it was not measured."""
    if find_spec("pyspark") is None:
        yield Row(WHAT, "未测", "没有安装 pyspark（requirements-spark.txt）", "")
        return
    if shutil.which("java") is None:
        yield Row(WHAT, "未测", "没有 Java 17", "")
        return
    done = {}
    for engine in ("duckdb", "local[2]"):
        (work / engine).mkdir()
        done[engine] = alone(by_expression, city, work / engine, residents, False, engine)
    unequal = _unequal(work)
    if unequal:
        raise RuntimeError(f"{unequal} rows on Spark are not those of DuckDB")
    ours, theirs = done["duckdb"], done["local[2]"]
    yield Row(
        WHAT,
        f"{theirs.seconds:.1f} 秒",
        f"DuckDB {ours.seconds:.1f} 秒，结果逐格相同",
        f"{theirs.seconds / ours.seconds:.1f} 倍",
    )


def _unequal(work: Path) -> int:
    """Rows that only one of the two has, range by range."""
    differing = 0
    for file in sorted((work / "duckdb").glob("*.parquet")):
        with duckdb.connect() as con:
            one, other = (con.from_parquet(str(work / name / file.name)) for name in ("duckdb", "local[2]"))
            names = ", ".join(f'"{c}"' for c in one.columns)
            for a, b in ((one, other), (other, one)):
                differing += len(a.project(names).except_(b.project(names)))
    return differing
