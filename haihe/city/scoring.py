"""计分 for everybody at once: the same rulebook that `haihe.domain.scoring.score` reads, as one expression over columns.

Every record meets its rule by a join; what one resident has of one indicator is summed and held to its cap; the points
of all indicators are gathered by resident; and from there on the arithmetic is the domain's own, column by column. For
a fixed day every window is a bound on the day of the event (see `haihe.domain.dates`), so that no month is counted
record by record. The expression says nothing of the engine that will run it.
"""

from __future__ import annotations

from datetime import date
from functools import reduce
from operator import add

import ibis.expr.types as ir

from haihe.city import columns
from haihe.city.contributions import dimension_points, grade_of, indicator_points, is_listed
from haihe.city.endings import last_day_of
from haihe.city.gathering import answer, gather_points
from haihe.city.slots import slots_of
from haihe.domain.dates import latest_start
from haihe.domain.facts import ADULT_AGE
from haihe.domain.rulebook import Rulebook


def score_columns(
    rulebook: Rulebook, residents: ir.Table, records: ir.Table, on: date, *, last_day: bool = False
) -> ir.Table:
    """One row for every resident: what a criterion may ask about them, and their points where they are counted.

    The columns are those of `residents`, `scored`, `total`, `grade`, and one for each dimension, indicator, negative
    indicator and fact (named in `haihe.city.columns`). Points are null for whoever has not joined or is under age; the
    records of somebody who has not joined are not looked at. With `last_day` there is also the last day on which the
    result holds if nothing new comes in (null: for good), which costs a little more.
    """
    known = add_up(rulebook, indicator_columns(rulebook, residents, records, on, last_day=last_day))
    return known.select(
        *residents.columns,
        "scored",
        "total",
        "grade",
        *(columns.dimension(d.code) for d in rulebook.dimensions),
        *(columns.points(i.code) for i in rulebook.indicators),
        *(columns.listed(code) for code in rulebook.negative_codes),
        *(columns.stated(f.code) for f in rulebook.facts),
        *(["last_day"] if last_day else []),
    )


def indicator_columns(
    rulebook: Rulebook, residents: ir.Table, records: ir.Table, on: date, *, last_day: bool = False
) -> ir.Table:
    """Residents with `scored` and what each indicator and each fact comes to, not added up yet."""
    slots = slots_of(rulebook)
    joined = residents.filter(residents["joined"]).select("resident_id")
    gathered = gather_points(rulebook, slots, records.semi_join(joined, "resident_id"), on, last_day)
    known = residents.left_join(gathered, residents["resident_id"] == gathered["gathered_id"])
    of_age = known["birth_date"] <= latest_start(12 * ADULT_AGE, on)
    known = known.mutate(scored=(known["joined"] & of_age).fill_null(False))
    return known.mutate(
        **{columns.points(s.indicator.code): indicator_points(s, known, on) for s in slots},
        **{columns.listed(s.indicator.code): is_listed(s, known) for s in slots if s.indicator.is_breach},
        **{columns.stated(f.code): (known[answer(f.code)] & 1) == 1 for f in rulebook.facts},
        **({"last_day": _while_scored(known, last_day_of(slots, known, on))} if last_day else {}),
    )


def add_up(rulebook: Rulebook, known: ir.Table) -> ir.Table:
    """The points of the dimensions, the total and the grade, from those of the indicators."""
    slots = slots_of(rulebook)
    dimensions = {columns.dimension(d.code): dimension_points(slots, known, d) for d in rulebook.dimensions}
    known = known.mutate(**dimensions)
    known = known.mutate(total=reduce(add, (known[name] for name in dimensions)))
    return known.mutate(grade=grade_of(rulebook.grades, known["total"]))


def _while_scored(known: ir.Table, value: ir.DateValue) -> ir.DateValue:
    return known["scored"].ifelse(value, None)
