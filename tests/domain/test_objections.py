"""Working days as the State Council arranges them, and the clock of an objection."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haihe.domain.objections import clock
from haihe.domain.working_days import add_working_days, is_working_day, working_days_between


@pytest.mark.parametrize(
    ("day", "worked"),
    [
        (date(2026, 10, 1), False),
        (date(2026, 10, 7), False),
        (date(2026, 10, 8), True),
        (date(2026, 10, 10), True),  # a Saturday that is worked (调休)
        (date(2026, 9, 20), True),  # a Sunday that is worked
        (date(2026, 11, 21), False),
        (date(2026, 11, 23), True),
    ],
)
def test_holidays_and_worked_weekends_are_as_announced(day: date, worked: bool) -> None:
    assert is_working_day(day) is worked


def test_five_working_days_over_the_national_holiday() -> None:
    assert add_working_days(date(2026, 9, 29), 5) == date(2026, 10, 12)


@given(st.dates(date(2026, 1, 1), date(2027, 6, 1)), st.integers(1, 20))
def test_adding_and_counting_agree(day: date, count: int) -> None:
    end = add_working_days(day, count)
    assert is_working_day(end)
    assert working_days_between(day, end) == count


def test_the_clock_warns_at_four_fifths_and_is_overdue_after_its_last_day() -> None:
    filed = date(2026, 11, 20)  # a Friday; the answer is due on the Friday after
    assert clock(filed, False, filed).answer_by == date(2026, 11, 27)
    states = [
        (c.days_left, c.warning, c.overdue)
        for c in (clock(filed, False, date(2026, 11, d)) for d in (20, 25, 26, 27, 28))
    ]
    assert states == [
        (5, False, False),
        (2, False, False),
        (1, True, False),
        (0, True, False),
        (0, True, True),
    ]


def test_an_extension_gives_five_working_days_more_once() -> None:
    assert clock(date(2026, 11, 20), True, date(2026, 11, 28)).answer_by == date(2026, 12, 4)
