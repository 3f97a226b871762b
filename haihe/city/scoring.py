"""计分 for everybody at once: the same rulebook that `haihe.domain.scoring.score` reads, as one expression over columns.

Every record meets its rule by a join; what one resident has of one indicator is summed; the points of all indicators
are gathered by resident; and from there on the arithmetic is the domain's own, column by column. For a fixed day every
window is a bound on the day of the event (see `haihe.domain.dates`), so that no month is counted record by record.
"""

from __future__ import annotations

from datetime import date
from functools import reduce

import ibis
from ibis import ir

from haihe.city import columns as named
from haihe.city.contributions import contributions
from haihe.city.gathering import gather_points
from haihe.city.slots import Slot, slots_of
from haihe.domain.dates import latest_start
from haihe.domain.facts import ADULT_AGE
from haihe.domain.rulebook import Rulebook


def score_columns(
    rulebook: Rulebook, residents: ir.Table, records: ir.Table, on: date, *, last_day: bool = False
) -> ir.Table:
    """One row for every resident: what is known of them for a criterion, and their points where they are counted.

    `total`, `grade`, one column a dimension and one an indicator are null for whoever has not joined or is under age.
    Records of residents who have not joined are not looked at. With `last_day` there is also the last day on which the
    result holds if nothing new comes in (null: for good), which costs a little more.
    """
    slots = slots_of(rulebook)
    joined = residents.filter(residents.joined).select("resident_id")
    gathered = gather_points(rulebook, slots, records.semi_join(joined, "resident_id"), on, last_day)
    known = residents.left_join(gathered, residents.resident_id == gathered.gathered_id)
    scored = (known.joined & (known.birth_date <= latest_start(12 * ADULT_AGE, on))).fill_null(False)
    known = known.mutate(scored=scored, **contributions(rulebook, slots, known, on))
    known = known.mutate(**{d.code: _dimension(slots, known, d) for d in rulebook.dimensions})
