"""Periods as the Civil Code counts them (民法典 第二百零一、二百零二条).

A period of months starts the day after the event and ends on the corresponding day; where the month has no such day,
on its last day. So 24 months from 2024-02-29 end with 2026-02-28, and that day still counts.
"""

from __future__ import annotations

import calendar
from datetime import date, timedelta

ONE_DAY = timedelta(days=1)
SHORTEST_MONTH = 28


def add_months(day: date, months: int) -> date:
    """The corresponding day `months` later (or earlier), or the last day of a month that has none."""
    index = day.year * 12 + day.month - 1 + months
    year, month = divmod(index, 12)
    month += 1
    if day.day <= SHORTEST_MONTH:
        return date(year, month, day.day)
    return date(year, month, min(day.day, calendar.monthrange(year, month)[1]))


def full_months(start: date, end: date) -> int:
    """How many whole months have passed from `start` to `end`; never below zero."""
    months = (end.year - start.year) * 12 + end.month - start.month
    if add_months(start, months) > end:
        months -= 1
    return max(months, 0)


def age_on(birth: date, on: date) -> int:
    """Full years of age. One born on 29 February comes of age on 28 February of a common year, as add_months has it."""
    return full_months(birth, on) // 12
