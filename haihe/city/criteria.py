"""准入条件 for everybody at once: the tree that `Criterion.judge` reads, as one expression over columns of facts.

A column knows three values as a criterion does: true is met, false is unmet, and null is not to be known. SQL joins them
just as the domain does: all is AND, any is OR, and what is unknown decides nothing by itself.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from functools import reduce
from operator import and_, or_

import ibis
import ibis.expr.types as ir

from haihe.city import columns
from haihe.domain.criteria import (
    AgeBetween,
    All,
    Answer,
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

YES, NO = ibis.literal(True), ibis.literal(False)
UNKNOWN = ibis.null("boolean")


def verdict_column(criterion: Criterion, facts: ir.Table, on: date) -> ir.StringValue:
    """MET, UNMET or UNKNOWN for every row of facts, as `criterion.judge` would say of each."""
    holds = holds_column(criterion, facts, on)
    return ibis.cases(
        (holds.isnull(), Answer.UNKNOWN.value), (holds, Answer.MET.value), else_=Answer.UNMET.value
    )


def holds_column(criterion: Criterion, facts: ir.Table, on: date) -> ir.BooleanValue:
    """The same as true, false or null, for an expression to go on with. `facts` is what `facts_columns` gives."""
    match criterion:
        case All(parts):
            return reduce(and_, (holds_column(p, facts, on) for p in parts), YES)
        case AnyOf(parts):
            return reduce(or_, (holds_column(p, facts, on) for p in parts), NO)
        case Not(part):
            return _not(holds_column(part, facts, on))
        case PointsAtLeast(at_least):
            return facts["total"] >= at_least
        case DimensionAtLeast(dimension=dimension, at_least=at_least):
            name = columns.dimension(dimension)
            return facts[name] >= at_least if name in facts.columns else UNKNOWN
        case AgeBetween(youngest, oldest):
            return age_between(facts["birth_date"], youngest, oldest, on)
        case DistrictIn(districts):
            return _where_known(facts["district"], facts["district"].isin(districts))
        case NoRecordOf(indicators=indicators):
            names = [columns.listed(i) for i in indicators if columns.listed(i) in facts.columns]
            clean = reduce(and_, (_not(facts[name]) for name in names), YES)
            return ibis.cases((facts["joined"], clean))
        case ConsentedTo(sensitive=sensitive):
            name = columns.consent(sensitive)
            return facts[name].fill_null(False) if name in facts.columns else NO
        case Stated(fact=fact):
            name = columns.stated(fact)
            return facts[name] if name in facts.columns else UNKNOWN
        case RunningOrdersAtMost(at_most):
            return facts[columns.RUNNING_ALTOGETHER] <= at_most
        case NoShowsAtMost(at_most):
            return facts[columns.NO_SHOWS_ALTOGETHER] <= at_most
    raise TypeError(f"no column reads {type(criterion).__name__}")


def age_between(birth: ir.DateValue, youngest: int | None, oldest: int | None, on: date) -> ir.BooleanValue:
    """Whether full years of age lie between both ends; null where nobody knows the birth date."""
    bounds: list[ir.BooleanValue] = []
    # Somebody not yet born counts as nought years old, for the domain as here.
    if youngest is not None and youngest > 0:
        bounds.append(birth <= latest_start(12 * youngest, on))
    if oldest is not None:
        bounds.append(birth > latest_start(12 * (oldest + 1), on))
    return _where_known(birth, reduce(and_, bounds, YES))


def consents_asked(criteria: Iterable[Criterion]) -> frozenset[str]:
    """The sensitive classes that these trees ask for, so that a snapshot can bring their columns."""
    asked: set[str] = set()
    for criterion in criteria:
        match criterion:
            case All(parts) | AnyOf(parts):
                asked |= consents_asked(parts)
            case Not(part):
                asked |= consents_asked((part,))
            case ConsentedTo(sensitive=sensitive):
                asked.add(sensitive)
    return frozenset(asked)


def _not(holds: ir.BooleanValue) -> ir.BooleanValue:
    """Written out, for Ibis puts no brackets around `~x`: `(~x).isnull()` would come out as the opposite of a question."""
    return ibis.cases((holds, NO), (holds.isnull(), UNKNOWN), else_=YES)


def _where_known(known: ir.Value, holds: ir.BooleanValue) -> ir.BooleanValue:
    return ibis.cases((known.notnull(), holds))
