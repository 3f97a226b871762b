"""Residents as columns: where they live, when they were born, whether they joined, and what sort of life they lead."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from haihe.demo.births import Births
from haihe.demo.plan import Plan, districts
from haihe.domain.dates import add_months
from haihe.domain.facts import ADULT_AGE

NEVER = -1
# Seventy adults in a hundred have joined; fewer of the old, who are served at the counter too.
JOINED_SHARE, JOINED_SHARE_OLD, OLD = 0.77, 0.50, 60
LONGEST_JOINED_DAYS = 600
TOPIC = 1


@dataclass(frozen=True, slots=True)
class Residents:
    """One block. `joined_days` is how many days ago somebody joined, NEVER for those who did not.

    `diligence`, `working` and `driving` are stored nowhere: they only make one person's records hang together.
    """

    first: int
    district: np.ndarray
    birth: np.ndarray
    sequence: np.ndarray
    joined_days: np.ndarray
    medical: np.ndarray
    blood: np.ndarray
    diligence: np.ndarray
    working: np.ndarray
    driving: np.ndarray

    def __len__(self) -> int:
        return len(self.birth)

    def names(self) -> list[str]:
        """Names that nobody could take for a person's: 河西居民00123."""
        short = districts().short_names
        numbers = range(self.first + 1, self.first + len(self) + 1)
        return [f"{short[d]}居民{n:05d}" for d, n in zip(self.district.tolist(), numbers, strict=True)]


def residents_of(plan: Plan, births: Births, block: int, first: int, count: int) -> Residents:
    """The residents of one block."""
    chance = plan.chance(TOPIC, block)
    birth, sequence = births.of(first, count)
    came_of_age = np.datetime64(add_months(plan.reference, -12 * ADULT_AGE))
    days_of_age = (came_of_age - birth).astype(np.int64)
    adult = days_of_age >= 0
    years = days_of_age / 365.2425 + ADULT_AGE
    diligence = chance.standard_normal(count)
    joins = adult & (chance.random(count) < np.where(years < OLD, JOINED_SHARE, JOINED_SHARE_OLD))
    days = 1 + np.floor(LONGEST_JOINED_DAYS * chance.random(count) ** 1.5).astype(np.int64)
    joined_days = np.where(joins, np.minimum(days, np.maximum(days_of_age, 0)), NEVER)
    works = np.select([years < 22, years < 55, years < 60, years < 68], [0.35, 0.86, 0.66, 0.14], 0.02)
    drives = np.select([years < 25, years < 55, years < 70], [0.35, 0.58, 0.35], 0.05)
    # Each district gets its share of the block exactly; chance only decides who lives where.
    place = (chance.permutation(count) + chance.random(count)) / count
    return Residents(
        first=first,
        district=_district_at(place),
        birth=birth,
        sequence=sequence,
        joined_days=joined_days,
        medical=joins & (chance.random(count) < 0.30),
        blood=joins & (chance.random(count) < 0.10),
        diligence=diligence,
        working=adult & (chance.random(count) < works),
        driving=adult & (chance.random(count) < drives),
    )


def _district_at(place: np.ndarray) -> np.ndarray:
    shares = districts().shares
    found = np.searchsorted(np.cumsum(shares), place, side="right")
    return np.minimum(found, len(shares) - 1).astype(np.int8)
