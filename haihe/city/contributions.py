"""From what was gathered of a resident to the points of every indicator, dimension by dimension."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import ibis
import ibis.expr.types as ir

from haihe.city import columns
from haihe.city.endings import full_months_until
from haihe.city.gathering import began, units, word
from haihe.city.slots import How, Slot
from haihe.domain.kinds import MonthlyLimited, UnbrokenMonths
from haihe.domain.rulebook import Dimension, Grade, Indicator


def indicator_points(slot: Slot, known: ir.Table, on: date) -> ir.IntegerValue:
    """What one indicator gives to each resident who is counted; nought without the separate consent it needs."""
    if slot.how is How.NOTHING:
        given: ir.IntegerValue = ibis.literal(0, "int64")
    else:
        given = _agreed(slot.indicator, known, _given(slot, known, on))
    return _if_scored(known, given.cast("int32"))


def is_listed(slot: Slot, known: ir.Table) -> ir.BooleanValue:
    """Whether somebody who is counted has a record of this negative indicator in effect."""
    if slot.how is How.MONTHLY:
        held = known[units(slot)].notnull()
    elif slot.how is How.RUN:
        held = known[began(slot)].notnull()
    else:
        held = _field(slot, known).fill_null(0) > 0
    return known["scored"] & held


def dimension_points(slots: Sequence[Slot], known: ir.Table, dimension: Dimension) -> ir.IntegerValue:
    """Where a dimension starts and what its indicators give, between nought and its cap."""
    reached: ir.IntegerValue = ibis.literal(dimension.base, "int32")
    for slot in slots:
        if slot.indicator.dimension == dimension.code and slot.how is not How.NOTHING:
            reached += known[columns.points(slot.indicator.code)]
    held = ibis.least(ibis.greatest(reached, 0), dimension.cap)
    return _if_scored(known, held.cast("int32"))


def grade_of(grades: Sequence[Grade], total: ir.IntegerValue) -> ir.StringValue:
    """The highest grade whose bound is reached; null where there are no points."""
    falling = sorted(grades, key=lambda g: g.at_least, reverse=True)
    return ibis.cases(*((total >= g.at_least, g.code) for g in falling))


def _given(slot: Slot, known: ir.Table, on: date) -> ir.IntegerValue:
    indicator, kind = slot.indicator, slot.indicator.kind
    if slot.how is How.MONTHLY:
        assert isinstance(kind, MonthlyLimited)
        return _clamped(indicator, kind.each * known[units(slot)].fill_null(0))
    if slot.how is How.RUN:
        assert isinstance(kind, UnbrokenMonths)
        start = known[began(slot)]
        months = full_months_until(ibis.greatest(start, known["broke"].coalesce(start)), on)
        return _clamped(indicator, start.isnull().ifelse(0, kind.each * months))
    size = ibis.greatest(_field(slot, known), 1) - 1
    return -size if indicator.is_negative else size


def _field(slot: Slot, known: ir.Table) -> ir.IntegerValue:
    """The bits of a slot: nought where there is no record, else one more than the size of the points."""
    return (known[word(slot.word)] >> slot.shift) & ((1 << slot.bits) - 1)


def _clamped(indicator: Indicator, given: ir.IntegerValue) -> ir.IntegerValue:
    return ibis.greatest(given, indicator.cap) if indicator.is_negative else ibis.least(given, indicator.cap)


def _agreed(indicator: Indicator, known: ir.Table, given: ir.IntegerValue) -> ir.IntegerValue:
    if indicator.sensitive is None:
        return given
    column = columns.consent(indicator.sensitive)
    # A class for which there is no column is one to which nobody has agreed.
    return known[column].ifelse(given, 0) if column in known.columns else ibis.literal(0, "int64")


def _if_scored(known: ir.Table, value: ir.IntegerValue) -> ir.IntegerValue:
    return ibis.cases((known["scored"], value))
