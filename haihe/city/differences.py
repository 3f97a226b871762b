"""What has moved since it was stored: everybody's points today beside those that the database holds, in columns.

The parts of a score are compared as the text that PostgreSQL gives of them, for then one comparison says whether any of
some fifty numbers has moved, and parts that only the rulebook of yesterday knew are told apart as well.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from functools import reduce
from operator import add

import ibis
import ibis.expr.types as ir

from haihe.city import columns
from haihe.city.decisions import decide_columns, facts_columns
from haihe.city.scoring import score_columns
from haihe.domain.eligibility import Outcome
from haihe.domain.rulebook import Rulebook
from haihe.domain.scenarios import Scenario


@dataclass(frozen=True, slots=True)
class Reach:
    """How many more, and how many fewer, a benefit is open to."""

    scenario: str
    name: str
    gained: int
    lost: int


def before(name: str) -> str:
    """The column of what was stored."""
    return f"before_{name}"


def differences(
    rulebook: Rulebook, residents: ir.Table, records: ir.Table, scores: ir.Table, on: date
) -> ir.Table:
    """A row for everybody whose stored score is not what holds on this day: their facts, `parts`, and what was stored.

    `version` is the one that the resident had when all of this was read. Somebody who is not `scored` any more, but has a
    score stored, is among them.
    """
    scored = score_columns(rulebook, residents, records, on, last_day=True)
    computed = scored.mutate(parts=parts_text(rulebook, scored)).drop(
        *(columns.points(i.code) for i in rulebook.indicators)
    )
    held = scores.select(
        "version",
        held_id=scores["resident_id"],
        **{before(name): scores[name] for name in scores.columns if name not in ("resident_id", "version")},
    )
    both = computed.inner_join(held, computed["resident_id"] == held["held_id"]).drop("held_id")
    moved = ~(
        both["parts"].identical_to(both[before("parts")])
        & both["last_day"].identical_to(both[before("last_day")])
        & both[before("rulebook")].identical_to(ibis.literal(rulebook.version))
    )
    stored = both[before("rulebook")].notnull()
    return both.filter(ibis.cases((both["scored"], moved), else_=stored))


def parts_text(rulebook: Rulebook, scored: ir.Table) -> ir.StringValue:
    """`ScoreRow.parts` as PostgreSQL writes them: the shorter names first, and those of one length by their bytes."""
    pieces: dict[str, ir.StringValue] = {}
    for dimension in rulebook.dimensions:
        given = [columns.points(i.code) for i in rulebook.indicators if i.dimension == dimension.code]
        reached = reduce(add, (scored[name] for name in given), ibis.literal(dimension.base, "int64"))
        pieces[dimension.code] = ibis.literal(f", {json.dumps(dimension.code)}: {dimension.base}")
        adjusted = f"{dimension.code}!"
        pieces[adjusted] = _piece(adjusted, scored[columns.dimension(dimension.code)] - reached)
    for indicator in rulebook.indicators:
        pieces[indicator.code] = _piece(indicator.code, scored[columns.points(indicator.code)])
    ordered = [pieces[name] for name in sorted(pieces, key=lambda n: (len(n.encode()), n.encode()))]
    text = ordered[0].concat(*ordered[1:]).substr(len(", "))
    return ibis.cases((scored["scored"], ibis.literal("{") + text + ibis.literal("}")))


def facts_then_and_now(
    scenarios: Iterable[Scenario], rulebook: Rulebook, moved: ir.Table, orders: ir.Table
) -> tuple[ir.Table, ir.Table]:
    """What a criterion may ask about those whose score has moved: as it was stored, and as it is.

    Then is the points that were stored, and the negative records that took some of them. Everything else (age, district,
    consents, stated facts, orders) is as it is on this day, then and now alike.
    """
    now = facts_columns(moved, orders, [s.code for s in scenarios])
    then = now.mutate(
        total=now[before("total")],
        grade=now[before("grade")],
        **{columns.dimension(d.code): _stored(now, columns.dimension(d.code)) for d in rulebook.dimensions},
        **{
            columns.listed(code): now[before("parts")].contains(f"{json.dumps(code)}: -").fill_null(False)
            for code in rulebook.negative_codes
        },
    )
    asked = [name for name in now.columns if name != "parts" and not name.startswith(before(""))]
    return then.select(*asked), now.select(*asked)


def reach_moved(scenario: Scenario, then: ir.Table, now: ir.Table, on: date) -> Reach:
    """How many of these residents may have a benefit now and could not before, and the reverse."""
    was, may = (
        judged.select("resident_id", yes=judged["outcome"] == Outcome.ELIGIBLE.value)
        for judged in (decide_columns(scenario, facts, on) for facts in (then, now))
    )
    both = was.select(was_id="resident_id", was="yes").inner_join(may, [("was_id", "resident_id")])
    counts = both.aggregate(
        gained=(both["yes"] & ~both["was"]).sum().fill_null(0),
        lost=(both["was"] & ~both["yes"]).sum().fill_null(0),
    )
    (row,) = counts.to_pyarrow().to_pylist()
    return Reach(scenario.code, scenario.name, int(row["gained"]), int(row["lost"]))


def _stored(facts: ir.Table, name: str) -> ir.IntegerValue:
    """A dimension that was not known when the scores were read is one of which nothing is stored."""
    return facts[before(name)] if before(name) in facts.columns else ibis.null("int32")


def _piece(name: str, points: ir.IntegerValue) -> ir.StringValue:
    given = ibis.literal(f", {json.dumps(name)}: ") + points.cast("string")
    return ibis.cases((points != 0, given), else_="")
