"""What would help: found by asking score() itself, lawful, and never a step that changes nothing."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haihe.domain.records import Record
from haihe.domain.scoring import score
from haihe.domain.steps import Deed, History, StepKind, steps_towards, what_if
from tests.domain.published import record, rulebook
from tests.domain.strategies import TODAY, consents, histories


def history(*records: Record) -> History:
    return History(records, rulebook(), TODAY)


def test_twenty_hours_of_volunteering_are_twenty_points() -> None:
    before, after = what_if(history(), [Deed("D01", 20)])
    assert (before.total, after.total) == (500, 520)


def test_a_deed_is_added_to_what_is_there_already() -> None:
    _before, after = what_if(history(record("D01", date(2026, 6, 1), quantity=20)), [Deed("D01", 10)])
    assert after.total == 525


def test_a_gap_of_one_point_is_closed_by_the_fewest_hours_that_give_it() -> None:
    known = history(record("D01", date(2026, 6, 1), quantity=20))
    steps = {s.indicator: s for s in steps_towards(known, 1)}
    assert steps["D01"].sentence == "参加志愿服务 2 小时"
    assert (steps["D01"].points, steps["D01"].reaches, steps["D01"].months) == (1, True, 1)


def test_what_suffices_alone_comes_first_and_the_soonest_of_it() -> None:
    steps = steps_towards(history(), 10)
    assert steps[0].reaches
    flags = [s.reaches for s in steps]
    assert flags == sorted(flags, reverse=True)
    months = [s.months for s in steps if s.reaches and s.kind is StepKind.DO]
    assert months == sorted(months)  # type: ignore[type-var]


def test_where_nothing_suffices_each_step_says_what_it_gives() -> None:
    steps = steps_towards(history(), 400)
    assert steps
    assert not any(s.reaches for s in steps)
    assert max(s.points for s in steps) == 60


def test_nobody_is_told_to_give_money_or_blood_or_private_facts() -> None:
    told = {s.indicator for s in steps_towards(history(), 400)}
    assert not told & {"D05", "D06", "A04", "E01", "E03"}


def test_paying_on_time_is_suggested_only_to_those_who_do_it_already() -> None:
    assert "C01" not in {s.indicator for s in steps_towards(history(), 5)}
    steps = {s.indicator: s for s in steps_towards(history(record("C01", date(2026, 10, 1), quantity=3)), 5)}
    assert (steps["C01"].sentence, steps["C01"].months) == ("继续按期缴纳社会保险 5 个月", 5)


def test_waiting_is_told_with_its_day() -> None:
    known = history(record("B01", date(2026, 5, 20)))
    (wait,) = (s for s in steps_towards(known, 2) if s.kind is StepKind.WAIT)
    assert wait.reaches
    assert wait.on is not None
    assert score(known.records, rulebook(), wait.on).total - known.score().total >= 2


@pytest.mark.parametrize(
    ("severity", "on", "words"),
    [("一般", date(2026, 6, 1), "2026-09-01 起可以"), ("一般", date(2026, 1, 5), "现在就可以")],
)
def test_a_negative_record_may_be_repaired_after_it_has_been_shown_long_enough(
    severity: str, on: date, words: str
) -> None:
    (step,) = (
        s
        for s in steps_towards(history(record("B14", on, severity=severity)), 1)
        if s.kind is StepKind.REPAIR
    )
    assert words in step.sentence
    assert "信用中国" in step.sentence
    assert step.points == 20


@given(histories, consents, st.integers(1, 60))
def test_a_step_gives_what_score_says_and_no_fewer_units_would_do(
    records: list[Record], agreed: frozenset[str], gap: int
) -> None:
    known = History(records, rulebook(), TODAY, agreed)
    total = known.score().total
    for step in steps_towards(known, gap):
        assert step.points > 0
        assert step.reaches == (step.points >= gap)
        if step.kind is StepKind.DO and step.reaches and step.indicator != "A01":
            assert step.indicator is not None
            units = int(step.sentence.split(" ")[1])
            assert known.with_deeds([Deed(step.indicator, units)]).total - total == step.points
            if units > 1:
                assert known.with_deeds([Deed(step.indicator, units - 1)]).total - total < gap
