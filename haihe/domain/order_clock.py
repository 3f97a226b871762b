"""订单的时限: until when an order is held, when the resident is reminded, and only after that, what counts.

Nothing counts against anybody before three reminders (the day before, the day itself, three days later), an announcement
of what will be recorded, and five working days to object. A dispute stops every clock.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from haihe.domain.dates import ONE_DAY, add_months
from haihe.domain.working_days import add_working_days

CONFIRM_WITHIN = timedelta(minutes=30)
LONGEST_HOLD = timedelta(days=30)
OVERDUE_AFTER_DAYS = 7
BREACH_AFTER_DAYS = 30
OBJECTION_DAYS = 5
DISPUTE_ANSWER_DAYS = 5
NO_SHOW_WITHIN = timedelta(days=3)
BREACH_KEPT_MONTHS = 3


class Step(StrEnum):
    """What the calendar does to an order that is due, one after another and never two on one day."""

    REMIND_BEFORE = "REMIND_BEFORE"
    REMIND_ON_THE_DAY = "REMIND_ON_THE_DAY"
    REMIND_AFTER = "REMIND_AFTER"
    ANNOUNCE_OVERDUE = "ANNOUNCE_OVERDUE"
    RECORD_OVERDUE = "RECORD_OVERDUE"
    ANNOUNCE_BREACH = "ANNOUNCE_BREACH"
    RECORD_BREACH = "RECORD_BREACH"


STEPS = tuple(Step)
# Counted from the day on which the thing is to be back, or the money paid.
FROM_DUE = {
    Step.REMIND_BEFORE: -1,
    Step.REMIND_ON_THE_DAY: 0,
    Step.REMIND_AFTER: 3,
    Step.ANNOUNCE_OVERDUE: OVERDUE_AFTER_DAYS + 1,
    Step.ANNOUNCE_BREACH: BREACH_AFTER_DAYS + 1,
}


@dataclass(frozen=True, slots=True)
class Due:
    """An order's standing with the calendar: the due day, how many steps are behind it, and the day of the last one."""

    due_on: date
    steps_done: int = 0
    last_step_on: date | None = None
    breach_confirmed: bool = False


def next_step(due: Due) -> tuple[Step, date] | None:
    """The next step and the first day for it; None where nothing more will come by itself.

    A step that was missed is made up for first: whoever was not reminded is reminded before anything is announced. A
    breach is announced only after the merchant has confirmed it.
    """
    if due.steps_done >= len(STEPS):
        return None
    step = STEPS[due.steps_done]
    if step is Step.ANNOUNCE_BREACH and not due.breach_confirmed:
        return None
    last = due.last_step_on
    if step in (Step.RECORD_OVERDUE, Step.RECORD_BREACH):
        # last_step_on is the day of the announcement.
        return step, add_working_days(last or due.due_on, OBJECTION_DAYS) + ONE_DAY
    day = due.due_on + timedelta(FROM_DUE[step])
    return step, day if last is None else max(day, last + ONE_DAY)


def after_dispute(due: Due, disputed_on: date, ended_on: date) -> Due:
    """The clocks go on where they stood: the days of the dispute are given back, an announcement is made anew."""
    done = due.steps_done
    if done and STEPS[done - 1] in (Step.ANNOUNCE_OVERDUE, Step.ANNOUNCE_BREACH):
        done -= 1
    shifted = due.due_on + (ended_on - disputed_on)
    return Due(shifted, done, ended_on if done else due.last_step_on, due.breach_confirmed)


def recorded_from(announced_on: date) -> date:
    """The day on which an announced record is made, unless the order is settled or disputed before."""
    return add_working_days(announced_on, OBJECTION_DAYS) + ONE_DAY


def breach_may_be_confirmed_on(due_on: date) -> date:
    """The first day on which a merchant may confirm a breach."""
    return due_on + timedelta(BREACH_AFTER_DAYS + 1)


def overdue_counts_until(settled_on: date) -> date:
    """An overdue order counts until it is settled, not on that day."""
    return settled_on - ONE_DAY


def breach_counts_until(settled_on: date) -> date:
    """A breach counts three months longer than it takes to settle it."""
    return add_months(settled_on, BREACH_KEPT_MONTHS)


def dispute_answer_by(disputed_on: date) -> date:
    """Until when the merchant should answer; as long as it does not, nothing counts against the resident."""
    return add_working_days(disputed_on, DISPUTE_ANSWER_DAYS)


def kept_in_time(settled_on: date, due_on: date | None, steps_done: int) -> bool:
    """按期履约: settled by the due day, with nothing recorded against it."""
    return (due_on is None or settled_on <= due_on) and steps_done <= STEPS.index(Step.RECORD_OVERDUE)
