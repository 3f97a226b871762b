"""工作日: the State Council's holiday calendar with 调休, so that a Saturday that is worked counts and a holiday does not.

For a year whose arrangement has not been announced yet (they come each November) the statutory holidays and the weekends
are what there is; a clock that runs into it may then end a day or two off, and is never stored, only computed.
"""

from __future__ import annotations

from datetime import date
from functools import lru_cache

from holidays import HolidayBase, country_holidays

from haihe.domain.dates import ONE_DAY


@lru_cache(maxsize=1)
def _calendar() -> HolidayBase:
    return country_holidays("CN")


def is_working_day(day: date) -> bool:
    """Whether offices in China work on that day."""
    return _calendar().is_working_day(day)


def add_working_days(day: date, count: int) -> date:
    """The `count`-th working day after `day`; the day itself is never counted."""
    while count > 0:
        day += ONE_DAY
        count -= is_working_day(day)
    return day


def working_days_between(start: date, end: date) -> int:
    """How many working days lie after `start`, up to and including `end`."""
    count, day = 0, start
    while day < end:
        day += ONE_DAY
        count += is_working_day(day)
    return count
