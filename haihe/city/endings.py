"""How long a score will hold by itself: for every record, the last day on which it counts just as it does today."""

from __future__ import annotations

import calendar
from collections.abc import Sequence
from datetime import date

import ibis
import ibis.expr.types as ir

from haihe.city.rule_tables import step_on
from haihe.city.slots import Breaks, How, Slot, lengths_of
from haihe.domain.dates import ONE_DAY, add_months, latest_day_come_round
from haihe.domain.kinds import UnbrokenMonths
from haihe.domain.rulebook import Rulebook

ENDS = "ends"


def run_slots(slots: Sequence[Slot]) -> list[Slot]:
    """The slots of clean runs, those that may not be counted yet among them."""
    return [s for s in slots if isinstance(s.indicator.kind, UnbrokenMonths)]


def ahead(slot: Slot) -> str:
    """The column of the days until a clean run grows by a month."""
    return f"ahead{slot.number}"


def endings(rulebook: Rulebook, slots: Sequence[Slot], held: ir.Table, on: date) -> dict[str, ir.Value]:
    """For each record: when it ends, begins or takes its next step, and in how many days a run it starts grows."""
    first = held["valid_from"].coalesce(held["occurred_on"])
    months = ibis.coalesce(step_on(held, rulebook, "months"), held["window_months"])
    after = [
        (months == length, held["occurred_on"] + ibis.interval(months=length))
        for length in lengths_of(rulebook)
    ]
    counts = held["how"] != How.FACT
    ends = ibis.least(
        ibis.cases((counts & (first > on), first - ibis.interval(days=1))).cast("date"),
        ibis.cases((counts, held["valid_to"])),
        *([ibis.cases(*after).cast("date")] if after else []),
    )
    runs = {
        ahead(s): ibis.cases((_starts(s, held, first, on), _days_ahead(first, on))) for s in run_slots(slots)
    }
    return {ENDS: ends, **runs}


def earliest_endings(slots: Sequence[Slot], rows: ir.Table) -> dict[str, ir.Value]:
    """The earliest of many: an aggregate for each column that `endings` gave."""
    return {name: rows[name].min() for name in (ENDS, *(ahead(s) for s in run_slots(slots)))}


def watched(slots: Sequence[Slot], rows: ir.Table) -> dict[str, ir.Value]:
    """Whether somebody has a clean run at all: only then does the day on which it grows matter."""
    return {f"watched{s.number}": (rows["slot"] == s.number).any() for s in run_slots(slots)}


def last_day_of(slots: Sequence[Slot], known: ir.Table, on: date) -> ir.DateValue:
    """The last day on which everything holds as it does on this day; null where nothing will change by itself."""
    grows = [
        ibis.cases(
            *(
                (known[f"watched{s.number}"] & (known[ahead(s)] == days), ibis.literal(on + days * ONE_DAY))
                for days in _possible_days_ahead(on)
            )
        )
        for s in run_slots(slots)
    ]
    return ibis.least(known[ENDS], *grows) if grows else known[ENDS]


def _starts(slot: Slot, held: ir.Table, first: ir.DateValue, on: date) -> ir.BooleanValue:
    """Whether this record starts a run that has not reached its cap: the watching itself, or an event that broke it."""
    kind = slot.indicator.kind
    assert isinstance(kind, UnbrokenMonths)
    # The month in which the cap is first exceeded changes no points, but the words of the line.
    months_to_cap = -(-slot.indicator.cap // kind.each) + 1
    starts = (held["slot"] == slot.number) | (held["breaks"] == Breaks.ON_ITS_DAY)
    return starts & (first <= on) & (full_months_until(first, on) < months_to_cap)


def full_months_until(start: ir.DateValue, on: date) -> ir.IntegerValue:
    """Whole months from a day that is not after `on`: see `haihe.domain.dates.full_months`."""
    between = (on.year * 12 + on.month) - (start.year().cast("int64") * 12 + start.month())
    return between - (start.day() > latest_day_come_round(on)).cast("int64")


def _days_ahead(start: ir.DateValue, on: date) -> ir.IntegerValue:
    """How many days after `on` the run is still as long as it is today."""
    this, following = _length_of_month(on), _length_of_month(add_months(on.replace(day=1), 1))
    day = start.day().cast("int64")
    return (day > latest_day_come_round(on)).ifelse(
        ibis.least(day, this) - on.day - 1, ibis.least(day, following) + this - on.day - 1
    )


def _possible_days_ahead(on: date) -> range:
    return range(_length_of_month(on) - on.day + _length_of_month(add_months(on.replace(day=1), 1)))


def _length_of_month(day: date) -> int:
    return calendar.monthrange(day.year, day.month)[1]
