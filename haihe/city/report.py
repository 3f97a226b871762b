"""公平与覆盖报告: whom the points and the benefits reach, group by group, and how complete and how fresh the data is.

Three scans of the facts and one of the residents; whatever is told has been through `suppression`, the groups' own counts
first, for every further table rests on them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import ibis
import ibis.expr.types as ir

from haihe.city import columns
from haihe.city.flows import UNKNOWN
from haihe.city.population import Population
from haihe.city.reach import BAND_NAMES, offer_column
from haihe.city.report_reach import ScenarioReach, scenario_reach
from haihe.city.suppression import LEAST, Counts
from haihe.domain.districts import DISTRICTS
from haihe.domain.rulebook import Rulebook
from haihe.domain.scenarios import Scenario
from haihe.usecases.source_freshness import Freshness

SEGMENT = 50
BY = ("district", "band")
QUARTERS = (0.25, 0.5, 0.75)
DISTRICT_NAMES = {**DISTRICTS, UNKNOWN: "居住区不详"}
BANDS_BY_CODE = {str(n): name for n, name in enumerate(BAND_NAMES)}

Rows = list[dict[str, Any]]
Told = Mapping[Hashable, int | None]


@dataclass(frozen=True, slots=True)
class Segment:
    """How many people have at least `at_least` and fewer than `below` points; the last one has no end but the maximum."""

    at_least: int
    below: int
    people: int | None


@dataclass(frozen=True, slots=True)
class GradeCount:
    """How many people have a grade."""

    code: str
    name: str
    people: int | None


@dataclass(frozen=True, slots=True)
class GroupPoints:
    """One district or age band: who lives there and who has joined (districts only), and the points of those counted."""

    code: str
    name: str
    residents: int | None
    joined: int | None
    people: int | None
    quartiles: tuple[int, int, int] | None
    grades: tuple[int | None, ...]


@dataclass(frozen=True, slots=True)
class Coverage:
    """Of how many of those counted an indicator (or a stated fact) says something; `not_agreed` have not let it be used."""

    code: str
    name: str
    department: str
    known: int | None
    not_agreed: int | None
    unknown: int | None


@dataclass(frozen=True, slots=True)
class CityReport:
    """The report as numbers. None stands for what is not told; `before` is what an earlier report said, as JSON."""

    on: date
    taken_at: str
    rulebook: str
    rulebook_name: str
    residents: int | None
    joined: int | None
    scored: int | None
    grades: tuple[GradeCount, ...]
    distribution: tuple[Segment, ...]
    districts: tuple[GroupPoints, ...]
    ages: tuple[GroupPoints, ...]
    reach: tuple[ScenarioReach, ...]
    coverage: tuple[Coverage, ...]
    suppressed_below: int = LEAST
    sources: tuple[Freshness, ...] = ()
    before: Mapping[str, Any] | None = None


def city_report(
    population: Population,
    rulebook: Rulebook,
    scenarios: Sequence[Scenario],
    on: date,
    stage: Callable[[float, str], None] = lambda _done, _doing: None,
) -> CityReport:
    """Look at everybody on one day, by the rulebook and the public scenarios of that day."""
    stage(0.0, "计算每个人的积分")
    facts = population.facts(rulebook, on)
    facts = facts.mutate(district=facts["district"].fill_null(UNKNOWN))
    stage(0.5, "统计积分、等级与场景可及")
    bounds = _bounds(rulebook)
    rows = _counted(population, facts, scenarios, bounds, on)
    homes = _homes(population)
    counts = _main_counts(rows, homes, rulebook, bounds)
    told = counts.told()
    stage(0.8, "统计各指标的数据")
    coverage = _coverage(population, facts, rulebook)
    totals = {by: _totals(population, facts, by) for by in BY}
    grades = [g.code for g in rulebook.grades]
    return CityReport(
        on=on,
        taken_at=population.taken_at,
        rulebook=rulebook.version,
        rulebook_name=rulebook.name,
        residents=told["residents",],
        joined=told["joined",],
        scored=told["people",],
        grades=tuple(GradeCount(g.code, g.name, told["grade", g.code]) for g in rulebook.grades),
        distribution=tuple(_segments(told, bounds)),
        districts=_groups(told, "district", DISTRICT_NAMES, grades, totals["district"]),
        ages=_groups(told, "band", BANDS_BY_CODE, grades, totals["band"]),
        reach=tuple(
            scenario_reach(s, n, rows, told, {"district": DISTRICT_NAMES, "band": BANDS_BY_CODE})
            for n, s in enumerate(scenarios)
        ),
        coverage=coverage,
    )


def _bounds(rulebook: Rulebook) -> list[int]:
    """Where a segment begins: every fifty points, and wherever a grade does, so that grades are sums of segments."""
    highest = sum(d.cap for d in rulebook.dimensions)
    return sorted({*range(0, highest, SEGMENT), *(g.at_least for g in rulebook.grades if g.at_least > 0)})


def _counted(
    population: Population, facts: ir.Table, scenarios: Sequence[Scenario], bounds: list[int], on: date
) -> Rows:
    """One row for each district, age band, grade and segment of points, with how many each scenario is open to."""
    above = [(facts["total"] >= bound, n) for n, bound in reversed(list(enumerate(bounds)))]
    kinds = facts.select(
        *BY,
        "grade",
        segment=ibis.cases(*above).cast("int32"),
        **{f"reach{n}": offer_column(s, facts, on).notnull().cast("int64") for n, s in enumerate(scenarios)},
    )
    return _rows(
        population,
        kinds.group_by(*BY, "grade", "segment").aggregate(
            people=kinds.count(), **{f"reach{n}": kinds[f"reach{n}"].sum() for n in range(len(scenarios))}
        ),
    )


def _homes(population: Population) -> Rows:
    """How many residents each district has, and how many of them have joined."""
    residents = population.residents
    residents = residents.select(
        district=residents["district"].cast("string").fill_null(UNKNOWN),
        joined=residents["joined"].cast("int64"),
    )
    return _rows(
        population,
        residents.group_by("district").aggregate(
            residents=residents.count(), joined=residents["joined"].sum()
        ),
    )


def _totals(population: Population, facts: ir.Table, by: str) -> dict[str, Counter[int]]:
    """For each group, how many people have each total."""
    found: dict[str, Counter[int]] = {}
    for row in _rows(population, facts.group_by(by, "total").aggregate(people=facts.count())):
        found.setdefault(str(row[by]), Counter())[row["total"]] += row["people"]
    return found


def _coverage(population: Population, facts: ir.Table, rulebook: Rulebook) -> tuple[Coverage, ...]:
    """Indicators that give points, and stated facts. Of a negative one no record is no gap: it is as it should be."""
    asked = [i for i in rulebook.indicators if i.enabled and not i.is_negative]
    sums = {f"known_{i.code}": (facts[columns.points(i.code)] != 0).sum() for i in asked}
    sums |= {f"known_{f.code}": facts[columns.stated(f.code)].notnull().sum() for f in rulebook.facts}
    agreed = {i.code: columns.consent(i.sensitive) for i in asked if i.sensitive}
    sums |= {
        f"agreed_{code}": facts[name].cast("int64").sum()
        for code, name in agreed.items()
        if name in facts.columns
    }
    (found,) = _rows(population, facts.aggregate(people=facts.count(), **sums))
    told = []
    for one in (*asked, *rulebook.facts):
        people, known = found["people"], found[f"known_{one.code}"] or 0
        refused = people - (found.get(f"agreed_{one.code}") or 0) if one.code in agreed else 0
        told.append(_told_coverage(one.code, one.name, one.department, known, refused, people))
    return tuple(told)


def _told_coverage(code: str, name: str, department: str, known: int, refused: int, people: int) -> Coverage:
    counts = Counts({"known": known, "not_agreed": refused, "unknown": people - known - refused})
    counts.tie("people", ("known", "not_agreed", "unknown"))
    counts.rank("people", 1)
    told = counts.told()
    return Coverage(code, name, department, told["known"], told["not_agreed"], told["unknown"])


def _main_counts(rows: Rows, homes: Rows, rulebook: Rulebook, bounds: list[int]) -> Counts:
    """Everything that is told of groups, grades and points, and how it hangs together."""
    counts = Counts()
    grades = [g.code for g in rulebook.grades]
    found: dict[str, set[str]] = {by: set() for by in BY}
    for row in rows:
        counts.add(("people",), row["people"])
        counts.add(("grade", row["grade"]), row["people"])
        counts.add(("segment", row["segment"]), row["people"])
        for by in BY:
            code = str(row[by])
            found[by].add(code)
            counts.add(("people", by, code), row["people"])
            counts.add(("grade", row["grade"], by, code), row["people"])
    found["district"] |= {row["district"] for row in homes}
    for by, codes in found.items():
        counts.tie(("people",), [("people", by, code) for code in sorted(codes)])
        for grade in grades:
            counts.tie(("grade", grade), [("grade", grade, by, code) for code in sorted(codes)])
        for code in sorted(codes):
            counts.tie(("people", by, code), [("grade", grade, by, code) for grade in grades])
            counts.rank(("people", by, code), 2)
    counts.tie(("people",), [("grade", grade) for grade in grades])
    _tie_segments(counts, rulebook, bounds)
    _tie_homes(counts, homes)
    for name, rank in ((("people",), 9), (("joined",), 9), (("residents",), 9)):
        counts.rank(name, rank)
    return counts


def _tie_segments(counts: Counts, rulebook: Rulebook, bounds: list[int]) -> None:
    rising = sorted(rulebook.grades, key=lambda g: g.at_least)
    ends = [g.at_least for g in rising[1:]]
    for grade, end in zip(rising, [*ends, None], strict=True):
        inside = [n for n, b in enumerate(bounds) if b >= grade.at_least and (end is None or b < end)]
        counts.tie(("grade", grade.code), [("segment", n) for n in inside])
        counts.rank(("grade", grade.code), 3)


def _tie_homes(counts: Counts, homes: Rows) -> None:
    """Residents have joined or not, and those who have are counted or too young to be; neither rest is told."""
    for row in homes:
        group = ("district", row["district"])
        counts.add(("residents", *group), row["residents"])
        counts.add(("joined", *group), row["joined"])
        counts.add(("away", *group), row["residents"] - row["joined"])
        counts.add(("young", *group), row["joined"] - counts.cells.get(("people", *group), 0))
        counts.tie(("residents", *group), [("joined", *group), ("away", *group)])
        counts.tie(("joined", *group), [("people", *group), ("young", *group)])
        for name, rank in (("young", -1), ("away", -1), ("joined", 1), ("residents", 1)):
            counts.rank((name, *group), rank)
    for name in ("residents", "joined", "away", "young"):
        counts.tie((name,), [(name, "district", row["district"]) for row in homes])
    counts.tie(("residents",), [("joined",), ("away",)])
    counts.tie(("joined",), [("people",), ("young",)])
    counts.rank(("away",), -1)
    counts.rank(("young",), -1)


def _segments(told: Told, bounds: list[int]) -> Iterable[Segment]:
    """From the lowest segment that anybody is in to the highest."""
    somebody = [n for n in range(len(bounds)) if told.get(("segment", n), 0) != 0]
    for n in range(somebody[0], somebody[-1] + 1) if somebody else ():
        below = bounds[n + 1] if n + 1 < len(bounds) else bounds[n] + SEGMENT
        yield Segment(bounds[n], below, told.get(("segment", n), 0))


def _groups(
    told: Told, by: str, names: Mapping[str, str], grades: list[str], totals: Mapping[str, Counter[int]]
) -> tuple[GroupPoints, ...]:
    return tuple(
        GroupPoints(
            code=code,
            name=name,
            residents=told.get(("residents", by, code)),
            joined=told.get(("joined", by, code)),
            people=told["people", by, code],
            quartiles=_quartiles(totals.get(code, Counter())) if told["people", by, code] else None,
            grades=tuple(told["grade", grade, by, code] for grade in grades),
        )
        for code, name in names.items()
        if ("people", by, code) in told
    )


def _quartiles(totals: Counter[int]) -> tuple[int, int, int]:
    """The totals that a quarter, half and three quarters of a group do not exceed."""
    people, low, half, high = totals.total(), 0, 0, 0
    passed = 0
    for total in sorted(totals):
        before, passed = passed, passed + totals[total]
        low, half, high = (
            total if before < quarter * people <= passed else had
            for quarter, had in zip(QUARTERS, (low, half, high), strict=True)
        )
    return low, half, high


def _rows(population: Population, table: ir.Table) -> Rows:
    rows: Rows = population.engine.to_pyarrow(table).to_pylist()
    return rows
