"""A copy gives back exactly the facts it was made of, or says that it is none."""

from __future__ import annotations

import base64
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from haihe.cache.copy import ResidentCopy, pack, tombstone, unpack
from haihe.domain.districts import DISTRICTS
from haihe.domain.facts import Facts
from haihe.domain.links import StandingLink
from tests.domain.published import rulebook

BOOK = rulebook()
TODAY = date(2026, 11, 20)
NOON = datetime(2026, 11, 20, 4, tzinfo=UTC)
NO_ORDERS: dict[str, Any] = {
    count: {} for count in ("running", "this_month", "this_year", "no_shows", "at_merchant")
}
COUNTS = st.dictionaries(st.sampled_from(["XYZ-01", "XYZ-07", "XYZ-16"]), st.integers(1, 60), max_size=3)
AT_MERCHANT = st.dictionaries(
    st.sampled_from(["XYZ-01", "XYZ-07", "XYZ-16"]),
    st.dictionaries(st.integers(1, 3), st.tuples(*[st.integers(0, 60)] * 3), min_size=1, max_size=3),
    max_size=3,
)


@st.composite
def facts(draw: st.DrawFn) -> Facts:
    total = draw(st.none() | st.integers(0, 1000))
    caps = {d.code: d.cap for d in BOOK.dimensions}
    return Facts(
        joined=draw(st.booleans()),
        birth_date=draw(st.dates(date(1900, 1, 1), TODAY)),
        district=draw(st.none() | st.sampled_from(sorted(DISTRICTS))),
        points=total,
        grade=None if total is None else BOOK.grade_of(total).code,
        dimensions=None if total is None else {c: draw(st.integers(0, cap)) for c, cap in caps.items()},
        listed=frozenset(draw(st.sets(st.sampled_from(BOOK.negative_codes)))),
        sensitive_consents=frozenset(draw(st.sets(st.sampled_from(BOOK.sensitive_classes)))),
        stated=draw(st.dictionaries(st.sampled_from(sorted(BOOK.fact_by_code)), st.booleans())),
        running=draw(COUNTS),
        this_month=draw(COUNTS),
        this_year=draw(COUNTS),
        no_shows=draw(COUNTS),
        at_merchant=draw(AT_MERCHANT),
    )


MOMENTS = st.datetimes(datetime(2020, 1, 1), datetime(2090, 1, 1)).map(  # noqa: DTZ001 - the zone follows
    lambda moment: moment.replace(tzinfo=UTC, microsecond=0)
)
LINKS = st.builds(
    StandingLink,
    pairwise_id=st.binary(min_size=16, max_size=16).map(
        lambda block: base64.urlsafe_b64encode(block).decode().rstrip("=")
    ),
    merchant_id=st.integers(1, 2**31 - 1),
    until_ms=st.integers(0, 2**42),
    scenarios=st.frozensets(st.sampled_from(["XYZ-01", "XYZ-07"]), min_size=1),
)
COPIES = st.builds(
    ResidentCopy,
    version=st.integers(0, 2**63),
    made_at=MOMENTS,
    last_day=st.none() | st.dates(TODAY, date(2090, 1, 1)),
    facts=facts(),
    links=st.lists(LINKS, max_size=3).map(tuple),
)


@given(COPIES)
def test_what_is_packed_comes_back_the_same(copy: ResidentCopy) -> None:
    assert unpack(pack(copy, BOOK), BOOK, TODAY) == copy


@given(COPIES)
def test_a_copy_does_not_hold_after_its_last_day(copy: ResidentCopy) -> None:
    packed = pack(replace(copy, last_day=TODAY), BOOK)

    assert unpack(packed, BOOK, TODAY) is not None
    assert unpack(packed, BOOK, TODAY + timedelta(days=1)) is None


@given(COPIES)
def test_a_copy_made_under_another_rulebook_is_none(copy: ResidentCopy) -> None:
    assert unpack(pack(copy, BOOK), replace(BOOK, version="HH-2027.1"), TODAY) is None


def test_facts_on_record_from_before_merchants_were_counted_are_read_and_are_no_copy_any_more() -> None:
    quiet = Facts(joined=True, birth_date=date(1990, 5, 4))
    earlier = pack(ResidentCopy(1, NOON, None, quiet), BOOK) + b'[["XYZ-07",1,2,3]]'

    assert unpack(earlier, BOOK, TODAY) is None
    found = unpack(earlier, BOOK, TODAY, on_record=True)
    assert found is not None
    assert found.facts == replace(
        quiet, running={"XYZ-07": 1}, this_month={"XYZ-07": 2}, this_year={"XYZ-07": 3}
    )


@given(COPIES)
def test_without_orders_a_copy_is_small(copy: ResidentCopy) -> None:
    quiet = replace(copy, links=(), facts=replace(copy.facts, **NO_ORDERS))

    assert len(pack(quiet, BOOK)) <= 48


def test_a_tombstone_is_no_copy() -> None:
    assert unpack(tombstone(7), BOOK, TODAY) is None
