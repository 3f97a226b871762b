"""A compiled scenario answers as `decide` does, for any facts, any tree, any day and any place."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haihe.cache.copy import Reading, ResidentCopy, pack
from haihe.domain.compiled import code_of, compile_scenario, nobody
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
from haihe.domain.districts import DISTRICTS
from haihe.domain.eligibility import decide
from haihe.domain.facts import NOT_JOINED, Facts
from haihe.domain.scenarios import Offer, Period, Quota, Scenario, ScenarioState
from tests.cache.test_copy import COPIES
from tests.domain.published import rulebook, scenarios
from tests.domain.test_criteria import Fixed

BOOK = rulebook()
CODES = ("XYZ-01", "XYZ-07", "XYZ-16")
NOON = datetime(2026, 11, 20, 4, tzinfo=UTC)
DAYS = st.dates(date(2026, 1, 1), date(2028, 12, 31))

leaves = st.one_of(
    st.builds(PointsAtLeast, st.integers(0, 1000)),
    st.builds(
        DimensionAtLeast,
        st.sampled_from([*(d.code for d in BOOK.dimensions), "Z"]),
        st.just("维度"),
        st.integers(0, 300),
    ),
    st.builds(AgeBetween, st.none() | st.integers(0, 90), st.none() | st.integers(0, 90)),
    st.builds(DistrictIn, st.sets(st.sampled_from(sorted(DISTRICTS)), min_size=1).map(tuple)),
    st.sets(st.sampled_from([*BOOK.negative_codes, "A01"]), min_size=1).map(
        lambda codes: NoRecordOf(tuple(codes), tuple(codes))
    ),
    st.builds(ConsentedTo, st.sampled_from([*BOOK.sensitive_classes, "NONE"]), st.just("某类")),
    st.builds(Stated, st.sampled_from([*BOOK.fact_by_code, "F99"]), st.just("事实")),
    st.builds(RunningOrdersAtMost, st.integers(0, 100)),
    st.builds(NoShowsAtMost, st.integers(0, 100)),
)
trees = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda parts: All(tuple(parts)))
        | st.lists(inner, min_size=1, max_size=3).map(lambda parts: AnyOf(tuple(parts)))
        | inner.map(Not)
    ),
    max_leaves=6,
)
quotas = st.lists(
    st.builds(Quota, st.sampled_from(Period), st.integers(1, 60), st.booleans()), max_size=2
).map(tuple)
better_offers = st.lists(
    st.builds(Offer, st.sampled_from("甲乙丙"), st.integers(0, 9), st.none() | trees, quotas), max_size=2
)


@st.composite
def imagined_scenarios(draw: st.DrawFn) -> Scenario:
    """A scenario as an administrator might draft it: the first offer is everybody's."""
    return replace(
        scenarios()[draw(st.sampled_from(CODES))],
        criterion=draw(trees),
        offers=(Offer("普通", 1, None, draw(quotas)), *draw(better_offers)),
        quotas=draw(quotas),
        districts=tuple(draw(st.sets(st.sampled_from(sorted(DISTRICTS)), min_size=1))),
        state=draw(st.sampled_from([ScenarioState.PUBLISHED] * 9 + [ScenarioState.PAUSED])),
    )


def told(
    facts: Facts, scenario: Scenario, on: date, district: str | None, merchant_id: int = 1
) -> tuple[str, int | None]:
    decision = decide(facts, scenario, on, district, merchant_id)
    return decision.code, None if decision.offer is None else scenario.offers.index(decision.offer)


def told_quickly(
    copy: ResidentCopy, scenario: Scenario, on: date, district: str | None, merchant_id: int = 1
) -> tuple[str, int | None]:
    read = Reading(BOOK, on).seen(pack(replace(copy, last_day=None), BOOK))
    assert read is not None
    judged = compile_scenario(scenario, BOOK, on, district)(read[1], merchant_id, *read[0])
    return code_of(judged), judged if judged >= 0 else None


@given(
    COPIES,
    imagined_scenarios() | st.sampled_from(sorted(scenarios())).map(scenarios().get),
    DAYS,
    st.none() | st.sampled_from(sorted(DISTRICTS)),
    st.integers(1, 4),
)
def test_what_is_compiled_decides_as_the_tree_does(
    copy: ResidentCopy, scenario: Scenario, on: date, district: str | None, merchant_id: int
) -> None:
    quickly = told_quickly(copy, scenario, on, district, merchant_id)
    assert quickly == told(copy.facts, scenario, on, district, merchant_id)


@given(COPIES, trees)
def test_a_tree_and_its_opposite_are_both_read_rightly(copy: ResidentCopy, tree: Criterion) -> None:
    on, scenario = date(2026, 11, 20), scenarios()["XYZ-07"]
    grown = replace(copy, facts=replace(copy.facts, joined=True, birth_date=date(1990, 5, 4)))
    for criterion in (tree, Not(tree)):
        asked = replace(scenario, criterion=criterion)
        assert told_quickly(grown, asked, on, None) == told(grown.facts, asked, on, None)


@given(st.dates(date(1890, 1, 1), date(2026, 12, 31)), DAYS, st.integers(0, 100))
def test_an_age_is_reached_on_the_same_day(birth: date, on: date, age: int) -> None:
    scenario = replace(scenarios()["XYZ-07"], criterion=AgeBetween(age, None), offers=(Offer("普通", 1),))
    copy = ResidentCopy(
        1, NOON, None, Facts(joined=True, birth_date=birth, points=500, grade="C", dimensions={})
    )

    assert told_quickly(copy, scenario, on, None) == told(copy.facts, scenario, on, None)


@given(st.sampled_from(sorted(scenarios())), DAYS)
def test_nobody_is_somebody_who_has_not_joined(code: str, on: date) -> None:
    scenario = scenarios()[code]
    judged = compile_scenario(scenario, BOOK, on, None)({}, 1, *nobody(BOOK))

    assert code_of(judged) == decide(NOT_JOINED, scenario, on).code


@given(COPIES)
def test_a_copy_that_does_not_hold_has_no_numbers(copy: ResidentCopy) -> None:
    today = date(2026, 11, 20)
    packed = pack(replace(copy, last_day=today), BOOK)

    assert Reading(BOOK, today).seen(packed) is not None
    assert Reading(BOOK, today + timedelta(days=1)).seen(packed) is None
    assert Reading(replace(BOOK, version="HH-2027.1"), today).seen(packed) is None
    assert Reading(BOOK, today).seen(packed[:8]) is None


def test_a_criterion_that_nobody_taught_to_compile_is_refused() -> None:
    scenario = replace(scenarios()["XYZ-07"], criterion=Fixed(Answer.MET))
    with pytest.raises(TypeError):
        compile_scenario(scenario, BOOK, date(2026, 11, 20), None)
