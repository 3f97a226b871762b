"""Births and identity numbers that belong to nobody, unique by construction however many residents there are.

A number has room for a thousand people born on one day. So the births are laid out day by day beforehand, and the n-th
resident takes the place that a fixed permutation gives: any block can be made alone, without asking who else was born
that day. Area code 120100 is the city's own and was never given to a person.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from haihe.demo.plan import Plan
from haihe.domain.dates import add_months

OLDEST = 95
AREA = "120100"
# Sequences from here on are kept for residents made by hand.
RESERVED_SEQUENCE = 900
# Roughly the census of 2020, in percent: 0–4, 5–9, … 85–89, 90–95 years.
SHARE_BY_AGE = (4.0, 5.0, 4.5, 4.5, 5.6, 6.4, 9.6, 9.2, 7.0, 6.6, 7.6, 7.6, 7.0, 6.4, 4.0, 2.4, 1.6, 0.8, 0.2)
GOLDEN = (math.sqrt(5) - 1) / 2
WEIGHTS = np.array((7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2), dtype=np.int64)
CHECKS = np.array(list("10X98765432"))


@dataclass(frozen=True, slots=True)
class Births:
    """The days on which somebody was born and how many people were born up to the end of each."""

    days: np.ndarray
    upto: np.ndarray
    step: int
    offset: int

    def of(self, first: int, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Birth date and sequence on that date, for so many residents from the `first`."""
        residents = int(self.upto[-1])
        place = (np.arange(first, first + count, dtype=np.int64) * self.step + self.offset) % residents
        day = np.searchsorted(self.upto, place, side="right")
        before = np.where(day > 0, self.upto[day - 1], 0)
        return self.days[day], (place - before).astype(np.int16)


def births(plan: Plan) -> Births:
    """Lay out the births of a city: every age from 0 to 95 is there, in the census's proportions."""
    counts = _people_by_age(plan.residents)
    days, born = [], []
    for age in range(OLDEST, -1, -1):
        first = add_months(plan.reference, -12 * (age + 1)) + timedelta(days=1)
        last = add_months(plan.reference, -12 * age)
        span = (last - first).days + 1
        ends = np.arange(1, span + 1, dtype=np.int64) * counts[age] // span
        days.append(np.datetime64(first) + np.arange(span))
        born.append(np.diff(ends, prepend=0))
    a_day = np.concatenate(born)
    if a_day.max() > RESERVED_SEQUENCE:
        raise ValueError("too many residents for one birth date; an identity number has room for 1000 a day")
    step = max(1, round(plan.residents * GOLDEN))
    while math.gcd(step, plan.residents) != 1:
        step += 1
    offset = int(np.random.default_rng([plan.seed, 0]).integers(plan.residents))
    return Births(np.concatenate(days), np.cumsum(a_day), step, offset)


def id_numbers(birth: np.ndarray, sequence: np.ndarray) -> np.ndarray:
    """Identity numbers under 120100 with a right checksum, as a column of text."""
    days = np.datetime_as_string(birth.astype("datetime64[D]"))
    body = np.char.add(
        np.char.add(AREA, np.char.replace(days, "-", "")), np.char.zfill(sequence.astype("U3"), 3)
    )
    digits = body.astype("U17").view("U1").reshape(len(body), 17).astype(np.int64)
    return np.char.add(body, CHECKS[digits @ WEIGHTS % 11])


def id_number(prefix: str, birth: date, sequence: int) -> str:
    """One number by hand, under any six-character prefix."""
    body = f"{prefix}{birth:%Y%m%d}{sequence:03d}"
    return body + str(CHECKS[sum(int(d) * int(w) for d, w in zip(body, WEIGHTS, strict=True)) % 11])


def _people_by_age(residents: int) -> np.ndarray:
    """Whole people for every age, at least one each; what rounding leaves over goes to the largest remainders."""
    ages = OLDEST + 1
    if residents < ages:
        raise ValueError(f"a city needs at least {ages} residents, one of every age")
    share = np.array([SHARE_BY_AGE[min(age // 5, len(SHARE_BY_AGE) - 1)] for age in range(ages)])
    exact = share / share.sum() * (residents - ages)
    counts = np.floor(exact).astype(np.int64)
    left = residents - ages - int(counts.sum())
    counts[np.argsort(counts - exact, kind="stable")[:left]] += 1
    return counts + 1
