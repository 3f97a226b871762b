"""Who is reached by a benefit, as one column beside the facts: the place of the offer they get, null for everybody else.

`decide_columns` tells all that may be asked about a decision, in a table of its own. To compare two scenarios over fourteen
million residents in one scan their answers must stand beside the facts, without a join: that is what this file is for.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from functools import reduce
from itertools import pairwise
from operator import or_

import ibis
import ibis.expr.types as ir

from haihe.city.criteria import NO, holds_column
from haihe.city.decisions import usable_column, within_column
from haihe.domain.criteria import All, AnyOf, Criterion, Not
from haihe.domain.dates import latest_start
from haihe.domain.scenarios import Scenario

# 18–29, then decades; the last band has no end.
BANDS = (18, 30, 40, 50, 60, 70, 80)
BAND_NAMES = (
    *(f"{low}–{high - 1} 岁" for low, high in pairwise(BANDS)),
    f"{BANDS[-1]} 岁及以上",
)


def band_column(birth: ir.DateValue, on: date) -> ir.IntegerValue:
    """The place of somebody's age band; null for whoever is younger than all of them."""
    older_first = [(birth <= latest_start(12 * low, on), n) for n, low in reversed(list(enumerate(BANDS)))]
    return ibis.cases(*older_first).cast("int32")


def offer_column(scenario: Scenario | None, facts: ir.Table, on: date) -> ir.IntegerValue:
    """The place of the offer that each counted resident gets on this day; null where they get none."""
    if scenario is None or not scenario.open_on(on):
        return ibis.null("int32")
    usable = [usable_column(o, scenario, facts, on) for o in scenario.offers]
    eligible = (
        holds_column(scenario.criterion, facts, on).fill_null(False)
        & within_column(scenario.quotas, scenario.code, facts)
        & reduce(or_, usable, NO)
    )
    best_first = [(eligible & usable[n], n) for n in reversed(range(len(usable)))]
    return ibis.cases(*best_first).cast("int32")


def leaves(criterion: Criterion) -> Iterator[Criterion]:
    """Every criterion of a tree that is not made of others."""
    match criterion:
        case All(parts) | AnyOf(parts):
            for part in parts:
                yield from leaves(part)
        case Not(part):
            yield from leaves(part)
        case _:
            yield criterion
