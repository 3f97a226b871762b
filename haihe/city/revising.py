"""试算的捷径: a draft is mostly the rulebook in force; only what it changes is computed from the records.

Everybody's facts by the rulebook in force lie beside the snapshot already. An indicator that is the same in both gives
the same points, so that a draft needs the records of the others alone, and then the sums anew.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import ibis.expr.types as ir

from haihe.city import columns
from haihe.city.scoring import add_up, indicator_columns
from haihe.domain.kinds import UnbrokenMonths
from haihe.domain.rulebook import Indicator, Rulebook

# How the columns begin that may be new with a draft.
NEW = (columns.points(""), columns.listed(""))


def revised_facts(
    present: Rulebook, draft: Rulebook, facts: ir.Table, records: ir.Table, on: date
) -> ir.Table | None:
    """The facts of those who are counted by the draft, from what they are by the present rulebook.

    None where there is nothing to begin with: another list of stated facts, or no indicator in common.
    """
    changed = changed_indicators(present, draft)
    if set(draft.fact_by_code) != set(present.fact_by_code) or len(changed) == len(draft.indicators):
        return None
    anew = {i.code for i in changed} | (set(present.by_code) - set(draft.by_code))
    gone = [name for code in anew for name in (columns.points(code), columns.listed(code))]
    sums = ["total", "grade", *(columns.dimension(d.code) for d in present.dimensions)]
    known = facts.drop(*(name for name in (*gone, *sums) if name in facts.columns))
    if changed:
        part = replace(draft, indicators=changed, facts=())
        stated = records.filter(records["indicator"].cast("string").isin(tuple(i.code for i in changed)))
        known = indicator_columns(part, known, stated, on)
        known = known.select(
            *(name for name in known.columns if name in facts.columns or name.startswith(NEW)),
            "scored",
        )
    else:
        known = known.mutate(scored=known["joined"])
    return add_up(draft, known).drop("scored")


def changed_indicators(present: Rulebook, draft: Rulebook) -> tuple[Indicator, ...]:
    """The indicators of the draft that may give anybody something else than they do now.

    What breaks a clean run are the records of other indicators: with one of those all of them are looked at, and the runs.
    """
    changed = {i.code for i in draft.indicators if present.by_code.get(i.code) != i}
    runs = {i.code for i in draft.indicators if isinstance(i.kind, UnbrokenMonths)}
    breaches = {i.code for book in (present, draft) for i in book.indicators if i.is_breach}
    if runs & changed or any(present.by_code.get(c) != draft.by_code.get(c) for c in breaches):
        changed |= runs | breaches
    return tuple(i for i in draft.indicators if i.code in changed)
