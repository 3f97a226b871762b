"""Statements add up to the orders, to the fen, however the days are cut; and no cell of them acts."""

from __future__ import annotations

import csv
import io
import json
from collections import defaultdict
from datetime import date, datetime, time, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st

from haihe.domain.statements import (
    CAME_TO_NOTHING,
    FORMULA,
    Happened,
    LineKind,
    Stated,
    statement_lines,
    to_csv,
    to_json,
    yuan,
)

TIANJIN = timezone(timedelta(hours=8))
FIRST = date(2026, 11, 20)
MIDNIGHT = datetime.combine(FIRST, time.min, TIANJIN)


def happened(order: int, sequence: int, hours: int, total: int | None, state: str = "COMPLETED") -> Happened:
    return Happened(
        order, sequence, f"A-{order}", "XYZ-07", "complete", state, total, MIDNIGHT + timedelta(hours=hours)
    )


LIVES = st.lists(
    st.lists(
        st.tuples(
            st.integers(0, 40),
            st.one_of(st.none(), st.integers(0, 10**9)),
            st.sampled_from(["DOING", "COMPLETED", "REVOKED"]),
        ),
        max_size=5,
    ),
    max_size=5,
)


@given(LIVES)
def test_over_all_days_the_changes_of_an_order_add_up_to_what_it_came_to(
    lives: list[list[tuple[int, int | None, str]]],
) -> None:
    events, came_to = [], {}
    for order, life in enumerate(lives):
        hours = 0
        for sequence, (wait, total, state) in enumerate(life, 1):
            hours += wait
            events.append(happened(order, sequence, hours, total, state))
            came_to[order] = 0 if total is None or state in CAME_TO_NOTHING else total

    stated: dict[int, Stated] = {}
    sums: defaultdict[int, int] = defaultdict(int)
    days = 0
    for n in range(10):
        day, begins = FIRST + timedelta(days=n), MIDNIGHT + timedelta(days=n)
        todays = [e for e in events if begins <= e.at < begins + timedelta(days=1)]
        lines = statement_lines(day, begins, todays, stated)
        assert json.loads(to_json("店", day, lines))["totals"]["change_fen"] == sum(
            x.change_fen for x in lines
        )
        for line in lines:
            order = line.happened.order_id
            sums[order] += line.change_fen
            first = stated.get(order, Stated()).first_day
            stated[order] = Stated(sums[order], first or (day if line.change_fen else None))
            days += 1

    assert {o: sums[o] for o in came_to} == came_to
    assert days == len(events)


def test_a_correction_names_the_day_that_said_otherwise() -> None:
    day = FIRST + timedelta(days=1)
    lines = statement_lines(
        day,
        MIDNIGHT + timedelta(days=1),
        [happened(1, 3, 30, 800), happened(2, 1, 31, 500), happened(3, 2, 5, 100)],
        {1: Stated(1000, FIRST), 3: Stated()},
    )

    assert [(x.happened.order_id, x.change_fen, x.kind, x.original_day, x.late) for x in lines] == [
        (3, 100, LineKind.ORDINARY, None, True),
        (1, -200, LineKind.CORRECTION, FIRST, False),
        (2, 500, LineKind.ORDINARY, None, False),
    ]


def test_a_day_without_orders_has_headings_and_totals_of_nothing() -> None:
    assert len(to_csv([]).decode("utf-8-sig").splitlines()) == 1
    assert json.loads(to_json("店", FIRST, []))["totals"] == {"lines": 0, "corrections": 0, "change_fen": 0}


@given(st.text(max_size=12))
def test_no_cell_of_the_file_is_a_formula_and_the_numbers_read_back(name: str) -> None:
    event = Happened(1, 1, name, "XYZ-07", "complete", "COMPLETED", 700, MIDNIGHT)
    content = to_csv(statement_lines(FIRST, MIDNIGHT, [event], {1: Stated(1000, FIRST - timedelta(days=1))}))

    assert content.startswith(b"\xef\xbb\xbf")
    rows = list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")))
    assert not rows[1][1].startswith(FORMULA) or rows[1][1].removeprefix("-").replace(".", "").isdigit()
    assert rows[1][6:10] == ["700", "7.00", "-300", "-3.00"]


@given(st.integers(-(10**12), 10**12))
def test_yuan_say_exactly_what_the_fen_say(fen: int) -> None:
    assert int(yuan(fen).replace(".", "")) == fen
