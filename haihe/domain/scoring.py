"""计分: records, one rulebook and one day in; points, and the reason for every one of them, out.

    total = Σ over dimensions of clamp(0, cap, base + Σ contributions)

The result is the explanation: the lines add up to the total, always, with the clamp of a dimension as a line of its own.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from haihe.domain.dates import ONE_DAY, add_months
from haihe.domain.kinds import UnbrokenMonths
from haihe.domain.records import Record
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


Counted = list[tuple[Indicator, list[Record]]]


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
    grouped = _group(records, rulebook)
    counted = [(i, rs) for i, rs in grouped if rulebook.counts(i, sensitive_consents)]
    contributions = {i.code: _contribution(i, rs, grouped, on) for i, rs in counted}
    dimensions = _dimension_points(rulebook, contributions)
    total = sum(dimensions.values())
    turning = _turning_points(counted, grouped, on)
    return Score(
        total=total,
        grade=rulebook.grade_of(total).code,
        dimensions=dimensions,
        lines=tuple(_lines(rulebook, grouped, sensitive_consents, contributions, dimensions, on)),
        listed=frozenset(i.code for i, rs in grouped if i.is_negative and i.enabled and i.living(rs, on)),
        on=on,
        rulebook=rulebook.version,
        last_day=min(turning) - ONE_DAY if turning else None,
        next_changes=_foresee(
            rulebook, counted, grouped, contributions, turning, add_months(on, foreseen_months)
        ),
    )


def _group(records: Iterable[Record], rulebook: Rulebook) -> Counted:
    """Records by indicator, in the rulebook's order."""
    by_code: defaultdict[str, list[Record]] = defaultdict(list)
    for record in records:
        by_code[record.indicator].append(record)
    return [(i, by_code[i.code]) for i in rulebook.indicators if i.code in by_code]


def _last_break(grouped: Counted, on: date) -> date | None:
    """The latest day on which a living negative record broke the clean run."""
    days = (i.breaks_on(r, on) for i, rs in grouped if i.is_negative for r in i.living(rs, on))
    return max((d for d in days if d is not None), default=None)


def _contribution(indicator: Indicator, records: Sequence[Record], grouped: Counted, on: date) -> int:
    living = indicator.living(records, on)
    if isinstance(indicator.kind, UnbrokenMonths):
        return indicator.clamp(indicator.kind.points(living, on, _last_break(grouped, on)))
    return indicator.clamp(indicator.kind.points(living, on)) if living else 0


def _dimension_points(rulebook: Rulebook, contributions: Mapping[str, int]) -> dict[str, int]:
    sums = {d.code: d.base for d in rulebook.dimensions}
    for code, points in contributions.items():
        sums[rulebook.by_code[code].dimension] += points
    return {d.code: min(max(sums[d.code], 0), d.cap) for d in rulebook.dimensions}


def _lines(
    rulebook: Rulebook,
    grouped: Counted,
    sensitive_consents: frozenset[str],
    contributions: Mapping[str, int],
    dimensions: Mapping[str, int],
    on: date,
) -> Iterable[Line]:
    for dimension in rulebook.dimensions:
        yield Line(LineKind.BASE, dimension.code, None, dimension.base, f"{dimension.name}起始分")
        reached = dimension.base
        for indicator, records in grouped:
            if indicator.dimension != dimension.code:
                continue
            living = indicator.living(records, on)
            if not living:
                continue
            points = contributions.get(indicator.code, 0)
            reached += points
            yield Line(
                LineKind.INDICATOR,
                dimension.code,
                indicator.code,
                points,
                _because(
                    indicator, living, grouped, rulebook.counts(indicator, sensitive_consents), points, on
                ),
                tuple(r.record_id for r in living),
            )
        adjustment = dimensions[dimension.code] - reached
        if adjustment:
            why = (
                f"{dimension.name}最高 {dimension.cap} 分" if adjustment < 0 else f"{dimension.name}最低 0 分"
            )
            yield Line(LineKind.ADJUSTMENT, dimension.code, None, adjustment, f"封顶/保底调整：{why}")


def _because(
    indicator: Indicator, living: Sequence[Record], grouped: Counted, counted: bool, points: int, on: date
) -> str:
    if not indicator.enabled:
        return "未列入本市补充目录，暂不计分"
    if not counted:
        return "属敏感个人信息，经您单独同意后才计分"
    if isinstance(indicator.kind, UnbrokenMonths):
        last_break = _last_break(grouped, on)
        uncapped = indicator.kind.points(living, on, last_break)
        reason = indicator.kind.because(living, on, last_break)
    else:
        uncapped = indicator.kind.points(living, on)
        reason = indicator.kind.because(living, on)
    if uncapped == points:
        return reason
    return f"{reason}，{'最多扣' if indicator.is_negative else '最多计'} {abs(indicator.cap)} 分"


def _turning_points(counted: Counted, grouped: Counted, on: date) -> dict[date, set[str]]:
    """The days after `on` on which an indicator may change by itself, and which indicators those are."""
    days: defaultdict[date, set[str]] = defaultdict(set)
    breaking = [(i, rs) for i, rs in grouped if i.is_negative and i.enabled]
    for indicator, records in counted:
        for record in records:
            for day in indicator.kind.turning_points(record):
                if day > on:
                    days[day].add(indicator.code)
        if isinstance(indicator.kind, UnbrokenMonths):
            for day in _clean_run_days(indicator, indicator.kind, records, breaking, on):
                days[day].add(indicator.code)
    return dict(days)


def _clean_run_days(
    indicator: Indicator, kind: UnbrokenMonths, records: Sequence[Record], breaking: Counted, on: date
) -> Iterable[date]:
    """When a clean run grows or is broken: every month from every possible start, and every turn of a breaking record."""
    starts = {r.first_day for r in records}
    for negative, negative_records in breaking:
        for record in negative_records:
            starts.add(record.first_day)
            for day in negative.kind.turning_points(record):
                starts.add(day)
                # A listing breaks the run on each of its days, the last one included: months run from that day.
                starts.add(day - ONE_DAY)
    for start in starts:
        if start > on:
            yield start
        for month in range(indicator.cap // kind.each + 1):
            day = add_months(start, month)
            if day > on:
                yield day


def _foresee(
    rulebook: Rulebook,
    counted: Counted,
    grouped: Counted,
    contributions: Mapping[str, int],
    turning: Mapping[date, set[str]],
    until: date,
) -> tuple[Change, ...]:
    """Walk the turning points in order and keep those on which the total really changes."""
    records_of = {i.code: (i, rs) for i, rs in counted}
    now = dict(contributions)
    total = sum(_dimension_points(rulebook, now).values())
    changes = []
    for day in sorted(d for d in turning if d <= until):
        moved = []
        for code in sorted(turning[day]):
            points = _contribution(*records_of[code], grouped, day)
            if points != now[code]:
                now[code] = points
                moved.append(code)
        after = sum(_dimension_points(rulebook, now).values())
        if after != total:
            changes.append(Change(day, total, after, tuple(moved)))
            total = after
    return tuple(changes)
