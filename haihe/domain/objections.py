"""异议: a resident says that a record is wrong. From that moment it does not count; the department has its working days.

The clocks are the city's defaults: two working days to take it up, five to answer, once five more for a stated reason;
a warning when four fifths of the time have passed.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import lru_cache

from haihe.domain.working_days import add_working_days, working_days_between

TAKE_UP_DAYS = 2
ANSWER_DAYS = 5
EXTENSION_DAYS = 5
WARN_AT = 0.8


class ObjectionState(StrEnum):
    """处理中、维持原记录、已更正、已撤销该记录、本人撤回."""

    OPEN = "OPEN"
    UPHELD = "UPHELD"
    CORRECTED = "CORRECTED"
    REMOVED = "REMOVED"
    TAKEN_BACK = "TAKEN_BACK"


STATE_WORDS = {
    ObjectionState.OPEN: "处理中，该记录暂不计分",
    ObjectionState.UPHELD: "经核实，记录无误，恢复计分",
    ObjectionState.CORRECTED: "经核实，记录有误，已更正",
    ObjectionState.REMOVED: "经核实，记录不应存在，已撤销",
    ObjectionState.TAKEN_BACK: "您已撤回异议，该记录恢复计分",
}
# What an officer may answer.
ANSWERS = (ObjectionState.UPHELD, ObjectionState.CORRECTED, ObjectionState.REMOVED)


@dataclass(frozen=True, slots=True)
class Clock:
    """By when somebody is to take an objection up and by when it is to be answered, and how much of that time has gone.

    From the warning on it is everybody's: it has been escalated.
    """

    take_up_by: date
    answer_by: date
    days_left: int
    warning: bool
    overdue: bool


@lru_cache(maxsize=4096)
def clock(filed_on: date, extended: bool, on: date) -> Clock:
    """The clock of an open objection on a day."""
    days = ANSWER_DAYS + (EXTENSION_DAYS if extended else 0)
    answer_by = add_working_days(filed_on, days)
    gone = working_days_between(filed_on, on)
    take_up_by = add_working_days(filed_on, TAKE_UP_DAYS)
    return Clock(take_up_by, answer_by, max(days - gone, 0), gone >= days * WARN_AT, on > answer_by)
