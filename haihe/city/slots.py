"""A rulebook laid out as small tables, so that records meet their rules by a join instead of a long list of cases.

Every indicator and fact has a slot, a number. What an indicator gives lies between nought and its cap, so that the
points of many indicators fit side by side into one 64-bit word: a resident's forty-odd results are gathered in a
handful of words, and nothing is kept for what a resident does not have.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

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


def breaks_of(indicator: Indicator, severity: Severity | None) -> Breaks:
    """When a record of this severity breaks a clean run (see `Indicator.breaks_on`)."""
    if not indicator.is_breach:
        return Breaks.NEVER
    if (severity or indicator.severity) not in (Severity.GENERAL, Severity.SERIOUS):
        return Breaks.NEVER
    return Breaks.EVERY_DAY if isinstance(indicator.kind, WhileListed) else Breaks.ON_ITS_DAY
