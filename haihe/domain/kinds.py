"""The seven ways in which records become points. 计分方式.

Each kind answers three questions about one indicator's records on one day: how long does a record live, how many points
do the living records give, and why. A kind never looks at the clock and never clamps: the cap belongs to the indicator.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from haihe.domain.dates import ONE_DAY, add_months, full_months
from haihe.domain.records import Record, Severity

Life = tuple[date, date | None]


def _earlier(a: date | None, b: date | None) -> date | None:
    if a is None or b is None:
        return a or b
    return min(a, b)


def _sum(records: Sequence[Record]) -> Decimal:
    return sum((r.quantity for r in records), Decimal(0))


def _plain(quantity: Decimal) -> str:
    """20.00 is read as 20 and 2.50 as 2.5."""
    return f"{quantity.normalize():f}"


@dataclass(frozen=True, slots=True)
class Kind(ABC):
    """What the seven share: a record lives from its first day until its window or its own validity ends.

    `window_months` is None where time alone never ends it.
    """

    unit: str
    window_months: int | None

    def window(self, record: Record) -> int | None:
        """How many months after the event the record still counts."""
        return self.window_months

    def life(self, record: Record) -> Life:
        """First and last day on which the record counts; None means no end in sight."""
        months = self.window(record)
        window_end = None if months is None else add_months(record.occurred_on, months)
        return record.first_day, _earlier(window_end, record.valid_to)

    def turning_points(self, record: Record) -> Iterable[date]:
        """The days on which this record alone may change the points."""
        first, last = self.life(record)
        yield first
        if last is not None:
            yield last + ONE_DAY

    @abstractmethod
    def awards(self) -> Iterable[int]:
        """Every number of points that it may give for one unit, level or step, for the reader to check their sign."""

    @abstractmethod
    def points(self, living: Sequence[Record], on: date, last_break: date | None = None) -> int:
        """Points of the living records, before the cap; `last_break` is the last day that broke a clean run."""

    @abstractmethod
    def because(self, living: Sequence[Record], on: date, last_break: date | None = None) -> str:
        """The reason, as a resident would be told it."""

    def _window_words(self) -> str:
        return "" if self.window_months is None else f"近 {self.window_months} 个月"


@dataclass(frozen=True, slots=True)
class PerUnit(Kind):
    """So many points for every `per` units within a rolling window. 按量计分."""

    each: int
    per: int = 1

    def awards(self) -> Iterable[int]:
        return (self.each,)

    def points(self, living: Sequence[Record], on: date, last_break: date | None = None) -> int:
        return self.each * int(_sum(living) // self.per)

    def because(self, living: Sequence[Record], on: date, last_break: date | None = None) -> str:
        every = f"每 {self.per} {self.unit}" if self.per > 1 else f"每{self.unit}"
        return f"{self._window_words()}共 {_plain(_sum(living))} {self.unit}，{every} {self.each:+d} 分"


@dataclass(frozen=True, slots=True)
class MonthlyLimited(Kind):
    """So many points a unit, at most so many units in one calendar month. 按量计分、每月限量."""

    each: int
    most_per_month: int

    def counted(self, living: Sequence[Record]) -> int:
        """Units that count after each calendar month has been held to its limit."""
        by_month: defaultdict[tuple[int, int], Decimal] = defaultdict(Decimal)
        for record in living:
            by_month[record.occurred_on.year, record.occurred_on.month] += record.quantity
        return sum(int(min(quantity, Decimal(self.most_per_month))) for quantity in by_month.values())

    def awards(self) -> Iterable[int]:
        return (self.each,)

    def points(self, living: Sequence[Record], on: date, last_break: date | None = None) -> int:
        return self.each * self.counted(living)

    def because(self, living: Sequence[Record], on: date, last_break: date | None = None) -> str:
        return (
            f"{self._window_words()}共 {_plain(_sum(living))} {self.unit}，每月最多计 {self.most_per_month} "
            f"{self.unit}，计入 {self.counted(living)} {self.unit}，每{self.unit} {self.each:+d} 分"
        )


@dataclass(frozen=True, slots=True)
class Tiered(Kind):
    """Diminishing returns: each tier gives one point for so many units, rounded down in each tier. 分段递减计分.

    `tiers` holds (upper bound of the tier or None, units for one point).
    """

    tiers: tuple[tuple[int | None, int], ...]

    def awards(self) -> Iterable[int]:
        return (1,)

    def points(self, living: Sequence[Record], on: date, last_break: date | None = None) -> int:
        quantity, lower, total = _sum(living), 0, 0
        for upper, units_a_point in self.tiers:
            reached = quantity if upper is None else min(quantity, Decimal(upper))
            if reached <= lower:
                break
            total += int((reached - lower) // units_a_point)
            lower = upper or 0
        return total

    def because(self, living: Sequence[Record], on: date, last_break: date | None = None) -> str:
        return f"{self._window_words()}共 {_plain(_sum(living))} {self.unit}，分段计 {self.points(living, on):+d} 分"


@dataclass(frozen=True, slots=True)
class LevelMap(Kind):
    """So many points for a level; of several, the highest counts. 按级别计分."""

    levels: dict[str, int]

    def awards(self) -> Iterable[int]:
        return self.levels.values()

    def points(self, living: Sequence[Record], on: date, last_break: date | None = None) -> int:
        return max((self.levels.get(r.level or "", 0) for r in living), default=0)

    def because(self, living: Sequence[Record], on: date, last_break: date | None = None) -> str:
        best = max(living, key=lambda r: self.levels.get(r.level or "", 0), default=None)
        if best is None or not best.level:
            return "没有可计分的级别"
        several = f"（共 {len(living)} 项，按最高级别计）" if len(living) > 1 else ""
        return f"级别「{best.level}」{self.points(living, on):+d} 分{several}"


@dataclass(frozen=True, slots=True)
class WhileListed(Kind):
    """So many points a unit for as long as it is in force. 在列（有效）期间计分."""

    each: int

    def awards(self) -> Iterable[int]:
        return (self.each,)

    def points(self, living: Sequence[Record], on: date, last_break: date | None = None) -> int:
        return self.each * int(_sum(living))

    def because(self, living: Sequence[Record], on: date, last_break: date | None = None) -> str:
        return f"有效期内共 {_plain(_sum(living))} {self.unit}，每{self.unit} {self.each:+d} 分"


@dataclass(frozen=True, slots=True)
class SteppedDecay(Kind):
    """So many points a record, fewer with age, none after the last step. 阶梯递减计分.

    `steps` holds (months since the event, points) in order; `steps_by_severity` replaces it where the class of the
    record decides how long it counts (信用修复管理办法).
    """

    steps: tuple[tuple[int, int], ...]
    steps_by_severity: dict[Severity, tuple[tuple[int, int], ...]]

    def steps_of(self, record: Record) -> tuple[tuple[int, int], ...]:
        """The ladder that this record goes down."""
        if record.severity is not None and record.severity in self.steps_by_severity:
            return self.steps_by_severity[record.severity]
        return self.steps

    def window(self, record: Record) -> int | None:
        return self.steps_of(record)[-1][0]

    def turning_points(self, record: Record) -> Iterable[date]:
        yield from Kind.turning_points(self, record)
        for months, _points in self.steps_of(record):
            yield add_months(record.occurred_on, months) + ONE_DAY

    def step_on(self, record: Record, on: date) -> tuple[int, date]:
        """Points of one record at its present age, and the last day on which they are so many."""
        for months, points in self.steps_of(record):
            step_end = add_months(record.occurred_on, months)
            if on <= step_end:
                return points, min(step_end, record.valid_to or step_end)
        return 0, on

    def awards(self) -> Iterable[int]:
        ladders = (self.steps, *self.steps_by_severity.values())
        return [points for steps in ladders for _months, points in steps]

    def points(self, living: Sequence[Record], on: date, last_break: date | None = None) -> int:
        return sum(self.step_on(r, on)[0] for r in living)

    def because(self, living: Sequence[Record], on: date, last_break: date | None = None) -> str:
        parts = []
        for record in living:
            points, until = self.step_on(record, on)
            effect = f"{points:+d} 分" if points else "仅作提示，不计分"
            parts.append(f"{record.occurred_on.isoformat()} 发生，{effect}，至 {until.isoformat()}")
        return f"共 {len(living)} {self.unit}：{'；'.join(parts)}"


@dataclass(frozen=True, slots=True)
class UnbrokenMonths(Kind):
    """So many points for every full month since the last break. 连续无失信月数.

    The record says from which day the city platform has watched. The breaks are records of other indicators, so this
    kind alone looks at `last_break`; without one the count runs from the first day of watching.
    """

    each: int

    def since(self, living: Sequence[Record], last_break: date | None = None) -> date | None:
        """The day from which the months are counted; None when nobody has begun to watch."""
        start = min((r.first_day for r in living), default=None)
        if start is None or last_break is None:
            return start
        return max(start, last_break)

    def awards(self) -> Iterable[int]:
        return (self.each,)

    def points(self, living: Sequence[Record], on: date, last_break: date | None = None) -> int:
        since = self.since(living, last_break)
        return 0 if since is None else self.each * full_months(since, on)

    def because(self, living: Sequence[Record], on: date, last_break: date | None = None) -> str:
        since = self.since(living, last_break)
        if since is None:
            return "尚无连续守信的起算记录"
        if full_months(since, on) == 0:
            return f"连续无失信记录未满一个月，每满一个月 {self.each:+d} 分"
        return f"自 {since.isoformat()} 起无失信记录，每满一个月 {self.each:+d} 分"
