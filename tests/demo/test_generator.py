"""The generator as columns: the same plan gives the same city, and nobody in it could be a real person."""

from __future__ import annotations

from collections import Counter
from dataclasses import fields
from datetime import date

import numpy as np
import pytest
from stdnum.cn import ric

from haihe.cli.rules import parse, shipped_rulebooks
from haihe.demo.births import AREA, births, id_numbers
from haihe.demo.composing import compose, points_of
from haihe.demo.histories import CODES, STATES, Records, records_of
from haihe.demo.people import NEVER, Residents, residents_of
from haihe.demo.plan import BLOCK, Plan, districts
from haihe.domain.dates import age_on
from haihe.domain.districts import DISTRICTS
from haihe.domain.rulebook import Rulebook
from haihe.domain.rulebook_reader import read_rulebook

TODAY = date(2026, 11, 20)


def make(plan: Plan) -> tuple[list[Residents], list[Records]]:
    born = births(plan)
    people = [residents_of(plan, born, block, first, count) for block, first, count in plan.blocks()]
    return people, [records_of(plan, r, block) for block, r in enumerate(people)]


@pytest.fixture(scope="module")
def city() -> tuple[list[Residents], list[Records]]:
    return make(Plan(20_000, 2026, TODAY))


@pytest.fixture(scope="module")
def rulebook() -> Rulebook:
    return read_rulebook(parse(shipped_rulebooks()[0]))


def same(one: object, other: object) -> bool:
    return all(
        np.array_equal(getattr(one, f.name), getattr(other, f.name), equal_nan=f.name == "diligence")
        for f in fields(one)  # type: ignore[arg-type]
        if f.name != "valid_to"
    )


def test_the_same_seed_gives_the_same_city_and_another_seed_another() -> None:
    first, again, other = (make(Plan(2_000, seed, TODAY)) for seed in (7, 7, 8))

    assert same(first[0][0], again[0][0])
    assert same(first[1][0], again[1][0])
    assert not np.array_equal(first[0][0].district, other[0][0].district)


def test_a_block_can_be_made_without_those_before_it(city: tuple[list[Residents], list[Records]]) -> None:
    plan = Plan(20_000, 2026, TODAY)
    alone = residents_of(plan, births(plan), 1, BLOCK, BLOCK)

    assert same(alone, city[0][1])
    assert same(records_of(plan, alone, 1), city[1][1])


def test_every_district_has_its_share_of_the_census(city: tuple[list[Residents], list[Records]]) -> None:
    lives_in = np.concatenate([r.district for r in city[0]])
    shares = np.bincount(lives_in, minlength=16) / len(lives_in)

    assert tuple(districts().codes) == tuple(DISTRICTS)
    assert np.abs(shares - districts().shares).max() < 0.001


def test_every_age_from_0_to_95_is_there(city: tuple[list[Residents], list[Records]]) -> None:
    born = np.concatenate([r.birth for r in city[0]]).tolist()

    assert {age_on(b, TODAY) for b in born} == set(range(96))


@pytest.mark.parametrize("today", [date(2026, 11, 20), date(2028, 2, 29), date(2027, 2, 28)])
def test_ages_are_right_on_any_day_of_the_calendar(today: date) -> None:
    plan = Plan(500, 1, today)
    born = births(plan).of(0, 500)[0].tolist()

    assert {age_on(b, today) for b in born} == set(range(96))


def test_every_number_is_unique_has_a_right_checksum_and_belongs_to_nobody(
    city: tuple[list[Residents], list[Records]],
) -> None:
    numbers = np.concatenate([id_numbers(r.birth, r.sequence) for r in city[0]]).tolist()

    assert len(set(numbers)) == 20_000
    assert all(number.startswith(AREA) for number in numbers)
    assert all(ric.calc_check_digit(number) == number[-1] for number in numbers)


def test_fourteen_million_residents_have_room_in_the_numbers() -> None:
    born = births(Plan(14_000_000, 1, TODAY))

    assert int(born.upto[-1]) == 14_000_000


def test_nobody_under_age_has_joined_and_seven_adults_in_ten_have(
    city: tuple[list[Residents], list[Records]],
) -> None:
    joined = np.concatenate([r.joined_days for r in city[0]]) != NEVER
    adult = np.array([age_on(b, TODAY) >= 18 for r in city[0] for b in r.birth.tolist()])

    assert not (joined & ~adult).any()
    assert joined[adult].mean() == pytest.approx(0.70, abs=0.02)


def test_there_are_eight_records_a_resident_spread_beyond_their_windows(
    city: tuple[list[Residents], list[Records]],
) -> None:
    occurred = np.concatenate([r.occurred for r in city[1]])
    days_ago = (np.datetime64(TODAY) - occurred).astype(int)

    assert len(occurred) / 20_000 == pytest.approx(8, abs=0.7)
    assert days_ago.min() >= 0
    assert (days_ago > 730).mean() > 0.1


def test_only_disabled_indicators_are_left_to_the_named_residents(
    city: tuple[list[Residents], list[Records]], rulebook: Rulebook
) -> None:
    """Everything that may be imported has a habit that makes it; whether chance makes it in a small city is another matter."""
    catalogue = {i.code for i in rulebook.indicators} | {f.code for f in rulebook.facts}

    assert catalogue - set(CODES) == {"C12", "C13"}


def test_some_records_are_repaired_disputed_or_withdrawn(
    city: tuple[list[Residents], list[Records]],
) -> None:
    states = Counter(STATES[s] for r in city[1] for s in r.state.tolist())

    assert {"EFFECTIVE", "REPAIRED", "DISPUTED", "WITHDRAWN"} == set(states)


@pytest.mark.parametrize("today", [date(2026, 11, 20), date(2028, 2, 29), date(2027, 3, 31)])
def test_a_life_of_any_number_of_points_can_be_composed(rulebook: Rulebook, today: date) -> None:
    for total in range(500, 820):
        assert points_of(compose(total), rulebook, today) == total
