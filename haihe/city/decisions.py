"""判定 for everybody at once: who may have a benefit, which offer they get, and what a merchant would be told."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from functools import reduce
from operator import and_

import ibis
import ibis.expr.types as ir

from haihe.city import columns
from haihe.city.criteria import NO, YES, age_between, holds_column
from haihe.domain.eligibility import MerchantCode, Outcome
from haihe.domain.facts import ADULT_AGE
from haihe.domain.scenarios import Offer, Period, Quota, Scenario

COUNTED_IN = {Period.RUNNING: "running", Period.MONTH: "this_month", Period.YEAR: "this_year"}


def facts_columns(
    scored: ir.Table, orders: ir.Table | None = None, scenarios: Iterable[str] = ()
) -> ir.Table:
    """What `score_columns` gives, with the orders of these scenarios beside it: all that criteria and quotas ask for.

    Without a table of orders, or for a resident who is not in it, every count is nought.
    """
    codes = tuple(scenarios)
    names = {columns.orders(p, code): (p, code) for code in codes for p in Period}
    if orders is None:
        nought = ibis.literal(0, "int64")
        altogether = (columns.RUNNING_ALTOGETHER, columns.NO_SHOWS_ALTOGETHER)
        return scored.mutate(**dict.fromkeys((*altogether, *names), nought))
    counts = {
        name: orders[COUNTED_IN[period]].sum(where=orders["scenario"] == code)
        for name, (period, code) in names.items()
    }
    counts[columns.RUNNING_ALTOGETHER] = orders["running"].sum()
    counts[columns.NO_SHOWS_ALTOGETHER] = orders["no_shows"].sum()
    counted = orders.group_by(ordering_id=orders["resident_id"]).aggregate(**counts)
    joined = scored.left_join(counted, scored["resident_id"] == counted["ordering_id"]).drop("ordering_id")
    return joined.mutate(**{name: joined[name].fill_null(0).cast("int64") for name in counts})


def decide_columns(scenario: Scenario, facts: ir.Table, on: date, district: str | None = None) -> ir.Table:
    """`resident_id`, `outcome`, `code` and `offer` (its place in the scenario, null unless eligible) for every resident.

    `facts` is what `facts_columns` gives; `district` is where the benefit is to be used, None where nobody asks.
    """
    if not scenario.open_on(on):
        return _all_alike(facts, MerchantCode.SCENARIO_CLOSED)
    if district is not None and district not in scenario.districts:
        return _all_alike(facts, MerchantCode.OUT_OF_AREA)
    adult = age_between(facts["birth_date"], ADULT_AGE, None, on)
    holds = holds_column(scenario.criterion, facts, on)
    usable = [usable_column(o, scenario, facts, on) for o in scenario.offers]
    within = within_column(scenario.quotas, scenario.code, facts) & _any(usable)
    judged = facts.select(
        "resident_id",
        outcome=ibis.cases(
            (~facts["joined"] | adult.isnull(), Outcome.NOT_AVAILABLE.value),
            (~adult, Outcome.NOT_ELIGIBLE.value),
            (holds.isnull(), Outcome.NOT_AVAILABLE.value),
            (holds & within, Outcome.ELIGIBLE.value),
            else_=Outcome.NOT_ELIGIBLE.value,
        ),
        # What a merchant hears tells used-up quotas from everything else only where nothing else stands in the way.
        code=ibis.cases(
            (facts["joined"] & adult & holds & within, MerchantCode.OK.value),
            (facts["joined"] & adult & holds, MerchantCode.QUOTA_USED_UP.value),
            else_=MerchantCode.NOT_AVAILABLE.value,
        ),
        offer=ibis.cases(*((usable[n], n) for n in reversed(range(len(usable))))),
    )
    eligible = judged["outcome"] == Outcome.ELIGIBLE.value
    return judged.mutate(offer=ibis.cases((eligible, judged["offer"])).cast("int32"))


def _all_alike(facts: ir.Table, code: MerchantCode) -> ir.Table:
    """What says nothing about a resident is said of all of them."""
    return facts.select(
        "resident_id",
        outcome=ibis.literal(Outcome.NOT_AVAILABLE.value),
        code=ibis.literal(code.value),
        offer=ibis.null("int32"),
    )


def usable_column(offer: Offer, scenario: Scenario, facts: ir.Table, on: date) -> ir.BooleanValue:
    """Within reach, with something left of its own quotas."""
    reached = YES if offer.criterion is None else holds_column(offer.criterion, facts, on).fill_null(False)
    return reached & within_column(offer.quotas, scenario.code, facts)


def within_column(quotas: Sequence[Quota], scenario: str, facts: ir.Table) -> ir.BooleanValue:
    """Something is left of every quota. Nobody asks from any one merchant here, and there is always another: what is counted at
    each merchant stands in nobody's way, as `decide` has it where no merchant asks."""
    altogether = (q for q in quotas if not q.each_merchant)
    return reduce(and_, (_used(q, scenario, facts) < q.at_most for q in altogether), YES)


def _used(quota: Quota, scenario: str, facts: ir.Table) -> ir.IntegerValue:
    name = columns.orders(quota.period.value, scenario)
    return facts[name] if name in facts.columns else ibis.literal(0, "int64")


def _any(parts: Sequence[ir.BooleanValue]) -> ir.BooleanValue:
    return reduce(lambda a, b: a | b, parts, NO)
