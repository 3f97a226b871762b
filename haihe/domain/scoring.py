"""计分: records, one rulebook and one day in; points, and the reason for every one of them, out.

    total = Σ over dimensions of clamp(0, cap, base + Σ contributions)

The result is the explanation: the lines add up to the total, always, with the clamp of a dimension as a line of its own.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from haihe.domain.dates import ONE_DAY, add_months, full_months
from haihe.domain.kinds import UnbrokenMonths, WhileListed
from haihe.domain.records import Record, RecordState
from haihe.domain.rulebook import Indicator, Rulebook

NO_CONSENTS: frozenset[str] = frozenset()
FORESEEN_MONTHS = 12


class LineKind(StrEnum):
    """What a line is: where a dimension starts, what an indicator gives, or what a dimension's bound takes or adds."""

    BASE = "BASE"
    INDICATOR = "INDICATOR"
    ADJUSTMENT = "ADJUSTMENT"


@dataclass(frozen=True, slots=True)
class Line:
    """得分明细: so many points, in this dimension, for this reason, by these records."""

    kind: LineKind
    dimension: str
    indicator: str | None
    points: int
    because: str
    record_ids: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Change:
    """On that day the total will change by itself, with nothing new happening, for these indicators."""

    on: date
    before: int
    after: int
    indicators: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Score:
    """海河分 of one resident on one day.

    `last_day` is the last day on which the result is known to hold if nothing new comes in; None means for good.
    """

    total: int
    grade: str
    dimensions: Mapping[str, int]
    lines: tuple[Line, ...]
    listed: frozenset[str]
    on: date
    rulebook: str
    last_day: date | None
    next_changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True)
class Holding:
    """What a resident holds under one indicator: the records that count now or later, with their first and last day."""

    indicator: Indicator
    counted: bool
    lives: tuple[tuple[Record, date, date | None], ...]

    def living(self, on: date) -> list[Record]:
        """The records that count on that day."""
        return [r for r, first, last in self.lives if first <= on and (last is None or on <= last)]


def score(
    records: Iterable[Record],
    rulebook: Rulebook,
    on: date,
    sensitive_consents: frozenset[str] = NO_CONSENTS,
    foreseen_months: int = FORESEEN_MONTHS,
) -> Score:
    """The points of one resident who has joined, on one day, with every reason.

    Records of indicators outside the rulebook carry no points (facts, for instance) and are passed over. Whether the
    resident has joined and is of age is for the caller to know: without consent there is nothing to compute.
    `foreseen_months` bounds how far ahead `next_changes` looks; 0 leaves it empty.
    """
    holdings = _hold(records, rulebook, on, sensitive_consents)
    until = add_months(on, foreseen_months)
    last_break = _last_break(holdings, on)
    contributions = {h.indicator.code: _contribution(h, last_break, on) for h in holdings}
    dimensions = _dimension_points(rulebook, contributions)
    total = sum(dimensions.values())
    turning = _turning_points(holdings, on, until)
    return Score(
        total=total,
        grade=rulebook.grade_of(total).code,
        dimensions=dimensions,
        lines=tuple(_lines(rulebook, holdings, contributions, dimensions, last_break, on)),
        listed=frozenset(h.indicator.code for h in holdings if h.indicator.is_breach and h.living(on)),
        on=on,
        rulebook=rulebook.version,
        last_day=min(turning) - ONE_DAY if turning else None,
        next_changes=tuple(_foresee(rulebook, holdings, contributions, turning, until)),
    )


def _hold(
    records: Iterable[Record], rulebook: Rulebook, on: date, sensitive_consents: frozenset[str]
) -> list[Holding]:
    """Effective records that are not over yet, by indicator, in the rulebook's order and each by date."""
    by_code: defaultdict[str, list[tuple[Record, date, date | None]]] = defaultdict(list)
    for record in records:
        indicator = rulebook.by_code.get(record.indicator)
        if indicator is None or record.state is not RecordState.EFFECTIVE:
            continue
        first, last = indicator.kind.life(record)
        if last is None or on <= last:
            by_code[indicator.code].append((record, first, last))
    return [
        Holding(i, rulebook.counts(i, sensitive_consents), tuple(sorted(by_code[i.code], key=_by_date)))
        for i in rulebook.indicators
        if i.code in by_code
    ]


def _by_date(life: tuple[Record, date, date | None]) -> tuple[date, int]:
    return life[0].occurred_on, life[0].record_id


def _last_break(holdings: Sequence[Holding], on: date) -> date | None:
    """The latest day on which a living negative record broke the clean run."""
    days = (h.indicator.breaks_on(r, on) for h in holdings if h.indicator.is_breach for r in h.living(on))
    return max((d for d in days if d is not None), default=None)


def _contribution(holding: Holding, last_break: date | None, on: date) -> int:
    living = holding.living(on)
    if not living or not holding.counted:
        return 0
    return holding.indicator.clamp(holding.indicator.kind.points(living, on, last_break))


def _dimension_points(rulebook: Rulebook, contributions: Mapping[str, int]) -> dict[str, int]:
    sums = {d.code: d.base for d in rulebook.dimensions}
    for code, points in contributions.items():
        sums[rulebook.by_code[code].dimension] += points
    return {d.code: min(max(sums[d.code], 0), d.cap) for d in rulebook.dimensions}


def _lines(
    rulebook: Rulebook,
    holdings: Sequence[Holding],
    contributions: Mapping[str, int],
    dimensions: Mapping[str, int],
    last_break: date | None,
    on: date,
) -> Iterator[Line]:
    """The base of each dimension, then what each indicator gives, then what the dimension's bounds take or add."""
    for dimension in rulebook.dimensions:
        yield Line(LineKind.BASE, dimension.code, None, dimension.base, f"{dimension.name}起始分")
        reached = dimension.base
        for holding in holdings:
            living = holding.living(on) if holding.indicator.dimension == dimension.code else []
            if not living:
                continue
            code = holding.indicator.code
            points = contributions[code]
            reached += points
            because = _because(holding, living, points, last_break, on)
            ids = tuple(r.record_id for r in living)
            yield Line(LineKind.INDICATOR, dimension.code, code, points, because, ids)
        adjustment = dimensions[dimension.code] - reached
        if adjustment:
            bound = f"最高 {dimension.cap} 分" if adjustment < 0 else "最低 0 分"
            because = f"封顶/保底调整：{dimension.name}{bound}"
            yield Line(LineKind.ADJUSTMENT, dimension.code, None, adjustment, because)


def _because(
    holding: Holding, living: Sequence[Record], points: int, last_break: date | None, on: date
) -> str:
    indicator = holding.indicator
    if not indicator.enabled:
        return "未列入本市补充目录，暂不计分"
    if not holding.counted:
        return "属敏感个人信息，经您单独同意后才计分"
    reason = indicator.kind.because(living, on, last_break)
    if indicator.kind.points(living, on, last_break) == points:
        return reason
    return f"{reason}，{'最多扣' if indicator.is_negative else '最多计'} {abs(indicator.cap)} 分"


def _turning_points(holdings: Sequence[Holding], on: date, until: date) -> dict[date, set[str]]:
    """The days after `on` on which an indicator may change by itself, and which indicators those are.

    Complete up to `until`; beyond it only as far as is needed to know the first of them.
    """
    days: defaultdict[date, set[str]] = defaultdict(set)
    for holding in holdings:
        indicator = holding.indicator
        for record, _, _ in holding.lives:
            for day in indicator.kind.turning_points(record):
                if day > on:
                    days[day].add(indicator.code)
        if isinstance(indicator.kind, UnbrokenMonths):
            for day in _clean_run_days(indicator, indicator.kind, holdings, on, until):
                days[day].add(indicator.code)
    return dict(days)


def _clean_run_days(
    indicator: Indicator, kind: UnbrokenMonths, holdings: Sequence[Holding], on: date, until: date
) -> Iterator[date]:
    """When a clean run may grow, be broken, or be whole again.

    A run starts with the watching or with the event that broke it last. While somebody is listed it is broken anew every
    day, and so no month of it is ever full.
    """
    starts = set()
    for holding in holdings:
        if holding.indicator is indicator:
            starts |= {first for _, first, _ in holding.lives}
        elif holding.indicator.is_breach:
            for record, first, last in holding.lives:
                if holding.indicator.breaks_on(record, on) is None:
                    continue
                if first > on:
                    yield first
                if last is not None:
                    yield last + ONE_DAY
                if not isinstance(holding.indicator.kind, WhileListed):
                    starts.add(first)
    # The month in which the cap is first exceeded changes no points, but the words of the line.
    months_to_cap = -(-indicator.cap // kind.each) + 1
    for start in starts:
        for months in range(full_months(start, on) + 1, months_to_cap + 1):
            day = add_months(start, months)
            yield day
            if day > until:
                break


def _foresee(
    rulebook: Rulebook,
    holdings: Sequence[Holding],
    contributions: Mapping[str, int],
    turning: Mapping[date, set[str]],
    until: date,
) -> Iterator[Change]:
    """Walk the turning points in order and keep those on which the total really changes."""
    holding_of = {h.indicator.code: h for h in holdings}
    now = dict(contributions)
    total = sum(_dimension_points(rulebook, now).values())
    for day in sorted(d for d in turning if d <= until):
        last_break = _last_break(holdings, day)
        moved = []
        for code in sorted(turning[day]):
            points = _contribution(holding_of[code], last_break, day)
            if points != now[code]:
                now[code] = points
                moved.append(code)
        after = sum(_dimension_points(rulebook, now).values()) if moved else total
        if after != total:
            yield Change(day, total, after, tuple(moved))
            total = after
