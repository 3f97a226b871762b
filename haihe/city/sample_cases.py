"""个例: what a draft means for one resident, told line by line, without any resident being told of.

A case stands for at least twenty people to whom the criteria say the same before and after. Its numbers are their means, held
by nobody in particular; since all of them stand on the same side of every bound, so does their mean. What is said of it is
then what the domain says of anybody.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import ibis.expr.types as ir

from haihe.city import columns
from haihe.city.criteria import holds_column
from haihe.city.reach import leaves
from haihe.city.suppression import LEAST
from haihe.domain.criteria import ConsentedTo, Criterion, NoRecordOf, Stated
from haihe.domain.eligibility import decide
from haihe.domain.explaining import explain_decision
from haihe.domain.facts import Facts
from haihe.domain.rulebook import Rulebook
from haihe.domain.scenarios import Period, Scenario

EPOCH = date(1970, 1, 1)
# How many cases of each kind are told: those who gain, lose, get another offer, keep theirs, and still have none.
KINDS = {"获得": 2, "失去": 2, "换档": 2, "保留": 1, "仍未达到": 1}
ROUNDED_TO = 10
NOT_YET = "此前没有这一场景"


@dataclass(frozen=True, slots=True)
class Told:
    """What a resident would read: the answer in one breath, every reason for a no, and what is met."""

    headline: str
    missing: tuple[str, ...]
    met: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ScenarioCase:
    """One made-up resident, what they are told before and after. `at_least_people` are like them, rounded down to tens."""

    case: int
    kind: str
    at_least_people: int
    points: int
    before: Told
    after: Told


def traits(
    facts: ir.Table, rulebook: Rulebook, draft: Scenario, published: Scenario | None, on: date
) -> tuple[dict[str, ir.Value], dict[str, ir.Value]]:
    """What people must have in common to be one kind, and what may differ among them so that its mean is told."""
    asked = _asked((draft, published))
    keys: dict[str, ir.Value] = {f"leaf{n}": holds_column(leaf, facts, on) for n, leaf in enumerate(asked)}
    for code in _listed_codes(asked):
        if columns.listed(code) in facts.columns:
            keys[columns.listed(code)] = facts[columns.listed(code)]
    means: dict[str, ir.Value] = {
        "total": facts["total"],
        "born": facts["birth_date"].epoch_days(),
        columns.RUNNING_ALTOGETHER: facts[columns.RUNNING_ALTOGETHER],
        columns.NO_SHOWS_ALTOGETHER: facts[columns.NO_SHOWS_ALTOGETHER],
    }
    for dimension in rulebook.dimension_by_code:
        means[columns.dimension(dimension)] = facts[columns.dimension(dimension)]
    for period in Period:
        name = columns.orders(period.value, draft.code)
        if name in facts.columns:
            means[name] = facts[name]
    return keys, means


def scenario_cases(
    rows: Iterable[Mapping[str, Any]],
    rulebook: Rulebook,
    draft: Scenario,
    published: Scenario | None,
    on: date,
) -> tuple[ScenarioCase, ...]:
    """The commonest kinds of people, as cases."""
    asked = _asked((draft, published))
    left = dict(KINDS)
    cases: list[ScenarioCase] = []
    for people, row in sorted(_kinds(rows), key=lambda kind: -kind[0]):
        kind = _kind(row, draft, published)
        if people < LEAST or not left[kind]:
            continue
        facts = _facts(row, people, asked, rulebook, draft.code)
        after = decide(facts, draft, on)
        before = decide(facts, published, on) if published else None
        if not _as_counted(row, draft, published, before and before.offer, after.offer):
            continue
        left[kind] -= 1
        cases.append(
            ScenarioCase(
                case=len(cases) + 1,
                kind=kind,
                at_least_people=people // ROUNDED_TO * ROUNDED_TO,
                points=facts.points or 0,
                before=_told(explain_decision(before, published, facts, on))
                if before and published
                else Told(NOT_YET, (), ()),
                after=_told(explain_decision(after, draft, facts, on)),
            )
        )
    order = list(KINDS)
    ordered = sorted(cases, key=lambda c: order.index(c.kind))
    return tuple(_numbered(ordered))


def _numbered(cases: Sequence[ScenarioCase]) -> Iterator[ScenarioCase]:
    for number, c in enumerate(cases, start=1):
        yield ScenarioCase(number, c.kind, c.at_least_people, c.points, c.before, c.after)


def _kinds(rows: Iterable[Mapping[str, Any]]) -> list[tuple[int, dict[str, Any]]]:
    """The rows of all districts, ages and grades put together; where most of a kind live stands for all of it."""
    kinds: dict[tuple[Any, ...], tuple[int, int, dict[str, Any]]] = {}
    for row in rows:
        key = tuple(row[name] for name in row if _common(name))
        people, most, together = kinds.get(key, (0, 0, dict(row, **dict.fromkeys(_summed(row), 0))))
        for name in _summed(row):
            together[name] += row[name]
        if row["people"] > most:
            most, together["district"] = row["people"], row["district"]
        kinds[key] = (people + row["people"], most, together)
    return [(people, row) for people, _most, row in kinds.values()]


def _common(name: str) -> bool:
    return name in ("before", "after") or name.startswith(("leaf", "listed_"))


def _summed(row: Mapping[str, Any]) -> list[str]:
    return [n for n in row if n in ("total", "born") or n.startswith(("orders_", "dimension_"))]


def _facts(
    row: Mapping[str, Any], people: int, asked: Sequence[Criterion], rulebook: Rulebook, code: str
) -> Facts:
    mean = {name: row[name] // people for name in _summed(row)}
    answers = [(leaf, row[f"leaf{n}"]) for n, leaf in enumerate(asked)]
    counts = {p: mean.get(columns.orders(p.value, code), 0) for p in Period}
    others = mean[columns.RUNNING_ALTOGETHER] - counts[Period.RUNNING]
    return Facts(
        joined=True,
        birth_date=EPOCH + timedelta(days=mean["born"]),
        district=row["district"] or None,
        points=mean["total"],
        grade=rulebook.grade_of(mean["total"]).code,
        dimensions={d: mean[columns.dimension(d)] for d in rulebook.dimension_by_code},
        listed=frozenset(c for c in _listed_codes(asked) if row.get(columns.listed(c))),
        sensitive_consents=frozenset(x.sensitive for x, yes in answers if isinstance(x, ConsentedTo) and yes),
        stated={x.fact: yes for x, yes in answers if isinstance(x, Stated) and yes is not None},
        running={code: counts[Period.RUNNING], "": max(others, 0)},
        this_month={code: counts[Period.MONTH]},
        this_year={code: counts[Period.YEAR]},
        no_shows={"": mean[columns.NO_SHOWS_ALTOGETHER]},
    )


def _as_counted(
    row: Mapping[str, Any], draft: Scenario, published: Scenario | None, before: Any, after: Any
) -> bool:
    """Whether the made-up resident gets just what the people get for whom they stand."""
    was = None if row["before"] is None or published is None else published.offers[row["before"]]
    will = None if row["after"] is None else draft.offers[row["after"]]
    return bool(was == before and will == after)


def _kind(row: Mapping[str, Any], draft: Scenario, published: Scenario | None) -> str:
    before, after = row["before"], row["after"]
    if before is None or published is None:
        return "仍未达到" if after is None else "获得"
    if after is None:
        return "失去"
    return "保留" if published.offers[before].label == draft.offers[after].label else "换档"


def _told(explained: Any) -> Told:
    return Told(explained.headline, explained.missing, explained.met)


def _asked(scenarios: Iterable[Scenario | None]) -> list[Criterion]:
    """Every criterion of these scenarios and of their offers, once each."""
    trees = [
        tree
        for s in scenarios
        if s is not None
        for tree in (s.criterion, *(o.criterion for o in s.offers))
        if tree is not None
    ]
    return list(dict.fromkeys(leaf for tree in trees for leaf in leaves(tree)))


def _listed_codes(asked: Iterable[Criterion]) -> list[str]:
    return sorted({code for leaf in asked if isinstance(leaf, NoRecordOf) for code in leaf.indicators})
