"""How orders count for their residents on a day: the one query behind a single resident's facts and the whole city's."""

from __future__ import annotations

from datetime import date

from sqlalchemy import ColumnElement, Date, Integer, Select, cast, func, literal, select

from haihe.domain.dates import quarter_of
from haihe.storage.decisions import COUNTED, RUNNING, Order


def counted_orders(on: date) -> Select[tuple[int, str, int, int, int, int, int]]:
    """For each resident, scenario and merchant: orders running now, begun in the calendar month and in the year of `on`,
    and bookings of its quarter that were let lapse; no row where there are none."""
    opened = Order.opened_on
    in_year = COUNTED & opened.between(_day(date(on.year, 1, 1)), _day(date(on.year, 12, 31)))
    in_month = in_year & (func.date_part("month", opened) == on.month)
    missed = lapsed(on)
    return (
        select(
            Order.resident_id,
            Order.scenario,
            Order.merchant_id,
            _counted(RUNNING, "running"),
            _counted(in_month, "this_month"),
            _counted(in_year, "this_year"),
            _counted(missed, "no_shows"),
        )
        .where(RUNNING | in_year | missed)
        .group_by(Order.resident_id, Order.scenario, Order.merchant_id)
    )


def lapsed(on: date) -> ColumnElement[bool]:
    """A booking of this quarter to which nobody came, which has been announced and is not disputed."""
    first, last = quarter_of(on)
    return (
        Order.no_show_counts & Order.disputed_at.is_(None) & Order.no_show_on.between(_day(first), _day(last))
    )


def _day(day: date) -> ColumnElement[date]:
    return cast(literal(day), Date)


def _counted(condition: ColumnElement[bool], name: str) -> ColumnElement[int]:
    return cast(func.count().filter(condition), Integer).label(name)
