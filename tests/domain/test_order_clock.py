"""Reminders first, then the announcement, then the time to object; only then a record. A dispute stops the clocks."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

from haihe.domain.order_clock import (
    Due,
    Step,
    after_dispute,
    breach_counts_until,
    kept_in_time,
    next_step,
    overdue_counts_until,
)

# A Monday.
DUE = date(2026, 11, 23)


def walked(due: Due, until: date) -> list[tuple[Step, date]]:
    """What happens where somebody looks every day."""
    steps, day = [], due.due_on - timedelta(days=5)
    while day <= until:
        following = next_step(due)
        if following is not None and following[1] <= day:
            steps.append((following[0], day))
            due = replace(due, steps_done=due.steps_done + 1, last_step_on=day)
        day += timedelta(days=1)
    return steps


def test_the_steps_of_an_order_that_nobody_settles() -> None:
    assert walked(Due(DUE), date(2027, 3, 1)) == [
        (Step.REMIND_BEFORE, date(2026, 11, 22)),
        (Step.REMIND_ON_THE_DAY, DUE),
        (Step.REMIND_AFTER, date(2026, 11, 26)),
        (Step.ANNOUNCE_OVERDUE, date(2026, 12, 1)),
        # Five working days after Tuesday 1 December end with Tuesday the 8th.
        (Step.RECORD_OVERDUE, date(2026, 12, 9)),
    ]


def test_a_confirmed_breach_is_announced_after_thirty_days_and_recorded_after_the_time_to_object() -> None:
    steps = dict(walked(Due(DUE, breach_confirmed=True), date(2027, 3, 1)))
    assert steps[Step.ANNOUNCE_BREACH] == date(2026, 12, 24)
    assert steps[Step.RECORD_BREACH] > steps[Step.ANNOUNCE_BREACH] + timedelta(days=7)


def test_reminders_that_were_missed_are_made_up_for_one_a_day_before_anything_is_announced() -> None:
    due, day, steps = Due(DUE), date(2026, 12, 20), []
    for _ in range(4):
        following = next_step(due)
        assert following is not None
        assert following[1] <= day
        steps.append(following[0])
        due = replace(due, steps_done=due.steps_done + 1, last_step_on=day)
        assert next_step(due) is None or next_step(due)[1] > day  # type: ignore[index]
        day += timedelta(days=1)
    assert steps[-1] is Step.ANNOUNCE_OVERDUE


def test_a_national_holiday_is_no_time_to_object() -> None:
    announced = Due(date(2026, 9, 20), steps_done=4, last_step_on=date(2026, 9, 30))
    following = next_step(announced)
    assert following is not None
    # 1–7 October are off and Saturday the 10th is worked.
    assert following == (Step.RECORD_OVERDUE, date(2026, 10, 14))


def test_a_dispute_gives_its_days_back_and_announces_anew() -> None:
    announced = Due(DUE, steps_done=4, last_step_on=date(2026, 12, 1))
    after = after_dispute(announced, date(2026, 12, 2), date(2026, 12, 12))
    assert after == Due(date(2026, 12, 3), 3, date(2026, 12, 12))
    following = next_step(after)
    assert following is not None
    assert following[0] is Step.ANNOUNCE_OVERDUE
    assert following[1] == date(2026, 12, 13)


def test_kept_in_time_is_by_the_due_day() -> None:
    assert kept_in_time(DUE, DUE, 2)
    assert kept_in_time(DUE, None, 0)
    assert not kept_in_time(DUE + timedelta(days=1), DUE, 2)
    assert not kept_in_time(DUE, DUE, 5)


def test_what_was_recorded_ends_with_the_settlement_or_three_months_later() -> None:
    assert overdue_counts_until(date(2026, 12, 9)) == date(2026, 12, 8)
    assert breach_counts_until(date(2026, 11, 30)) == date(2027, 2, 28)
