"""试算一部规则集: how points, grades and the reach of every published scenario would move if this draft were in force."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

import ibis
import ibis.expr.types as ir

from haihe.city.flows import GAIN, KEEP, LOSE, NEITHER, UNKNOWN, Flow, flow_of, tie_flow
from haihe.city.histogram import BIN, Bin, histogram
from haihe.city.movements import GradeChange, Movement, grade_changes, movement, movements, told_movements
from haihe.city.population import Population
from haihe.city.reach import BAND_NAMES, offer_column
from haihe.city.rulebook_cases import RulebookCase, rulebook_cases
from haihe.city.suppression import LEAST, Counts
from haihe.domain.districts import DISTRICTS
from haihe.domain.rulebook import Rulebook
from haihe.domain.scenarios import Scenario


@dataclass(frozen=True, slots=True)
class Reach:
    """One published scenario by the present rulebook and by the draft."""

    scenario: str
    name: str
    flow: Flow


@dataclass(frozen=True, slots=True)
class RulebookImpact:
    """What publishing a draft would do to points, grades and reach."""

    draft: str
    present: str
    on: date
    whole: Movement
    districts: tuple[Movement, ...]
    ages: tuple[Movement, ...]
    grades: tuple[Movement, ...]
    distribution: tuple[Bin, ...]
    median_before: float | None
    median_after: float | None
    grade_changes: tuple[GradeChange, ...]
    reach: tuple[Reach, ...]
    cases: tuple[RulebookCase, ...]
    suppressed_below: int = LEAST


def try_rulebook(
    population: Population,
    draft: Rulebook,
    present: Rulebook,
    scenarios: Iterable[tuple[Scenario, Scenario]],
    on: date,
) -> RulebookImpact:
    """Try a draft on everybody. Each scenario comes as the present rulebook reads it and as the draft does."""
    read = tuple(scenarios)
    kept = population.facts_file(draft, on).exists()
    try:
        both = _both(population, draft, present, read, on)
        moved = _moves(population, both, len(read))
        binned = _bins(population, both)
        cases = rulebook_cases(population, draft, present, on)
        medians = _medians(population, both)
    finally:
        if not kept:
            population.forget(draft, on)
    told, sums = told_movements(moved)
    names = {g.code: f"{g.code} {g.name}" for g in (*draft.grades, *present.grades)}
    enough = sum(row["people"] for row in moved) >= LEAST
    return RulebookImpact(
        draft=draft.version,
        present=present.version,
        on=on,
        whole=movement(told, sums, (), "", "全市"),
        districts=movements(told, sums, "district", {**DISTRICTS, UNKNOWN: "居住区不详"}),
        ages=movements(told, sums, "band", {str(n): name for n, name in enumerate(BAND_NAMES)}),
        grades=movements(told, sums, "grade", names),
        distribution=histogram(binned),
        median_before=medians[0] if enough else None,
        median_after=medians[1] if enough else None,
        grade_changes=grade_changes(moved, list(names)),
        reach=tuple(_reach(n, s, moved) for n, (s, _) in enumerate(read)),
        cases=cases,
    )


def _both(
    population: Population,
    draft: Rulebook,
    present: Rulebook,
    scenarios: tuple[tuple[Scenario, Scenario], ...],
    on: date,
) -> ir.Table:
    """Everybody's points, grades and offers by both rulebooks, side by side."""
    was, will = population.facts(present, on), population.facts(draft, on, present)
    before = was.select(
        "resident_id",
        "band",
        district=was["district"].fill_null(UNKNOWN),
        grade=was["grade"],
        total=was["total"],
        **{f"had{n}": offer_column(s, was, on).notnull() for n, (s, _) in enumerate(scenarios)},
    )
    after = will.select(
        resident_after=will["resident_id"],
        grade_after=will["grade"],
        total_after=will["total"],
        **{f"has{n}": offer_column(s, will, on).notnull() for n, (_, s) in enumerate(scenarios)},
    )
    return before.join(after, before["resident_id"] == after["resident_after"])


def _moves(population: Population, both: ir.Table, scenarios: int) -> list[dict[str, Any]]:
    """One row for each district, age band, grade and grade to come, with everything that adds up."""
    flows: dict[str, ir.Value] = {}
    for n in range(scenarios):
        had, has = both[f"had{n}"], both[f"has{n}"]
        no_more, not_yet = ibis.cases((had, False), else_=True), ibis.cases((has, False), else_=True)
        flows |= {
            f"{GAIN}{n}": (no_more & has).sum(),
            f"{LOSE}{n}": (had & not_yet).sum(),
            f"{KEEP}{n}": (had & has).sum(),
        }
    grouped = both.group_by("district", "band", "grade", "grade_after").aggregate(
        people=both.count(),
        up=(both["total_after"] > both["total"]).sum(),
        down=(both["total_after"] < both["total"]).sum(),
        before=both["total"].cast("int64").sum(),
        after=both["total_after"].cast("int64").sum(),
        **flows,
    )
    rows: list[dict[str, Any]] = population.engine.to_pyarrow(grouped).to_pylist()
    return rows


def _bins(population: Population, both: ir.Table) -> list[dict[str, Any]]:
    binned = both.group_by(before=both["total"] // BIN, after=both["total_after"] // BIN)
    rows: list[dict[str, Any]] = population.engine.to_pyarrow(
        binned.aggregate(people=both.count())
    ).to_pylist()
    return rows


def _medians(population: Population, both: ir.Table) -> tuple[float | None, float | None]:
    found = population.engine.to_pyarrow(
        both.aggregate(before=both["total"].median(), after=both["total_after"].median())
    ).to_pylist()[0]
    return found["before"], found["after"]


def _reach(place: int, scenario: Scenario, rows: list[dict[str, Any]]) -> Reach:
    counts = Counts()
    people = sum(row["people"] for row in rows)
    for what in (GAIN, LOSE, KEEP):
        counts.add((what,), sum(row[f"{what}{place}"] for row in rows))
    counts.add((NEITHER,), people - sum(counts.cells[what,] for what in (GAIN, LOSE, KEEP)))
    tie_flow(counts, ())
    return Reach(scenario.code, scenario.name, flow_of(counts.told(), ()))
