"""A criterion says of everybody at once what it says of each: met, unmet, or not to be known."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from random import Random

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ibis.backends import BaseBackend

from haihe.city.columns import orders_schema
from haihe.city.criteria import consents_asked, verdict_column
from haihe.city.decisions import decide_columns, facts_columns
from haihe.city.scoring import score_columns
from haihe.domain.criteria import (
    AgeBetween,
    All,
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
from haihe.domain.districts import DISTRICTS
from haihe.domain.eligibility import Decision, decide
from haihe.domain.facts import Facts
from haihe.domain.rulebook import Rulebook
from haihe.domain.scenarios import BenefitType, Offer, Period, Quota, Scenario, ScenarioState
from tests.city.comparing import facts_alone, rows_of, tables, tables_in
from tests.city.imagined import CLASSES, Life, days, lives, many_at_once, rulebooks
from tests.city.test_scoring import seeds

SCENARIO, OTHER = "XYZ-01", "XYZ-02"
RESIDENTS = 150
COUNTS = ("running", "this_month", "this_year", "no_shows")


def predicates(rulebook: Rulebook) -> st.SearchStrategy[Criterion]:
    """Any leaf, now and then about something that nobody has heard of."""
    dimension = st.sampled_from((*rulebook.dimension_by_code, "Z"))
    codes = st.lists(st.sampled_from((*rulebook.by_code, "Z99")), min_size=1, max_size=3).map(tuple)
    young, old = st.sampled_from((0, 17, 18, 19, 30)), st.sampled_from((30, 65, 66))
    districts = st.sets(st.sampled_from(sorted(DISTRICTS)), min_size=1, max_size=12).map(tuple)
    return st.one_of(
        st.builds(PointsAtLeast, st.integers(0, 250)),
        st.builds(DimensionAtLeast, dimension, st.just("某维度"), st.integers(0, 80)),
        st.builds(AgeBetween, young, st.none() | old),
        st.builds(AgeBetween, st.none(), young | old),
        st.builds(DistrictIn, districts),
        codes.map(lambda codes: NoRecordOf(codes, codes)),
        st.builds(ConsentedTo, st.sampled_from((*CLASSES, "UNHEARD_OF")), st.just("某类")),
        st.builds(Stated, st.sampled_from(("F01", "F02", "F99")), st.just("某事")),
        st.builds(RunningOrdersAtMost, st.integers(0, 3)),
        st.builds(NoShowsAtMost, st.integers(0, 3)),
    )


def trees(rulebook: Rulebook) -> st.SearchStrategy[Criterion]:
    """Predicates under all, any and not."""
    return st.recursive(
        predicates(rulebook),
        lambda part: st.one_of(
            st.lists(part, max_size=3).map(lambda parts: All(tuple(parts))),
            st.lists(part, min_size=1, max_size=3).map(lambda parts: AnyOf(tuple(parts))),
            part.map(Not),
        ),
        max_leaves=6,
    )


quotas = st.lists(
    st.builds(Quota, st.sampled_from(Period), st.integers(1, 3), st.booleans()), max_size=2
).map(tuple)


@st.composite
def scenarios(draw: st.DrawFn, rulebook: Rulebook) -> Scenario:
    """A benefit with up to three offers; now and then paused, or not everywhere."""
    tree = trees(rulebook)
    better = draw(st.lists(st.builds(Offer, st.just("更好"), st.just(1), tree, quotas), max_size=2))
    return Scenario(
        code=SCENARIO,
        revision=1,
        name="某优惠",
        domain="出行",
        lead_department="某局",
        partner_kind="某商户",
        benefit_type=BenefitType.DISCOUNT,
        offers=(Offer("普通", 1, None, draw(quotas)), *better),
        criterion=draw(tree),
        quotas=draw(quotas),
        districts=draw(st.sampled_from((tuple(DISTRICTS), ("120103",)))),
        valid_from=date(2024, 1, 1),
        valid_to=None,
        default_terms="无",
        legal_note="无",
        pia_reference="无",
        needs_resident_confirmation=False,
        state=draw(st.sampled_from((*[ScenarioState.PUBLISHED] * 5, ScenarioState.PAUSED))),
    )


def orders_of(residents: Sequence[Life], seed: int) -> dict[int, dict[str, dict[str, int]]]:
    """Counts by resident, kind of count and scenario; many have none."""
    chance = Random(seed)
    found = {}
    for life in residents:
        codes = [code for code in (SCENARIO, OTHER) if chance.random() < 0.4]
        found[life.resident.resident_id] = {
            count: {code: chance.randint(0, 3) for code in codes} for count in COUNTS
        }
    return found


def orders_table(orders: dict[int, dict[str, dict[str, int]]]) -> pa.Table:
    rows = [
        {
            "resident_id": resident,
            "scenario": code,
            "merchant_id": 1,
            **{count: counts[count][code] for count in COUNTS},
        }
        for resident, counts in orders.items()
        for code in counts["running"]
    ]
    return pa.Table.from_pylist(rows, schema=orders_schema())


def together(
    engine: BaseBackend, residents: Sequence[Life], rulebook: Rulebook, on: date, orders: pa.Table
) -> object:
    """The facts of everybody, in the engine."""
    people, records = tables(residents, CLASSES)
    found = tables_in(engine, residents=people, records=records, orders=orders)
    scored = engine.create_table(
        "scored", score_columns(rulebook, found["residents"], found["records"], on), overwrite=True
    )
    return facts_columns(scored, found["orders"], (SCENARIO,))


def told(decision: Decision, scenario: Scenario) -> tuple[str, str, int | None]:
    """Outcome, code, and the place of the offer given."""
    place = None
    if decision.offer is not None:
        place = next(n for n, offer in enumerate(scenario.offers) if offer is decision.offer)
    return decision.outcome.value, decision.code.value, place


@many_at_once
@given(st.data(), rulebooks(), days, seeds)
def test_any_criterion_and_scenario_decide_everybody_at_once_as_each_alone(
    engine: BaseBackend, data: st.DataObject, rulebook: Rulebook, on: date, seed: int
) -> None:
    residents = lives(rulebook, on, seed, RESIDENTS)
    orders = orders_of(residents, seed)
    tree = data.draw(trees(rulebook))
    scenario = data.draw(scenarios(rulebook))
    district = data.draw(st.sampled_from((None, "120101", "120103")))
    facts = together(engine, residents, rulebook, on, orders_table(orders))

    alone = [facts_alone(life, rulebook, on, **orders[life.resident.resident_id]) for life in residents]
    verdicts = rows_of(engine, facts.select("resident_id", verdict=verdict_column(tree, facts, on)))
    assert [r["verdict"] for r in verdicts] == [tree.judge(f, on).answer.value for f in alone]

    decided = rows_of(engine, decide_columns(scenario, facts, on, district))
    assert [(r["outcome"], r["code"], r["offer"]) for r in decided] == [
        told(decide(f, scenario, on, district), scenario) for f in alone
    ]


def test_what_is_unknown_decides_nothing_by_itself(engine: BaseBackend) -> None:
    rows = [
        {"resident_id": 1, "total": 600, "stated_F01": True},
        {"resident_id": 2, "total": 600, "stated_F01": None},
        {"resident_id": 3, "total": 500, "stated_F01": None},
        {"resident_id": 4, "total": None, "stated_F01": None},
    ]
    facts = tables_in(engine, facts=pa.Table.from_pylist(rows))["facts"]
    points, licence = PointsAtLeast(600), Stated("F01", "驾驶证有效")
    on = date(2026, 6, 15)

    def said(criterion: Criterion) -> list[str]:
        column = verdict_column(criterion, facts, on)
        return [row["said"] for row in rows_of(engine, facts.select("resident_id", said=column))]

    assert said(All((points, licence))) == ["MET", "UNKNOWN", "UNMET", "UNKNOWN"]
    assert said(AnyOf((points, licence))) == ["MET", "MET", "UNKNOWN", "UNKNOWN"]
    assert said(Not(points)) == ["UNMET", "UNMET", "MET", "UNKNOWN"]
    assert said(All(())) == ["MET"] * 4


def test_a_criterion_that_no_column_can_read_is_an_error_and_not_a_no(engine: BaseBackend) -> None:
    class Unheard(Criterion):
        def judge(self, facts: Facts, on: date) -> None: ...

        def sentence(self) -> str:
            return "从未听说"

    facts = tables_in(engine, facts=pa.table({"resident_id": [1]}))["facts"]
    with pytest.raises(TypeError, match="Unheard"):
        verdict_column(Unheard(), facts, date(2026, 6, 15))


def test_a_tree_tells_which_consents_it_asks_for() -> None:
    tree = All((AnyOf((ConsentedTo("MEDICAL", "医疗"), PointsAtLeast(1))), Not(ConsentedTo("OTHER", "其他"))))
    assert consents_asked((tree, PointsAtLeast(2))) == {"MEDICAL", "OTHER"}
