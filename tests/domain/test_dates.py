"""Months are counted as the Civil Code counts them, to the corresponding day or the last day of the month."""

from __future__ import annotations

import calendar
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haihe.domain.dates import (
    ONE_DAY,
    add_months,
    age_on,
    earliest_start,
    full_months,
    latest_day_come_round,
    latest_start,
)

dates = st.dates(date(1900, 1, 1), date(2100, 12, 31))
months = st.integers(0, 600)


@pytest.mark.parametrize(
    ("start", "added", "end"),
    [
        (date(2024, 2, 29), 12, date(2025, 2, 28)),
        (date(2024, 2, 29), 48, date(2028, 2, 29)),
        (date(2026, 1, 31), 1, date(2026, 2, 28)),
        (date(2024, 1, 31), 1, date(2024, 2, 29)),
        (date(2026, 1, 31), 3, date(2026, 4, 30)),
        (date(2026, 12, 15), 1, date(2027, 1, 15)),
        (date(2026, 3, 31), -1, date(2026, 2, 28)),
        (date(2000, 2, 29), 1200, date(2100, 2, 28)),
        (date(2026, 6, 15), 0, date(2026, 6, 15)),
    ],
)
def test_the_corresponding_day_is_the_last_day_of_a_month_that_has_none(
    start: date, added: int, end: date
) -> None:
    assert add_months(start, added) == end


@given(dates, months)
def test_the_corresponding_day_lies_in_the_right_month(start: date, added: int) -> None:
    end = add_months(start, added)
    assert (end.year - start.year) * 12 + end.month - start.month == added
    assert end.day == min(start.day, calendar.monthrange(end.year, end.month)[1])


@given(dates, months)
def test_counting_full_months_undoes_adding_them(start: date, added: int) -> None:
    assert full_months(start, add_months(start, added)) == added


@given(dates, months.filter(bool))
def test_one_day_before_the_corresponding_day_a_month_is_missing(start: date, added: int) -> None:
    assert full_months(start, add_months(start, added) - ONE_DAY) == added - 1


@given(dates, st.integers(0, 20000))
def test_the_day_lies_between_two_corresponding_days(start: date, days: int) -> None:
    end = start + timedelta(days)
    full = full_months(start, end)
    assert add_months(start, full) <= end < add_months(start, full + 1)


@given(dates, months, months)
def test_more_months_never_end_earlier(start: date, fewer: int, more: int) -> None:
    fewer, more = sorted((fewer, more))
    assert add_months(start, fewer) <= add_months(start, more)


@given(dates, st.integers(1, 1000))
def test_no_month_has_passed_before_the_start(start: date, days: int) -> None:
    assert full_months(start, start - timedelta(days)) == 0


@pytest.mark.parametrize(
    ("birth", "on", "age"),
    [
        (date(2008, 6, 16), date(2026, 6, 15), 17),
        (date(2008, 6, 15), date(2026, 6, 15), 18),
        (date(2008, 2, 29), date(2026, 2, 27), 17),
        (date(2008, 2, 29), date(2026, 2, 28), 18),
        (date(2008, 2, 29), date(2028, 2, 28), 19),
        (date(2008, 2, 29), date(2028, 2, 29), 20),
    ],
)
def test_somebody_is_a_year_older_on_the_birthday(birth: date, on: date, age: int) -> None:
    assert age_on(birth, on) == age


# Month ends and leap days are where the bounds could be off by one, so half of the days are drawn from them.
ends = st.builds(
    lambda day, off: day.replace(day=calendar.monthrange(day.year, day.month)[1]) + timedelta(off),
    dates,
    st.integers(-3, 3),
)
any_day = st.one_of(dates, ends)


@given(any_day, months)
def test_a_period_reaches_a_day_exactly_from_the_earliest_start_on(on: date, length: int) -> None:
    start = earliest_start(length, on)
    assert add_months(start, length) >= on > add_months(start - ONE_DAY, length)


@given(any_day, months)
def test_so_many_months_are_full_exactly_up_to_the_latest_start(on: date, length: int) -> None:
    start = latest_start(length, on)
    assert add_months(start, length) <= on < add_months(start + ONE_DAY, length)


@given(any_day, any_day)
def test_full_months_can_be_counted_from_years_months_and_days_alone(start: date, on: date) -> None:
    months_between = (on.year - start.year) * 12 + on.month - start.month
    assert full_months(start, on) == max(months_between - (start.day > latest_day_come_round(on)), 0)


def test_a_window_longer_than_the_calendar_reaches_back_to_its_first_day() -> None:
    assert earliest_start(24_312, date(2026, 12, 31)) == date.min
    assert earliest_start(24_311, date(2026, 12, 31)) == date(1, 1, 31)
    assert latest_start(99_999, date(2026, 2, 28)) == date.min
