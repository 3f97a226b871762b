"""准入条件: small named predicates, combined by all / any / not, that read aloud as a sentence.

Each answers in one of three ways. Missing data is its own answer, never a silent no: somebody whose driving licence
nobody has confirmed is told so, and not that they have none.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from haihe.domain.dates import age_on
from haihe.domain.districts import DISTRICTS
from haihe.domain.facts import Facts


class Answer(StrEnum):
    """Met, unmet, or not to be known with what we have."""

    MET = "MET"
    UNMET = "UNMET"
    UNKNOWN = "UNKNOWN"


@dataclass(frozen=True, slots=True)
class Finding:
    """What one criterion found: the answer, the criterion in words, why, and how far off where that can be counted."""

    answer: Answer
    criterion: str
    sentence: str
    reason: str
    gap: int | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer of a whole tree, with the finding of every criterion in it, met ones too."""

    answer: Answer
    findings: tuple[Finding, ...]


class Criterion(ABC):
    """A node of the tree: one predicate, or a combination of nodes."""

    __slots__ = ()

    @abstractmethod
    def judge(self, facts: Facts, on: date) -> Verdict:
        """The answer for these facts on this day."""

    @abstractmethod
    def sentence(self) -> str:
        """The criterion as a Chinese clause."""


class Predicate(Criterion):
    """A leaf: says which facts it looks at and what it found."""

    __slots__ = ()
    name: str

    @abstractmethod
    def find(self, facts: Facts, on: date) -> tuple[Answer, str, int | None]:
        """Answer, reason and gap."""

    def judge(self, facts: Facts, on: date) -> Verdict:
        answer, reason, gap = self.find(facts, on)
        return Verdict(answer, (Finding(answer, self.name, self.sentence(), reason, gap),))


MISSING_POINTS = (Answer.UNKNOWN, "尚无海河分", None)


@dataclass(frozen=True, slots=True)
class PointsAtLeast(Predicate):
    """海河分不低于."""

    at_least: int
    name = "points_at_least"

    def find(self, facts: Facts, on: date) -> tuple[Answer, str, int | None]:
        if facts.points is None:
            return MISSING_POINTS
        gap = self.at_least - facts.points
        if gap > 0:
            return Answer.UNMET, f"还差 {gap} 分", gap
        return Answer.MET, f"海河分已达到 {self.at_least} 分", None

    def sentence(self) -> str:
        return f"海河分不低于 {self.at_least} 分"


@dataclass(frozen=True, slots=True)
class DimensionAtLeast(Predicate):
    """某一维度得分不低于."""

    dimension: str
    dimension_name: str
    at_least: int
    name = "dimension_at_least"

    def find(self, facts: Facts, on: date) -> tuple[Answer, str, int | None]:
        if facts.dimensions is None or self.dimension not in facts.dimensions:
            return MISSING_POINTS
        gap = self.at_least - facts.dimensions[self.dimension]
        if gap > 0:
            return Answer.UNMET, f"{self.dimension_name}还差 {gap} 分", gap
        return Answer.MET, f"{self.dimension_name}已达到 {self.at_least} 分", None

    def sentence(self) -> str:
        return f"{self.dimension_name}不低于 {self.at_least} 分"


@dataclass(frozen=True, slots=True)
class AgeBetween(Predicate):
    """年龄在范围内 (周岁, both ends included; None leaves an end open)."""

    youngest: int | None
    oldest: int | None
    name = "age_between"

    def find(self, facts: Facts, on: date) -> tuple[Answer, str, int | None]:
        if facts.birth_date is None:
            return Answer.UNKNOWN, "缺少出生日期", None
        age = age_on(facts.birth_date, on)
        if self.youngest is not None and age < self.youngest:
            return Answer.UNMET, f"年满 {self.youngest} 周岁后可用", self.youngest - age
        if self.oldest is not None and age > self.oldest:
            return Answer.UNMET, f"面向 {self.oldest} 周岁及以下居民", None
        return Answer.MET, "年龄符合", None

    def sentence(self) -> str:
        if self.oldest is None:
            return f"年满 {self.youngest} 周岁"
        if self.youngest is None:
            return f"不超过 {self.oldest} 周岁"
        return f"年龄在 {self.youngest} 至 {self.oldest} 周岁之间"


@dataclass(frozen=True, slots=True)
class DistrictIn(Predicate):
    """居住在这些区."""

    districts: tuple[str, ...]
    name = "district_in"

    def find(self, facts: Facts, on: date) -> tuple[Answer, str, int | None]:
        if facts.district is None:
            return Answer.UNKNOWN, "缺少居住区信息", None
        if facts.district in self.districts:
            return Answer.MET, "居住区符合", None
        return Answer.UNMET, f"仅限{self._names()}居民", None

    def sentence(self) -> str:
        return f"居住在{self._names()}"

    def _names(self) -> str:
        return "、".join(DISTRICTS[d] for d in self.districts)


@dataclass(frozen=True, slots=True)
class NoRecordOf(Predicate):
    """没有某些指标的有效失信记录. `names` holds the indicators' names beside their codes."""

    indicators: tuple[str, ...]
    names: tuple[str, ...]
    name = "no_record_of"

    def find(self, facts: Facts, on: date) -> tuple[Answer, str, int | None]:
        if not facts.joined:
            return MISSING_POINTS
        found = [n for code, n in zip(self.indicators, self.names, strict=True) if code in facts.listed]
        if found:
            return Answer.UNMET, f"有生效中的「{'」「'.join(found)}」记录，可申请异议或信用修复", None
        return Answer.MET, "没有相关失信记录", None

    def sentence(self) -> str:
        return f"没有生效中的「{'」「'.join(self.names)}」记录"


@dataclass(frozen=True, slots=True)
class ConsentedTo(Predicate):
    """已就某类敏感个人信息给予单独同意."""

    sensitive: str
    label: str
    name = "consented_to"

    def find(self, facts: Facts, on: date) -> tuple[Answer, str, int | None]:
        if self.sensitive in facts.sensitive_consents:
            return Answer.MET, f"已同意使用{self.label}信息", None
        return Answer.UNMET, f"需要您单独同意使用{self.label}信息", None

    def sentence(self) -> str:
        return f"已单独同意使用{self.label}信息"


@dataclass(frozen=True, slots=True)
class Stated(Predicate):
    """某项资格事实为“是”."""

    fact: str
    label: str
    name = "stated"

    def find(self, facts: Facts, on: date) -> tuple[Answer, str, int | None]:
        stated = facts.stated.get(self.fact)
        if stated is None:
            return Answer.UNKNOWN, f"尚未核实「{self.label}」", None
        if stated:
            return Answer.MET, f"已核实「{self.label}」", None
        return Answer.UNMET, f"「{self.label}」核实结果为否", None

    def sentence(self) -> str:
        return f"已核实「{self.label}」"


@dataclass(frozen=True, slots=True)
class RunningOrdersAtMost(Predicate):
    """进行中的订单不超过 (all scenarios together)."""

    at_most: int
    name = "running_orders_at_most"

    def find(self, facts: Facts, on: date) -> tuple[Answer, str, int | None]:
        running = sum(facts.running.values())
        if running > self.at_most:
            return Answer.UNMET, f"有 {running} 笔进行中的信用订单，请先完成", running - self.at_most
        return Answer.MET, "进行中的订单不超过上限", None

    def sentence(self) -> str:
        return f"进行中的信用订单不超过 {self.at_most} 笔"


@dataclass(frozen=True, slots=True)
class NoShowsAtMost(Predicate):
    """本季度爽约不超过 (all scenarios together)."""

    at_most: int
    name = "no_shows_at_most"

    def find(self, facts: Facts, on: date) -> tuple[Answer, str, int | None]:
        missed = sum(facts.no_shows.values())
        if missed > self.at_most:
            return Answer.UNMET, f"本季度有 {missed} 次预订未到场，下季度起重新计算", missed - self.at_most
        return Answer.MET, "本季度预订未到场的次数不超过上限", None

    def sentence(self) -> str:
        return f"本季度预订未到场不超过 {self.at_most} 次"


@dataclass(frozen=True, slots=True)
class All(Criterion):
    """同时满足."""

    parts: tuple[Criterion, ...]

    def judge(self, facts: Facts, on: date) -> Verdict:
        verdicts = [p.judge(facts, on) for p in self.parts]
        answers = {v.answer for v in verdicts}
        answer = next((a for a in (Answer.UNMET, Answer.UNKNOWN) if a in answers), Answer.MET)
        return Verdict(answer, tuple(f for v in verdicts for f in v.findings))

    def sentence(self) -> str:
        return "，且".join(p.sentence() for p in self.parts) or "无条件"


@dataclass(frozen=True, slots=True)
class AnyOf(Criterion):
    """满足任一. Where one branch is met, the findings of that branch alone are told."""

    parts: tuple[Criterion, ...]

    def judge(self, facts: Facts, on: date) -> Verdict:
        verdicts = [p.judge(facts, on) for p in self.parts]
        for verdict in verdicts:
            if verdict.answer is Answer.MET:
                return verdict
        unknown = any(v.answer is Answer.UNKNOWN for v in verdicts)
        answer = Answer.UNKNOWN if unknown else Answer.UNMET
        return Verdict(answer, tuple(f for v in verdicts for f in v.findings))

    def sentence(self) -> str:
        return "（" + "，或".join(p.sentence() for p in self.parts) + "）"


@dataclass(frozen=True, slots=True)
class Not(Criterion):
    """不满足."""

    part: Criterion

    def judge(self, facts: Facts, on: date) -> Verdict:
        inner = self.part.judge(facts, on).answer
        if inner is Answer.UNKNOWN:
            return Verdict(inner, (Finding(inner, "not", self.sentence(), "所需信息不全", None),))
        answer = Answer.UNMET if inner is Answer.MET else Answer.MET
        reason = "符合" if answer is Answer.MET else f"不符合：{self.sentence()}"
        return Verdict(answer, (Finding(answer, "not", self.sentence(), reason, None),))

    def sentence(self) -> str:
        return f"不属于“{self.part.sentence()}”"
