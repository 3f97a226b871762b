"""What makes one city: how many people live in it, by which seed, as of which day, and in which districts."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from pathlib import Path

import numpy as np

DISTRICTS_FILE = Path(__file__).parent.parent / "data" / "districts.csv"
BLOCK = 10_000


@dataclass(frozen=True, slots=True)
class Plan:
    """The same plan always gives the same city, block by block, in whatever order the blocks are made.

    `reference` is the day on which the city is as it is: every date in it is counted from there.
    """

    residents: int
    seed: int
    reference: date

    def blocks(self) -> Iterator[tuple[int, int, int]]:
        """(number of the block, its first resident, how many residents it has)."""
        for block, first in enumerate(range(0, self.residents, BLOCK)):
            yield block, first, min(BLOCK, self.residents - first)

    def chance(self, topic: int, block: int) -> np.random.Generator:
        """A source of chance for one topic of one block, so that no block waits for another."""
        return np.random.default_rng([self.seed, topic, block])


@dataclass(frozen=True, slots=True)
class Districts:
    """The sixteen districts with their shares of the census population of 2020."""

    codes: tuple[str, ...]
    short_names: tuple[str, ...]
    shares: np.ndarray


@lru_cache(maxsize=1)
def districts() -> Districts:
    """The districts, in the order of their codes. Short names leave out 区, as people do: 河西, 滨海."""
    with DISTRICTS_FILE.open(encoding="utf-8") as file:
        rows = sorted(csv.DictReader(file), key=lambda row: row["code"])
    population = np.array([int(row["population_2020"]) for row in rows], dtype=np.float64)
    return Districts(
        codes=tuple(row["code"] for row in rows),
        short_names=tuple(row["name"].removesuffix("区").removesuffix("新") for row in rows),
        shares=population / population.sum(),
    )
