"""Records as columns: what departments have stated about the residents of one block."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

import numpy as np

from haihe.demo.habits import HABITS, NEGATIVE, Habit
from haihe.demo.people import NEVER, Residents
from haihe.demo.plan import Plan
from haihe.domain.records import RecordState, Severity

TOPIC = 2
DAYS_A_MONTH = 30.4375
CODES = tuple(h.code for h in HABITS)
SOURCES = tuple(h.source for h in HABITS)
LEVELS = (None, *dict.fromkeys(name for h in HABITS for name, _odds in h.levels))
SEVERITIES = (None, *(s.value for s in Severity))
STATES = tuple(s.value for s in RecordState)
SLOWEST_REPORT_DAYS = 20


@dataclass(frozen=True, slots=True)
class Records:
    """One block, ordered by resident. `resident` counts within the block; codes, levels and the like are numbers
    into CODES, LEVELS, SEVERITIES and STATES; `valid_to` is NaT where there is no last day."""

    resident: np.ndarray
    habit: np.ndarray
    occurred: np.ndarray
    received: np.ndarray
    quantity: np.ndarray
    level: np.ndarray
    severity: np.ndarray
    valid_to: np.ndarray
    state: np.ndarray

    def __len__(self) -> int:
        return len(self.resident)


def records_of(plan: Plan, residents: Residents, block: int) -> Records:
    """The records of one block's residents."""
    chance = plan.chance(TOPIC, block)
    circles = _circles(residents, chance)
    parts = [_records_by(n, habit, circles, residents, plan, chance) for n, habit in enumerate(HABITS)]
    columns = {f.name: np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(Records)}
    order = np.lexsort((columns["occurred"], columns["resident"]))
    return Records(**{name: column[order] for name, column in columns.items()})


def _circles(residents: Residents, chance: np.random.Generator) -> Mapping[str, np.ndarray]:
    """The circles of people that habits speak of. That somebody is under age is seen to by `from_age`."""
    joined = residents.joined_days != NEVER
    everyone = np.ones(len(residents), dtype=bool)
    return {
        "adults": everyone,
        "readers": everyone,
        "households": chance.random(len(residents)) < np.where(residents.working, 0.78, 0.58),
        "joined": joined,
        "working": residents.working,
        "driving": residents.driving,
        "drivers_joined": residents.driving & joined,
        "patients": residents.medical,
        "donors": residents.blood,
    }


def _records_by(
    number: int,
    habit: Habit,
    circles: Mapping[str, np.ndarray],
    residents: Residents,
    plan: Plan,
    chance: np.random.Generator,
) -> Records:
    odds = np.log(habit.share / (1 - habit.share)) + habit.lean * residents.diligence
    holds = circles[habit.who] & (chance.random(len(residents)) < 1 / (1 + np.exp(-odds)))
    holders = np.flatnonzero(holds)
    times = 1 + chance.choice(len(habit.times), size=len(holders), p=np.array(habit.times) / sum(habit.times))
    resident = np.repeat(holders, times)
    days_ago = _days_ago(habit, times, chance)
    reference = np.datetime64(plan.reference)
    occurred = reference - days_ago
    count = len(resident)
    reported = np.minimum(days_ago, chance.integers(1, SLOWEST_REPORT_DAYS + 1, count))
    low, high = habit.quantity
    records = Records(
        resident=resident.astype(np.int32),
        habit=np.full(count, number, dtype=np.int8),
        occurred=occurred,
        received=occurred + reported,
        quantity=chance.integers(low, high + 1, count).astype(np.int16),
        level=_levels(habit, count, chance),
        severity=np.full(count, SEVERITIES.index(habit.severity), dtype=np.int8),
        valid_to=_last_days(habit, occurred, chance),
        state=_states(habit, count, chance),
    )
    # Nothing is stated of anybody before the age at which it could have happened.
    old_enough = (occurred - residents.birth[resident]).astype(np.int64) >= habit.from_age * 365.25
    return Records(**{f.name: getattr(records, f.name)[old_enough] for f in fields(Records)})


def _days_ago(habit: Habit, times: np.ndarray, chance: np.random.Generator) -> np.ndarray:
    """When it happened. What comes regularly goes back in even steps from a day of each person's own."""
    nearest, farthest = (m * DAYS_A_MONTH for m in habit.months)
    count = int(times.sum())
    if habit.every is None:
        return np.floor(chance.uniform(nearest, farthest, count)).astype(np.int64)
    turn = np.arange(count) - np.repeat(np.cumsum(times) - times, times)
    start = np.repeat(chance.uniform(nearest, farthest, len(times)), times)
    return np.floor(start + turn * habit.every * DAYS_A_MONTH).astype(np.int64)


def _levels(habit: Habit, count: int, chance: np.random.Generator) -> np.ndarray:
    if not habit.levels:
        return np.zeros(count, dtype=np.int8)
    numbers = [LEVELS.index(name) for name, _odds in habit.levels]
    odds = [o for _name, o in habit.levels]
    return chance.choice(numbers, size=count, p=np.array(odds) / sum(odds)).astype(np.int8)


def _last_days(habit: Habit, occurred: np.ndarray, chance: np.random.Generator) -> np.ndarray:
    """Records with a last day get one between a month and four years on, so that some are over and some run."""
    days = chance.integers(30, 1460, len(occurred))
    ends = chance.random(len(occurred)) < habit.ended
    return np.where(ends, occurred + days, np.datetime64("NaT", "D"))


def _states(habit: Habit, count: int, chance: np.random.Generator) -> np.ndarray:
    """Most records stand; some negative ones have been repaired or are disputed, a few others were taken back."""
    names = (RecordState.EFFECTIVE, RecordState.REPAIRED, RecordState.DISPUTED, RecordState.WITHDRAWN)
    odds = (0.80, 0.14, 0.03, 0.03) if habit.code in NEGATIVE else (0.995, 0.0, 0.0, 0.005)
    return chance.choice([STATES.index(n) for n in names], size=count, p=odds).astype(np.int8)
