"""The same decision in few steps: a scenario, once for a day and a place, as one expression over plain numbers.

`decide` tells every reason and takes its time over it. A merchant who asks about thousands of residents is told only a
code, and for that a whole tree of criteria is one Python expression without a single call. A property test holds the two
equal for any facts and any tree.

Numbers instead of facts: `birth` in days since BIRTH_EPOCH (0: not known), `points` (NO_POINTS: none), `listed`,
`sensitive`, `known` and `yes` as bits in the order of the rulebook, `district` by its number (UNKNOWN_DISTRICT: not
known), then the points of each dimension; `orders` by scenario as (running, this month, this year, no-shows) followed by
[merchant, running, this month, this year] of every merchant, and `here` is the merchant that asks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import singledispatch
from typing import Any

from haihe.domain.criteria import (
    AgeBetween,
    All,
    AnyOf,
    ConsentedTo,
    Criterion,
    DimensionAtLeast,
    DistrictIn,
    NoRecordOf,
    NoShowsAtMost,
    Not,
    PointsAtLeast,
    RunningOrdersAtMost,
    Stated,
)
from haihe.domain.dates import latest_start
from haihe.domain.districts import DISTRICTS
from haihe.domain.eligibility import ADULT, PLACES, MerchantCode
from haihe.domain.rulebook import Rulebook
from haihe.domain.scenarios import Quota, Scenario

BIRTH_EPOCH = date(1880, 1, 1)
NO_POINTS = 0xFFFF
UNKNOWN_DISTRICT = 0xFF
DISTRICT_NUMBERS = {code: n for n, code in enumerate(DISTRICTS)}

# What a compiled scenario answers: the number of the offer where it is a yes, else one of these.
NOT_AVAILABLE, QUOTA_USED_UP, SCENARIO_CLOSED, OUT_OF_AREA = -1, -2, -3, -4
CODES = {
    NOT_AVAILABLE: MerchantCode.NOT_AVAILABLE,
    QUOTA_USED_UP: MerchantCode.QUOTA_USED_UP,
    SCENARIO_CLOSED: MerchantCode.SCENARIO_CLOSED,
    OUT_OF_AREA: MerchantCode.OUT_OF_AREA,
}

Orders = Mapping[str, Sequence[Any]]
# How many numbers of a scenario's orders come before those of each merchant.
ALTOGETHER = 4
# (orders, here, birth, points, listed, joined, district, sensitive, known, yes, *dimensions) → an offer's number, or no
Judge = Callable[..., int]


def code_of(judged: int) -> MerchantCode:
    """What the merchant is told for the answer of a compiled scenario."""
    return MerchantCode.OK if judged >= 0 else CODES[judged]


def nobody(rulebook: Rulebook) -> tuple[int, ...]:
    """The numbers of somebody who has not joined, and of anybody about whom there is nothing to say."""
    return (0, NO_POINTS, 0, 0, UNKNOWN_DISTRICT, 0, 0, 0, *(0 for _ in rulebook.dimensions))


def compile_scenario(scenario: Scenario, rulebook: Rulebook, on: date, district: str | None) -> Judge:
    """What `decide` would answer on this day in this place, as a function of numbers alone."""
    if not scenario.open_on(on):
        return _function("-3", rulebook)
    if district is not None and district not in scenario.districts:
        return _function("-4", rulebook)
    writing = _Writing(rulebook, on)
    words = "-2"
    for offer in scenario.offers:
        number = scenario.offers.index(offer)
        reached = _both(
            [writing.met(offer.criterion)] if offer.criterion is not None else [],
            writing.left(offer.quotas, scenario.code),
        )
        words = f"({number} if {reached} else {words})"
    if scenario.quotas:
        words = f"({words} if {_both([], writing.left(scenario.quotas, scenario.code))} else -2)"
    allowed = _both(["joined", writing.met(ADULT), writing.met(scenario.criterion)], [])
    return _function(f"{words} if {allowed} else -1", rulebook)


def _function(words: str, rulebook: Rulebook) -> Judge:
    names = ", ".join(f"d{n}" for n in range(len(rulebook.dimensions)))
    source = f"lambda orders, here, birth, points, listed, joined, district, sensitive, known, yes, {names}: {words}"
    # The source is made of numbers and of quoted codes by the lines of this file; nothing that a caller sends is in it.
    judge: Judge = eval(source, {"__builtins__": {}, "NONE": (0,) * ALTOGETHER, "sum": sum, "all": all})  # noqa: S307
    return judge


def _both(first: list[str], second: Iterable[str]) -> str:
    return " and ".join([*first, *second]) or "True"


@dataclass(frozen=True, slots=True)
class _Writing:
    """Writes a tree as Python. Unknown is neither met nor unmet, so each node is written in two ways."""

    rulebook: Rulebook
    on: date

    def met(self, criterion: Criterion) -> str:
        """When it is met."""
        return f"({_write(criterion, self)[0]})"

    def unmet(self, criterion: Criterion) -> str:
        """When it is not met, and known not to be."""
        return f"({_write(criterion, self)[1]})"

    def born_by(self, age: int) -> int:
        """Whoever has this age was born on this day or earlier."""
        return (latest_start(12 * age, self.on) - BIRTH_EPOCH).days

    def left(self, quotas: Iterable[Quota], scenario: str) -> Iterable[str]:
        """When none of these quotas is used up."""
        for quota in quotas:
            place, used = PLACES[quota.period], f"orders.get({scenario!r}, NONE)"
            if quota.each_merchant:
                within = f"m[0] != here or m[{1 + place}] < {quota.at_most}"
                yield f"all([{within} for m in {used}[{ALTOGETHER}:]])"
            else:
                yield f"{used}[{place}] < {quota.at_most}"


@singledispatch
def _write(criterion: Criterion, writing: _Writing) -> tuple[str, str]:
    """When it is met, and when it is unmet."""
    raise TypeError(f"unknown criterion {type(criterion).__name__}")


@_write.register
def _(criterion: PointsAtLeast, writing: _Writing) -> tuple[str, str]:
    return f"{criterion.at_least} <= points < {NO_POINTS}", f"points < {criterion.at_least}"


@_write.register
def _(criterion: DimensionAtLeast, writing: _Writing) -> tuple[str, str]:
    codes = [d.code for d in writing.rulebook.dimensions]
    if criterion.dimension not in codes:
        return "False", "False"
    held = f"points < {NO_POINTS} and d{codes.index(criterion.dimension)}"
    return f"{held} >= {criterion.at_least}", f"{held} < {criterion.at_least}"


@_write.register
def _(criterion: AgeBetween, writing: _Writing) -> tuple[str, str]:
    met, unmet = ["birth"], []
    if criterion.youngest is not None and criterion.youngest > 0:
        bound = writing.born_by(criterion.youngest)
        met.append(f"birth <= {bound}")
        unmet.append(f"birth > {bound}")
    if criterion.oldest is not None:
        bound = writing.born_by(criterion.oldest + 1)
        met.append(f"birth > {bound}")
        unmet.append(f"birth <= {bound}")
    return " and ".join(met), f"birth and ({' or '.join(unmet) or 'False'})"


@_write.register
def _(criterion: DistrictIn, writing: _Writing) -> tuple[str, str]:
    bits = sum(1 << DISTRICT_NUMBERS[d] for d in set(criterion.districts))
    return f"{bits} >> district & 1", f"district != {UNKNOWN_DISTRICT} and not {bits} >> district & 1"


@_write.register
def _(criterion: NoRecordOf, writing: _Writing) -> tuple[str, str]:
    bits = _bits(criterion.indicators, writing.rulebook.negative_codes)
    return f"joined and not listed & {bits}", f"joined and listed & {bits}"


@_write.register
def _(criterion: ConsentedTo, writing: _Writing) -> tuple[str, str]:
    bits = _bits((criterion.sensitive,), writing.rulebook.sensitive_classes)
    return f"sensitive & {bits}", f"not sensitive & {bits}"


@_write.register
def _(criterion: Stated, writing: _Writing) -> tuple[str, str]:
    bits = _bits((criterion.fact,), tuple(writing.rulebook.fact_by_code))
    return f"yes & {bits}", f"known & {bits} and not yes & {bits}"


@_write.register
def _(criterion: RunningOrdersAtMost, writing: _Writing) -> tuple[str, str]:
    running = "sum([o[0] for o in orders.values()])"
    return f"{running} <= {criterion.at_most}", f"{running} > {criterion.at_most}"


@_write.register
def _(criterion: NoShowsAtMost, writing: _Writing) -> tuple[str, str]:
    missed = "sum([o[3] for o in orders.values()])"
    return f"{missed} <= {criterion.at_most}", f"{missed} > {criterion.at_most}"


@_write.register
def _(criterion: All, writing: _Writing) -> tuple[str, str]:
    met = [writing.met(p) for p in criterion.parts]
    unmet = [writing.unmet(p) for p in criterion.parts]
    return " and ".join(met) or "True", " or ".join(unmet) or "False"


@_write.register
def _(criterion: AnyOf, writing: _Writing) -> tuple[str, str]:
    met = [writing.met(p) for p in criterion.parts]
    unmet = [writing.unmet(p) for p in criterion.parts]
    return " or ".join(met) or "False", " and ".join(unmet) or "True"


@_write.register
def _(criterion: Not, writing: _Writing) -> tuple[str, str]:
    return writing.unmet(criterion.part), writing.met(criterion.part)


def _bits(names: tuple[str, ...], known: tuple[str, ...]) -> int:
    return sum(1 << n for n, name in enumerate(known) if name in names)
