"""What is known of a resident when a benefit is asked for: all that a criterion may look at, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

ADULT_AGE = 18

# Orders running, begun this month, begun this year.
Counts = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Facts:
    """One resident's facts on one day.

    None means that it is not known, which is never the same as no. `points`, `grade` and `dimensions` are None for
    somebody who has not joined. `running` and `this_month`, `this_year` count the resident's orders by scenario, and
    `no_shows` the bookings of this quarter that they let lapse; `at_merchant` counts the orders of each scenario once more,
    merchant by merchant.
    """

    joined: bool
    birth_date: date | None = None
    district: str | None = None
    points: int | None = None
    grade: str | None = None
    dimensions: Mapping[str, int] | None = None
    listed: frozenset[str] = frozenset()
    sensitive_consents: frozenset[str] = frozenset()
    stated: Mapping[str, bool] = field(default_factory=dict)
    running: Mapping[str, int] = field(default_factory=dict)
    this_month: Mapping[str, int] = field(default_factory=dict)
    this_year: Mapping[str, int] = field(default_factory=dict)
    no_shows: Mapping[str, int] = field(default_factory=dict)
    at_merchant: Mapping[str, Mapping[int, Counts]] = field(default_factory=dict)


NOT_JOINED = Facts(joined=False)
