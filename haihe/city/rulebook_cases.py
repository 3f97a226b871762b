"""个例: what a draft rulebook changes in somebody's lines, told by made-up residents.

People whose points change by the same indicators are of one kind. For each of the commonest kinds a resident is made up with
records of just these indicators, of about the mean worth, and scored by both rulebooks: nobody's own records are looked at,
and the lines add up because the domain wrote them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import reduce
from operator import add

import ibis
import ibis.expr.types as ir

from haihe.city import columns
from haihe.city.population import Population
from haihe.city.revising import changed_indicators
from haihe.city.sample_cases import ROUNDED_TO
from haihe.city.suppression import LEAST
from haihe.domain.dates import add_months
from haihe.domain.explaining import LineExplanation, explain_score
from haihe.domain.records import Record
from haihe.domain.rulebook import Indicator, Rulebook
from haihe.domain.scoring import LineKind, Score, score

MOST_CASES = 6
# As many indicators as fit side by side into one number.
MOST_COMPARED = 60
QUANTITIES = (1, 2, 3, 5, 8, 12, 20, 30, 50, 80, 120, 200)
MONTHS_AGO = (1, 7, 13, 19, 25, 31)


@dataclass(frozen=True, slots=True)
class ChangedLine:
    """One line by the present rulebook and by the draft; None where one of them has no such line."""

    name: str
    points_before: int
    points_after: int
    because_before: str | None
    because_after: str | None


@dataclass(frozen=True, slots=True)
class RulebookCase:
    """One made-up resident; `at_least_people` see the same indicators change, rounded down to tens."""

    case: int
    at_least_people: int
    points_before: int
    points_after: int
    lines: tuple[ChangedLine, ...]


def rulebook_cases(
    population: Population, draft: Rulebook, present: Rulebook, on: date
) -> tuple[RulebookCase, ...]:
    """The commonest kinds of change, as cases."""
    compared = [i.code for i in changed_indicators(present, draft)]
    if not compared:
        return ()
    kinds = _kinds(population, draft, present, compared[:MOST_COMPARED], on)
    return tuple(_cases(kinds, draft, present, on))


def _kinds(
    population: Population, draft: Rulebook, present: Rulebook, compared: Sequence[str], on: date
) -> list[tuple[int, dict[str, int]]]:
    """Which indicators change together, for how many people, and what each of them was worth on average."""
    names = [columns.points(code) for code in compared]
    was, will = population.facts(present, on), population.facts(draft, on)
    before = was.select("resident_id", **{n: _points(was, n) for n in names})
    after = will.select(resident_after=will["resident_id"], **{f"{n}_after": _points(will, n) for n in names})
    both = before.join(after, before["resident_id"] == after["resident_after"])
    bits = [(both[name] != both[f"{name}_after"]).ifelse(1 << n, 0) for n, name in enumerate(names)]
    both = both.mutate(changed=reduce(add, bits).cast("int64"))
    # A line that is new to somebody is worth nothing before; then what it will be worth is what the case is made of.
    worth = {
        code: ibis.greatest(both[name].abs(), both[f"{name}_after"].abs()).cast("int64").sum()
        for code, name in zip(compared, names, strict=True)
    }
    grouped = both.group_by("changed").aggregate(people=both.count(), **worth)
    rows = population.engine.to_pyarrow(grouped.filter(grouped["changed"] != 0)).to_pylist()
    rows = sorted((r for r in rows if r["people"] >= LEAST), key=lambda r: (-r["people"], r["changed"]))
    return [
        (r["people"], {c: r[c] // r["people"] for n, c in enumerate(compared) if r["changed"] >> n & 1})
        for r in rows[:MOST_CASES]
    ]


def _points(facts: ir.Table, name: str) -> ir.IntegerValue:
    return facts[name].fill_null(0) if name in facts.columns else ibis.literal(0, "int32")


def _cases(
    kinds: Sequence[tuple[int, dict[str, int]]], draft: Rulebook, present: Rulebook, on: date
) -> Iterator[RulebookCase]:
    number = 0
    for people, worth in kinds:
        records = [
            record
            for n, (code, points) in enumerate(worth.items())
            if (record := _made_up(code, points, n, draft, present, on)) is not None
        ]
        before, after = _scored(records, present, on), _scored(records, draft, on)
        lines = tuple(_changed(before, after, present, draft))
        if not lines:
            continue
        number += 1
        yield RulebookCase(number, people // ROUNDED_TO * ROUNDED_TO, before.total, after.total, lines)


def _made_up(
    code: str, worth: int, number: int, draft: Rulebook, present: Rulebook, on: date
) -> Record | None:
    """A record that changes its points between the rulebooks, as near as can be to so much worth."""
    best: tuple[int, Record] | None = None
    for candidate in _candidates(code, number, draft, present, on):
        was, will = (_worth(candidate, book, on) for book in (present, draft))
        if was != will:
            distance = abs(max(abs(was), abs(will)) - worth)
            if best is None or distance < best[0]:
                best = distance, candidate
    return best[1] if best else None


def _candidates(code: str, number: int, draft: Rulebook, present: Rulebook, on: date) -> Iterator[Record]:
    known = [book.by_code[code] for book in (present, draft) if code in book.by_code]
    levels: list[str | None] = list(dict.fromkeys(x for i in known for x in _levels(i)))
    for months in MONTHS_AGO:
        for quantity in QUANTITIES:
            for level in levels or [None]:
                yield Record(number + 1, code, add_months(on, -months), Decimal(quantity), level)


def _levels(indicator: Indicator) -> tuple[str, ...]:
    return tuple(getattr(indicator.kind, "levels", ()))


def _worth(record: Record, rulebook: Rulebook, on: date) -> int:
    found = _scored([record], rulebook, on)
    return sum(line.points for line in found.lines if line.indicator == record.indicator)


def _scored(records: Sequence[Record], rulebook: Rulebook, on: date) -> Score:
    return score(records, rulebook, on, frozenset(rulebook.sensitive_classes), foreseen_months=0)


def _changed(before: Score, after: Score, present: Rulebook, draft: Rulebook) -> Iterator[ChangedLine]:
    """The lines that differ; what they change by is what the totals differ by."""
    was, will = _lines(before, present), _lines(after, draft)
    for key in dict.fromkeys((*was, *will)):
        old, new = was.get(key), will.get(key)
        known = old or new
        points = (old.points if old else 0, new.points if new else 0)
        if known is not None and points[0] != points[1]:
            yield ChangedLine(
                _name(known, draft if new else present, key[0]),
                *points,
                old.because if old else None,
                new.because if new else None,
            )


def _lines(found: Score, rulebook: Rulebook) -> dict[tuple[str, LineKind, str | None], LineExplanation]:
    explained = explain_score(found, rulebook)
    return {(d.code, line.kind, line.indicator): line for d in explained.dimensions for line in d.lines}


def _name(line: LineExplanation, rulebook: Rulebook, dimension: str) -> str:
    return line.name if line.indicator else f"{rulebook.dimension_by_code[dimension].name}·{line.name}"
