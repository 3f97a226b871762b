"""A life that comes to exactly so many points, made of records that the calendar leaves alone for most of a year.

Only what stays put is used: what has no window, what has reached its cap for good, and what happened a few days ago and
so has its whole window before it. The points are then checked by `score()` itself; nothing here is taken on trust.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal

from haihe.domain.dates import add_months
from haihe.domain.records import Record, RecordState, Severity
from haihe.domain.rulebook import Rulebook
from haihe.domain.scoring import score

START = 500


@dataclass(frozen=True, slots=True)
class Piece:
    """One record of a life, told as so many months and days before today; `until` is its last day, counted likewise."""

    code: str
    quantity: int = 1
    level: str | None = None
    months: int = 0
    days: int = 6
    severity: Severity | None = None
    until_months: int | None = None
    state: RecordState = RecordState.EFFECTIVE

    def occurred_on(self, today: date) -> date:
        """The day on which it happened, seen from today."""
        return add_months(today, -self.months) - timedelta(days=self.days)

    def valid_to(self, today: date) -> date | None:
        """Its last day, if it has one: so many months ahead of today, or ago where negative."""
        return None if self.until_months is None else add_months(today, self.until_months)

    def record(self, number: int, today: date) -> Record:
        """The piece as the domain knows records."""
        return Record(
            number,
            self.code,
            self.occurred_on(today),
            Decimal(self.quantity),
            self.level,
            self.severity,
            None,
            self.valid_to(today),
            self.state,
        )


@dataclass(frozen=True, slots=True)
class Filler:
    """A way to gain points: the amounts it can give, and the pieces for each: `units` give `a_unit` points."""

    code: str
    gains: tuple[int, ...]
    level_of: dict[int, str] = field(default_factory=dict)
    months: int = 0
    a_unit: int = 1
    units: int = 1

    def pieces(self, gain: int) -> Iterator[Piece]:
        """The records that give so many points."""
        if self.level_of:
            yield Piece(self.code, level=self.level_of[gain], months=self.months)
        elif self.gains == tuple(range(1, 25)) and gain > 12:
            # A year's report and the one before it: the older one still has a year of its window before it.
            yield Piece(self.code, quantity=12)
            yield Piece(self.code, quantity=gain - 12, months=11)
        else:
            yield Piece(self.code, quantity=gain * self.units // self.a_unit, months=self.months)


MONTHS_PAID = tuple(range(1, 25))
FILLERS = (
    Filler("A01", (10,), {10: "L3"}),
    # Thirty months and more of watching: the cap is reached and stays reached.
    Filler("B01", (30,), months=40, a_unit=30),
    Filler("A02", (10,), a_unit=2),
    Filler("C01", MONTHS_PAID),
    Filler("C03", MONTHS_PAID),
    Filler("B02", (5,), a_unit=5),
    Filler("B03", (5,), a_unit=5),
    Filler("C02", MONTHS_PAID),
    Filler("D03", (15,), {15: "区级"}, months=3),
    Filler("D01", tuple(range(1, 21)), months=1),
    Filler("E02", tuple(range(1, 16))),
    Filler("A03", (5,), a_unit=5, months=50),
    Filler("A04", (8, 6, 4, 2), a_unit=2),
    Filler("E04", (8, 6, 4, 2), a_unit=2, months=1),
    Filler("C04", (15, 10, 5), a_unit=5, months=2),
    Filler("C05", tuple(range(1, 11)), units=2),
    Filler("D05", tuple(range(1, 11))),
    Filler("D02", (40, 20), {20: "区级", 40: "市级"}, months=5),
    Filler("C06", tuple(range(1, 13))),
    Filler("D04", (20, 10), {10: "市级", 20: "国家级"}, months=7),
    Filler("D08", (10, 5), {5: "市级", 10: "国家级"}, months=9),
)


# What comes in large amounts goes first in a life of many points, so that the small amounts can make up the rest.
HONOURS_FIRST = tuple(sorted(FILLERS, key=lambda filler: min(filler.gains), reverse=True))


def compose(total: int, given: Sequence[Piece] = (), given_points: int = 0) -> tuple[Piece, ...]:
    """Pieces that, with those given and worth `given_points`, come to this total. What is given is not added to.

    Empty-handed where no life comes to so many: the points are then what `given` is worth, which `score()` will tell.
    """
    missing = total - START - given_points
    for fillers in (FILLERS, HONOURS_FIRST):
        pieces = _fill(missing, [f for f in fillers if f.code not in {p.code for p in given}])
        if pieces is not None:
            return (*given, *pieces)
    return tuple(given)


def _fill(missing: int, fillers: Iterable[Filler]) -> list[Piece] | None:
    """Take from each filler the most that fits; None if something is left over."""
    pieces: list[Piece] = []
    for filler in fillers:
        gain = max((g for g in filler.gains if g <= missing), default=0)
        if gain:
            pieces += filler.pieces(gain)
            missing -= gain
    return None if missing else pieces


def points_of(
    pieces: Iterable[Piece], rulebook: Rulebook, today: date, sensitive: frozenset[str] = frozenset()
) -> int:
    """What these pieces come to today, by the domain's own word."""
    records = [p.record(n, today) for n, p in enumerate(pieces, 1)]
    return score(records, rulebook, today, sensitive, foreseen_months=0).total
