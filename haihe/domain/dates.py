"""Periods as the Civil Code counts them (民法典 第二百零一、二百零二条).

A period of months starts the day after the event and ends on the corresponding day; where the month has no such day,
on its last day. So 24 months from 2024-02-29 end with 2026-02-28, and that day still counts.
"""

from __future__ import annotations

import calendar
from datetime import date, timedelta

# After so many days people name the date rather than count the days.
LONGEST_COUNTED_DAYS = 30
ONE_DAY = timedelta(days=1)
SHORTEST_MONTH = 28
LONGEST_MONTH = 31


def add_months(day: date, months: int) -> date:
    """The corresponding day `months` later (or earlier), or the last day of a month that has none."""
    index = day.year * 12 + day.month - 1 + months
    year, month = divmod(index, 12)
    month += 1
    if day.day <= SHORTEST_MONTH:
        return date(year, month, day.day)
    return date(year, month, min(day.day, calendar.monthrange(year, month)[1]))


def quarter_of(day: date) -> tuple[date, date]:
    """The first and the last day of the calendar quarter."""
    first = date(day.year, (day.month - 1) // 3 * 3 + 1, 1)
    return first, add_months(first, 3) - ONE_DAY


def full_months(start: date, end: date) -> int:
    """How many whole months have passed from `start` to `end`; never below zero."""
    months = (end.year - start.year) * 12 + end.month - start.month
    if add_months(start, months) > end:
        months -= 1
    return max(months, 0)


def age_on(birth: date, on: date) -> int:
    """Full years of age. One born on 29 February comes of age on 28 February of a common year, as add_months has it."""
    return full_months(birth, on) // 12


# The same three questions turned round: for one fixed day, which starts are meant? The answer is a plain bound on the
# start, so that a whole column of starts can be compared with it and no month has to be counted.


def earliest_start(months: int, on: date) -> date:
    """The earliest day from which a period of so many months still includes `on`."""
    start = _months_before(on, months)
    if start is None:
        return date.min
    # Where the month is too short for the day, its own last day ends too early; the next day is a first, and ends late.
    return start if start.day == on.day else start + ONE_DAY


def latest_start(months: int, on: date) -> date:
    """The latest day from which so many whole months have passed by `on`."""
    start = _months_before(on, months)
    if start is None:
        return date.min
    # On the last day of a month every later day of an earlier month has come round too.
    if on.day == calendar.monthrange(on.year, on.month)[1]:
        return start.replace(day=calendar.monthrange(start.year, start.month)[1])
    return start


def latest_day_come_round(on: date) -> int:
    """The latest day of a month whose corresponding day in the month of `on` is not after `on`."""
    return LONGEST_MONTH if on.day == calendar.monthrange(on.year, on.month)[1] else on.day


def _months_before(on: date, months: int) -> date | None:
    """The corresponding day so many months before; None where that is before the calendar begins."""
    if months >= on.year * 12 + on.month - 12:
        return None
    return add_months(on, -months)


def ago(day: date, on: date) -> str:
    """How long ago a day was, as people say it: 今天, 昨天, 3 天前, and the date itself after a month."""
    days = (on - day).days
    if days <= 0:
        return "今天"
    if days == 1:
        return "昨天"
    return f"{days} 天前" if days <= LONGEST_COUNTED_DAYS else day.isoformat()
