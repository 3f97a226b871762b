"""怎样更进一步: what would help somebody who is a few points short, found by asking `score()` itself.

A step is lawful, costs no money and trades no privacy: which deeds may be suggested is said by the rulebook, indicator by
indicator. Nothing is estimated: the effect of a step is the difference between two scores of the same day.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from enum import StrEnum

from haihe.domain.records import Record, RecordState
from haihe.domain.repair import repairable_from
from haihe.domain.rulebook import Indicator, Rulebook, Suggestion
from haihe.domain.scoring import FORESEEN_MONTHS, NO_CONSENTS, Score, score

# Nobody is told to do more of anything than this; the tiers and caps of the indicators end long before it.
MOST_UNITS = 512


class StepKind(StrEnum):
    """Do something, have a negative record repaired, or simply wait."""

    DO = "DO"
    REPAIR = "REPAIR"
    WAIT = "WAIT"


@dataclass(frozen=True, slots=True)
class Deed:
    """Something imagined as done today: so many units under an indicator, or a level of it."""

    indicator: str
    quantity: int = 1
    level: str | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """One way forward. `points` is what it gives by itself, `reaches` whether that is enough.

    `months` is about how long the deed takes at an ordinary pace, `on` the day from which waiting or repair helps.
    """

    kind: StepKind
    indicator: str | None
    sentence: str
    points: int
    reaches: bool
    months: int | None = None
    on: date | None = None


@dataclass(frozen=True, slots=True)
class History:
    """What one resident's points are computed from on one day."""

    records: Sequence[Record]
    rulebook: Rulebook
    on: date
    sensitive_consents: frozenset[str] = NO_CONSENTS

    def score(self, foreseen_months: int = 0) -> Score:
        """The points as they are."""
        return score(self.records, self.rulebook, self.on, self.sensitive_consents, foreseen_months)

    def with_deeds(self, deeds: Sequence[Deed]) -> Score:
        """The points if these deeds had been reported today."""
        imagined = [
            Record(-n, d.indicator, self.on, Decimal(d.quantity), d.level)
            for n, d in enumerate(deeds, start=1)
        ]
        return replace(self, records=[*self.records, *imagined]).score()

    def without(self, record: Record) -> Score:
        """The points if this record no longer counted."""
        return replace(self, records=[r for r in self.records if r is not record]).score()


def what_if(history: History, deeds: Sequence[Deed]) -> tuple[Score, Score]:
    """The points today, and the points today had these deeds been done: two scores of the same rulebook."""
    return history.score(), history.with_deeds(deeds)


def steps_towards(history: History, gap: int) -> tuple[Step, ...]:
    """The steps that help somebody `gap` points short, those that suffice alone first, the soonest first.

    Empty where nothing that may be suggested would help; a step that changes nothing is never told.
    """
    now = history.score(FORESEEN_MONTHS)
    found = [*_deeds(history, now, gap), *_repairs(history, now, gap), *_waiting(now, gap)]
    return tuple(sorted((s for s in found if s.points > 0), key=lambda s: _order(s, history.on)))


def _order(step: Step, on: date) -> tuple[bool, int, int, str]:
    months = step.months if step.months is not None else _months_until(step.on, on)
    return not step.reaches, months, -step.points, step.sentence


def _months_until(day: date | None, on: date) -> int:
    if day is None or day <= on:
        return 0
    return (day.year - on.year) * 12 + day.month - on.month


def _deeds(history: History, now: Score, gap: int) -> Iterator[Step]:
    held = {r.indicator for r in history.records if r.state is RecordState.EFFECTIVE}
    for indicator in history.rulebook.indicators:
        suggested = indicator.suggestion
        if suggested is None or not history.rulebook.counts(indicator, history.sensitive_consents):
            continue
        if suggested.continuing and indicator.code not in held:
            continue
        yield _deed(history, now, gap, indicator, suggested)


def _deed(history: History, now: Score, gap: int, indicator: Indicator, suggested: Suggestion) -> Step:
    def gain(units: int) -> int:
        return history.with_deeds([Deed(indicator.code, units, suggested.level)]).total - now.total

    units = 1 if suggested.level else _enough(gain, gap)
    points = gain(units)
    amount = "" if suggested.level else f" {units} {indicator.kind.unit}"
    months = -(-units // suggested.a_month)
    return Step(StepKind.DO, indicator.code, f"{suggested.do}{amount}", points, points >= gap, months=months)


def _enough(gain: Callable[[int], int], gap: int) -> int:
    """The fewest units that give the gap; where no number does, the fewest that give as much as there is to gain."""
    wanted = min(gap, gain(MOST_UNITS))
    low, high = 1, MOST_UNITS
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if gain(middle) >= wanted else (middle + 1, high)
    return low


def _repairs(history: History, now: Score, gap: int) -> Iterator[Step]:
    for record in history.records:
        indicator = history.rulebook.by_code.get(record.indicator)
        if indicator is None or record.state is not RecordState.EFFECTIVE or indicator.code not in now.listed:
            continue
        since = repairable_from(record, indicator)
        if since is None:
            continue
        points = history.without(record).total - now.total
        when = "现在就可以" if since <= history.on else f"{since.isoformat()} 起可以"
        sentence = f"「{indicator.name}」履行义务后，{when}在“信用中国”申请修复"
        yield Step(StepKind.REPAIR, indicator.code, sentence, points, points >= gap, on=since)


def _waiting(now: Score, gap: int) -> Iterator[Step]:
    for change in now.next_changes:
        points = change.after - now.total
        if points >= gap:
            sentence = f"不用做什么，{change.on.isoformat()} 起会自行达到"
            yield Step(StepKind.WAIT, None, sentence, points, True, on=change.on)
            return
