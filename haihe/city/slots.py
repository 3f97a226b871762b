"""A rulebook laid out as small tables, so that records meet their rules by a join instead of a long list of cases.

Every indicator and fact has a slot, a number. What an indicator gives lies between nought and its cap, so that the
points of many indicators fit side by side into one 64-bit word: a resident's forty-odd results are gathered in a
handful of words, and nothing is kept for what a resident does not have.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from enum import IntEnum

import ibis
import ibis.expr.types as ir
import pyarrow as pa

from haihe.domain.dates import earliest_start
from haihe.domain.kinds import (
    Kind,
    LevelMap,
    MonthlyLimited,
    SteppedDecay,
    UnbrokenMonths,
    WhileListed,
)
from haihe.domain.records import Severity
from haihe.domain.rulebook import Indicator, Rulebook

WORD_BITS = 62
NO_SEVERITY = ""
SEVERITIES = (None, *Severity)


class How(IntEnum):
    """How a record of a slot is taken up. NOTHING is for indicators that may not be counted: they only have dates."""

    NOTHING = 0
    QUANTITY = 1
    STEPS = 2
    LEVEL = 3
    MONTHLY = 4
    RUN = 5
    FACT = 6


class Breaks(IntEnum):
    """When a record breaks a clean run: never, on its first day, or anew on every day on which it is listed."""

    NEVER = 0
    ON_ITS_DAY = 1
    EVERY_DAY = 2


@dataclass(frozen=True, slots=True)
class Slot:
    """One indicator with its number, and its place in the words: `word`, and `shift` and `bits` within it."""

    number: int
    indicator: Indicator
    how: How
    word: int
    shift: int
    bits: int


def slots_of(rulebook: Rulebook) -> tuple[Slot, ...]:
    """The slots of the indicators, in the rulebook's order."""
    slots, word, shift = [], 0, 0
    for number, indicator in enumerate(rulebook.indicators):
        # Nought means that there is no record; the points are held one higher.
        bits = (abs(indicator.cap) + 1).bit_length()
        if bits > WORD_BITS:
            raise ValueError(
                f"{indicator.code}: a cap of {indicator.cap} points is beyond anything countable"
            )
        if shift + bits > WORD_BITS:
            word, shift = word + 1, 0
        slots.append(Slot(number, indicator, _how(indicator), word, shift, bits))
        shift += bits
    return tuple(slots)


def fact_slots(rulebook: Rulebook) -> dict[str, int]:
    """The slots of the facts, numbered on from the indicators'."""
    return {f.code: n for n, f in enumerate(rulebook.facts, start=len(rulebook.indicators))}


def steps_of(rulebook: Rulebook) -> int:
    """How many steps the longest ladder has."""
    ladders = [
        steps
        for i in rulebook.indicators
        if isinstance(i.kind, SteppedDecay)
        for steps in (i.kind.steps, *i.kind.steps_by_severity.values())
    ]
    return max((len(steps) for steps in ladders), default=0)


def rules_table(rulebook: Rulebook, on: date) -> ibis.Table:
    """What a record is on this day by its indicator and severity: which days are within its window, and on which step."""
    most = steps_of(rulebook)
    rows = [_rule(slot, severity, most, on) for slot in slots_of(rulebook) for severity in SEVERITIES]
    for code, number in fact_slots(rulebook).items():
        for severity in SEVERITIES:
            rows.append(_row(code, severity, number, How.FACT, Breaks.NEVER, None, (), most, on))
    steps = [
        field
        for n in range(most)
        for field in (
            (f"step{n}_from", pa.date32()),
            (f"step{n}_points", pa.int64()),
            (f"step{n}_months", pa.int32()),
        )
    ]
    schema = pa.schema(
        [
            ("rule_indicator", pa.string()),
            ("rule_severity", pa.string()),
            ("slot", pa.int32()),
            ("how", pa.int32()),
            ("breaks", pa.int32()),
            ("window_from", pa.date32()),
            ("window_months", pa.int32()),
            *steps,
        ]
    )
    return ibis.memtable(pa.Table.from_pylist(rows, schema=schema))


def levels_table(rulebook: Rulebook) -> ibis.Table | None:
    """What a level is worth; None where no indicator goes by levels."""
    rows = [
        {"level_indicator": i.code, "level_name": level, "level_points": points}
        for i in rulebook.indicators
        if isinstance(i.kind, LevelMap)
        for level, points in i.kind.levels.items()
    ]
    schema = pa.schema(
        [("level_indicator", pa.string()), ("level_name", pa.string()), ("level_points", pa.int64())]
    )
    return ibis.memtable(pa.Table.from_pylist(rows, schema=schema)) if rows else None


def kinds_table(slots: tuple[Slot, ...]) -> ibis.Table:
    """What a sum of hundredths gives in each slot, within which bounds, and where in the words it is kept."""
    rows = [
        {
            "kind_slot": s.number,
            "kind": s.how,
            "each": getattr(s.indicator.kind, "each", 0),
            "unit": 100 * getattr(s.indicator.kind, "per", 1),
            "lowest": min(s.indicator.cap, 0),
            "highest": max(s.indicator.cap, 0),
            "word": s.word,
            "factor": 1 << s.shift,
        }
        for s in slots
    ]
    wide = dict.fromkeys(("each", "unit", "lowest", "highest", "factor"), pa.int64())
    schema = pa.schema([(name, wide.get(name, pa.int32())) for name in rows[0]])
    return ibis.memtable(pa.Table.from_pylist(rows, schema=schema))


def step_on(held: ir.Table, rulebook: Rulebook, what: str) -> ir.Value:
    """`points` or `months` of the step on which each record stands: the first whose end has not passed."""
    branches = [
        (held["occurred_on"] >= held[f"step{n}_from"], held[f"step{n}_{what}"])
        for n in range(steps_of(rulebook))
    ]
    return ibis.cases(*branches) if branches else ibis.null("int64")


def lengths_of(rulebook: Rulebook) -> tuple[int, ...]:
    """Every number of months after which something may end by this rulebook."""
    return tuple(sorted(set(_lengths(i.kind for i in rulebook.indicators))))


def _lengths(kinds: Iterator[Kind]) -> Iterator[int]:
    for kind in kinds:
        if isinstance(kind, SteppedDecay):
            for steps in (kind.steps, *kind.steps_by_severity.values()):
                yield from (months for months, _points in steps)
        elif kind.window_months is not None:
            yield kind.window_months


def _how(indicator: Indicator) -> How:
    if not indicator.enabled:
        return How.NOTHING
    match indicator.kind:
        case SteppedDecay():
            return How.STEPS
        case LevelMap():
            return How.LEVEL
        case MonthlyLimited():
            return How.MONTHLY
        case UnbrokenMonths():
            return How.RUN
    return How.QUANTITY


def _breaks(indicator: Indicator, severity: Severity | None) -> Breaks:
    if not indicator.is_breach:
        return Breaks.NEVER
    if (severity or indicator.severity) not in (Severity.GENERAL, Severity.SERIOUS):
        return Breaks.NEVER
    return Breaks.EVERY_DAY if isinstance(indicator.kind, WhileListed) else Breaks.ON_ITS_DAY


def _rule(slot: Slot, severity: Severity | None, most: int, on: date) -> dict[str, object]:
    kind = slot.indicator.kind
    steps: tuple[tuple[int, int], ...] = ()
    window = kind.window_months
    if isinstance(kind, SteppedDecay):
        steps = kind.steps_by_severity.get(severity, kind.steps) if severity else kind.steps
        window = steps[-1][0]
    breaks = _breaks(slot.indicator, severity)
    return _row(slot.indicator.code, severity, slot.number, slot.how, breaks, window, steps, most, on)


def _row(
    code: str,
    severity: Severity | None,
    number: int,
    how: How,
    breaks: Breaks,
    window: int | None,
    steps: tuple[tuple[int, int], ...],
    most: int,
    on: date,
) -> dict[str, object]:
    row: dict[str, object] = {
        "rule_indicator": code,
        "rule_severity": severity.value if severity else NO_SEVERITY,
        "slot": number,
        "how": how,
        "breaks": breaks,
        "window_from": date.min if window is None else earliest_start(window, on),
        "window_months": window,
    }
    for n in range(most):
        months, points = steps[n] if n < len(steps) else (None, None)
        row |= {
            f"step{n}_from": None if months is None else earliest_start(months, on),
            f"step{n}_points": points,
            f"step{n}_months": months,
        }
    return row
