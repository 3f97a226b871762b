"""积分分布: how many people have how many points before and after, without singling out a few."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from haihe.city.suppression import LEAST

BIN = 50


@dataclass(frozen=True, slots=True)
class Bin:
    """How many people have at least `at_least` and fewer than `below` points, before and after."""

    at_least: int
    below: int
    before: int
    after: int


def histogram(rows: Iterable[Mapping[str, Any]]) -> tuple[Bin, ...]:
    """The histogram from rows of `before`, `after` (numbers of bins) and `people`.

    Bins are joined rather than hidden, for the people above a bound are just those whom a grade or a scenario that asks
    for points reaches: a bound is drawn only where enough people are on either side of it, and enough have crossed it.
    """
    counted = list(rows)
    if not counted:
        return ()
    lowest = min(min(r["before"], r["after"]) for r in counted)
    end = max(max(r["before"], r["after"]) for r in counted) + 1
    bounds = [lowest]
    for bound in range(lowest + 1, end):
        if not _telling(_between(counted, bounds[-1], bound)) and not _crossing(counted, bound):
            bounds.append(bound)
    while len(bounds) > 1 and _telling(_between(counted, bounds[-1], end)):
        bounds.pop()
    bins = tuple(_between(counted, low, high) for low, high in pairwise((*bounds, end)))
    return () if _telling(bins[0]) else bins


def _between(rows: Iterable[Mapping[str, Any]], low: int, high: int) -> Bin:
    before, after = (sum(r["people"] for r in rows if low <= r[side] < high) for side in ("before", "after"))
    return Bin(low * BIN, high * BIN, before, after)


def _telling(one: Bin) -> bool:
    return any(0 < people < LEAST for people in (one.before, one.after))


def _crossing(rows: Iterable[Mapping[str, Any]], bound: int) -> bool:
    """Whether so few more people are above the bound than before, or below it, that they could be singled out."""
    up = sum(r["people"] for r in rows if r["before"] < bound <= r["after"])
    down = sum(r["people"] for r in rows if r["after"] < bound <= r["before"])
    return any(0 < people < LEAST for people in (up, down, abs(up - down)))
