"""规则集: dated, versioned, immutable once published. Every number in it names who supplies it and by what right."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import cached_property

from haihe.domain.kinds import Kind, WhileListed
from haihe.domain.records import Record, Severity

POSITIVE, KEEPING, NEGATIVE = "正向", "履约", "失信"


@dataclass(frozen=True, slots=True)
class Dimension:
    """维度: starts at `base`, never below zero, never above `cap`."""

    code: str
    name: str
    base: int
    cap: int


@dataclass(frozen=True, slots=True)
class Grade:
    """等级: reached at `at_least` points."""

    code: str
    name: str
    at_least: int


@dataclass(frozen=True, slots=True)
class Suggestion:
    """What a resident may be told to do about an indicator, and how many units a month are an ordinary pace.

    `level` is the level to reach where the indicator has levels; `continuing` is for what is only suggested to those who
    do it already. Nothing that costs money or trades privacy belongs here.
    """

    do: str
    a_month: int
    level: str | None = None
    continuing: bool = False


@dataclass(frozen=True, slots=True)
class Indicator:
    """指标: what is counted, how, up to which cap, on whose word and by which right.

    `sensitive` names the class of separate consent without which it is not counted (PIPL 第二十九条); `enabled` is
    False for indicators that may only be counted once the city's supplementary catalogue lists them.
    """

    code: str
    name: str
    dimension: str
    nature: str
    kind: Kind
    cap: int
    department: str
    policy_item: str
    catalogue: str
    legal_basis: str
    severity: Severity | None = None
    sensitive: str | None = None
    enabled: bool = True
    suggestion: Suggestion | None = None

    @property
    def is_negative(self) -> bool:
        """A negative record needs a document number and may be objected to and repaired."""
        return self.nature == NEGATIVE

    @property
    def is_breach(self) -> bool:
        """Negative, and allowed to be counted: this is what criteria may ask about and what breaks a clean run."""
        return self.is_negative and self.enabled

    def clamp(self, points: int) -> int:
        """Hold points to the cap: at most it for a positive one, at least it for a negative one."""
        return max(points, self.cap) if self.is_negative else min(points, self.cap)

    def breaks_on(self, record: Record, on: date) -> date | None:
        """The day on which this living record last broke a clean run: today while it is listed, else its own day.

        轻微失信 never breaks it (信用修复管理办法), and neither does an indicator that may not be counted.
        """
        if not self.is_breach:
            return None
        if (record.severity or self.severity) not in (Severity.GENERAL, Severity.SERIOUS):
            return None
        return on if isinstance(self.kind, WhileListed) else record.first_day


@dataclass(frozen=True, slots=True)
class Fact:
    """资格事实: a yes or no that a department (or the resident) states; it carries no points, criteria may ask for it."""

    code: str
    name: str
    department: str
    legal_basis: str


@dataclass(frozen=True)
class Rulebook:
    """The whole of the rules on which a `Score` rests."""

    version: str
    name: str
    in_force_from: date
    legal_basis: str
    dimensions: tuple[Dimension, ...]
    grades: tuple[Grade, ...]
    indicators: tuple[Indicator, ...]
    facts: tuple[Fact, ...]

    @cached_property
    def by_code(self) -> dict[str, Indicator]:
        """Indicators by their code."""
        return {i.code: i for i in self.indicators}

    @cached_property
    def dimension_by_code(self) -> dict[str, Dimension]:
        """Dimensions by their code."""
        return {d.code: d for d in self.dimensions}

    @cached_property
    def fact_by_code(self) -> dict[str, Fact]:
        """Facts by their code."""
        return {f.code: f for f in self.facts}

    @cached_property
    def negative_codes(self) -> tuple[str, ...]:
        """Codes of the negative indicators that may be counted, in the rulebook's order."""
        return tuple(i.code for i in self.indicators if i.is_breach)

    @cached_property
    def sensitive_classes(self) -> tuple[str, ...]:
        """The classes of separate consent that this rulebook knows, in order of appearance."""
        return tuple(dict.fromkeys(i.sensitive for i in self.indicators if i.sensitive))

    def grade_of(self, total: int) -> Grade:
        """The highest grade whose bound is reached."""
        return max((g for g in self.grades if g.at_least <= total), key=lambda g: g.at_least)

    def counts(self, indicator: Indicator, sensitive_consents: frozenset[str]) -> bool:
        """Whether the indicator may be counted for somebody who has given these separate consents."""
        return indicator.enabled and (
            indicator.sensitive is None or indicator.sensitive in sensitive_consents
        )
