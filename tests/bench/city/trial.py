"""A draft scenario and a draft rulebook tried on everybody, each beside plain SQL or the scoring that it cannot do without."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb

from haihe.city.engine import connect
from haihe.city.impact import try_scenario
from haihe.city.population import read_population
from haihe.city.rulebook_impact import try_rulebook
from haihe.domain.criteria import AnyOf, PointsAtLeast
from haihe.domain.rulebook import Rulebook
from tests.bench.city.alone import alone
from tests.bench.city.plan import MEMORY, ON
from tests.bench.table import Row
from tests.domain.published import rulebook, scenarios

SCENARIO, LOWERED = "XYZ-07", 580


def measure(city: Path, work: Path) -> Iterator[Row]:
    """The facts that are computed once for each snapshot, then both trials."""
    done = alone(tried, city, work)
    took: dict[str, Any] = done.result
    peak = f"{done.peak:.1f} GB"
    yield Row("试算的准备（每份快照一次）", f"{took['facts']:.1f} 秒，{peak}", "", "")
    yield Row(
        "试算一个场景草稿",
        f"{took['scenario']:.2f} 秒，{peak}",
        f"只数人数的 SQL {took['sql']:.2f} 秒",
        f"{took['scenario'] / took['sql']:.1f}（目标 ≤ 2 秒）",
    )
    yield Row(
        "试算一部规则集草稿",
        f"{took['rulebook']:.1f} 秒，{peak}",
        f"按一部规则集算一遍 {took['facts']:.1f} 秒",
        f"{took['rulebook'] / took['facts']:.2f}（目标 ≤ 60 秒）",
    )


def tried(city: Path, work: Path) -> dict[str, float]:
    """Seconds for each; what is counted is checked against plain SQL."""
    engine = connect(memory=MEMORY, temporary=work / "spill")
    population = read_population(engine, city, ON)
    present = rulebook()
    took = {}

    begun = time.monotonic()
    population.facts(present, ON)
    took["facts"] = time.monotonic() - begun

    published = scenarios()[SCENARIO]
    draft = replace(published, criterion=AnyOf((published.criterion, PointsAtLeast(LOWERED))))
    begun = time.monotonic()
    impact = try_scenario(population, present, draft, published, ON)
    took["scenario"] = time.monotonic() - begun

    begun = time.monotonic()
    file = population.facts_file(present, ON)
    sql = "SELECT count(*) FILTER (total >= ?), count(*) FILTER (total >= 600) FROM read_parquet(?)"
    with duckdb.connect(config={"threads": 2}) as con:
        (now, before), *_ = con.execute(sql, [LOWERED, str(file)]).fetchall()
    took["sql"] = time.monotonic() - begun
    if impact.whole.gain != now - before:
        raise RuntimeError(f"the trial counts {impact.whole.gain} who gain, plain SQL {now - before}")

    begun = time.monotonic()
    try_rulebook(population, _draft(present), present, [(s, s) for s in scenarios().values()], ON)
    took["rulebook"] = time.monotonic() - begun
    engine.disconnect()
    return took


def _draft(present: Rulebook) -> Rulebook:
    """One cap lowered and one start raised, as a revision may be."""
    return replace(
        present,
        version="DRAFT",
        indicators=tuple(replace(i, cap=i.cap - 4) if i.code == "C01" else i for i in present.indicators),
    )
