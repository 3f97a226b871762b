"""One decision, told in two ways: everything to the resident, a neutral code to the merchant."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haihe.domain.criteria import Answer
from haihe.domain.eligibility import Decision, MerchantCode, Outcome, decide
from haihe.domain.facts import NOT_JOINED, Facts
from haihe.domain.scenarios import Scenario, ScenarioState
from tests.domain.published import scenarios
from tests.domain.strategies import TODAY

counts = st.dictionaries(st.sampled_from(sorted(scenarios())), st.integers(0, 70), max_size=3)
facts = st.builds(
    Facts,
    joined=st.booleans(),
    birth_date=st.none() | st.dates(date(1930, 1, 1), TODAY),
    district=st.none() | st.sampled_from(["120101", "120116"]),
    points=st.none() | st.integers(0, 1000),
    listed=st.frozensets(st.sampled_from(["E11", "E12", "B14"])),
    sensitive_consents=st.frozensets(st.sampled_from(["MEDICAL", "BLOOD_DONATION"])),
    stated=st.dictionaries(st.sampled_from(["F01", "F02", "F03"]), st.booleans()),
    running=counts,
    this_month=counts,
    this_year=counts,
    no_shows=counts,
    at_merchant=st.dictionaries(
        st.sampled_from(sorted(scenarios())),
        st.dictionaries(st.sampled_from([1, 2]), st.tuples(*[st.integers(0, 70)] * 3), min_size=1),
        max_size=3,
    ),
)
any_scenario = st.sampled_from(sorted(scenarios())).map(lambda code: scenarios()[code])
ADULT = Facts(joined=True, birth_date=date(1990, 1, 1), points=1000)


def what_the_merchant_learns(decision: Decision) -> tuple[bool, MerchantCode, object]:
    return decision.outcome is Outcome.ELIGIBLE, decision.code, decision.offer


@given(facts, any_scenario)
def test_a_yes_rests_on_met_findings_alone_and_carries_an_offer(facts: Facts, scenario: Scenario) -> None:
    decision = decide(facts, scenario, TODAY)
    assert (
        (decision.outcome is Outcome.ELIGIBLE)
        == (decision.code is MerchantCode.OK)
        == (decision.offer is not None)
    )
    if decision.offer is not None:
        assert {f.answer for f in decision.findings} <= {Answer.MET}
        reached = [
            o
            for o in scenario.offers
            if o.criterion is None or o.criterion.judge(facts, TODAY).answer is Answer.MET
        ]
        assert decision.offer in reached
        # Only a better offer whose quota is used up is passed over.
        assert all(o.quotas for o in reached[reached.index(decision.offer) + 1 :])
    else:
        assert any(f.answer is not Answer.MET and f.reason for f in decision.findings)


@given(facts, any_scenario)
def test_missing_data_never_yields_a_yes(facts: Facts, scenario: Scenario) -> None:
    for missing in ({"points": None}, {"birth_date": None}, {"joined": False}):
        assert decide(replace(facts, **missing), scenario, TODAY).outcome is not Outcome.ELIGIBLE


@given(facts, any_scenario)
def test_knowing_less_never_turns_a_no_into_a_yes(facts: Facts, scenario: Scenario) -> None:
    if decide(facts, scenario, TODAY).outcome is not Outcome.ELIGIBLE:
        poorer = replace(facts, stated={}, sensitive_consents=frozenset())
        assert decide(poorer, scenario, TODAY).outcome is not Outcome.ELIGIBLE


@given(facts, any_scenario, st.integers(0, 300))
def test_more_points_never_lose_a_benefit(facts: Facts, scenario: Scenario, more: int) -> None:
    richer = replace(facts, points=None if facts.points is None else facts.points + more)
    if decide(facts, scenario, TODAY).outcome is Outcome.ELIGIBLE:
        assert decide(richer, scenario, TODAY).outcome is Outcome.ELIGIBLE


@given(facts, any_scenario)
def test_not_joined_not_agreed_too_few_and_unknown_look_the_same_to_a_merchant(
    facts: Facts, scenario: Scenario
) -> None:
    stranger = what_the_merchant_learns(decide(NOT_JOINED, scenario, TODAY))
    too_few = what_the_merchant_learns(decide(replace(facts, points=0), scenario, TODAY))
    unknown = what_the_merchant_learns(decide(replace(facts, points=None), scenario, TODAY))
    assert stranger == too_few == unknown == (False, MerchantCode.NOT_AVAILABLE, None)


@given(facts, any_scenario)
def test_where_the_criteria_are_not_met_the_merchant_is_told_nothing_more(
    facts: Facts, scenario: Scenario
) -> None:
    decision = decide(facts, scenario, TODAY)
    assert decision.code in (MerchantCode.OK, MerchantCode.NOT_AVAILABLE, MerchantCode.QUOTA_USED_UP)
    if decision.code is MerchantCode.QUOTA_USED_UP:
        unmet = {f.criterion for f in decision.findings if f.answer is not Answer.MET}
        assert unmet == {"quota"}


@given(facts, any_scenario)
def test_a_closed_scenario_or_a_place_outside_says_nothing_about_the_resident(
    facts: Facts, scenario: Scenario
) -> None:
    closed = replace(scenario, state=ScenarioState.PAUSED)
    assert decide(facts, closed, TODAY) == decide(NOT_JOINED, closed, TODAY)
    narrow = replace(scenario, districts=("120101",))
    assert decide(facts, narrow, TODAY, "120102") == decide(NOT_JOINED, narrow, TODAY, "120102")
    assert decide(facts, narrow, TODAY, "120101") == decide(facts, narrow, TODAY)


@pytest.mark.parametrize("state", [s for s in ScenarioState if s is not ScenarioState.PUBLISHED])
def test_only_a_published_scenario_answers_yes(state: ScenarioState) -> None:
    decision = decide(ADULT, replace(scenarios()["XYZ-07"], state=state), TODAY)
    assert (decision.outcome, decision.code) == (Outcome.NOT_AVAILABLE, MerchantCode.SCENARIO_CLOSED)


def test_a_scenario_is_open_on_its_last_day_and_not_on_the_next() -> None:
    ending = replace(scenarios()["XYZ-07"], valid_to=TODAY)
    assert decide(ADULT, ending, TODAY).outcome is Outcome.ELIGIBLE
    assert decide(ADULT, ending, date(2026, 6, 16)).code is MerchantCode.SCENARIO_CLOSED
