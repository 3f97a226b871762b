"""标准案例: a situation and the answer that officials expect of the rules, checked line by line against any draft of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from haihe.domain.criteria import Answer
from haihe.domain.eligibility import Outcome, decide
from haihe.domain.facts import Counts, Facts
from haihe.domain.reading import Fault, Reader, refuse
from haihe.domain.records import Record, RecordState, Severity
from haihe.domain.rulebook import Rulebook
from haihe.domain.scenarios import Scenario
from haihe.domain.scoring import LineKind, score

OUTCOMES = {
    "可以": Outcome.ELIGIBLE,
    "不可以": Outcome.NOT_ELIGIBLE,
    "暂不能判定": Outcome.NOT_AVAILABLE,
}
ADULT_BORN = date(1990, 5, 1)
# The merchant that asks in a case.
HERE = 1


@dataclass(frozen=True, slots=True)
class Difference:
    """One line in which a case and the rules disagree."""

    what: str
    expected: str
    found: str


@dataclass(frozen=True, slots=True)
class ExpectedDay:
    """What the points are to be on one day; `lines` by indicator."""

    on: date
    total: int
    grade: str
    lines: dict[str, int]


@dataclass(frozen=True, slots=True)
class PointsCase:
    """计分案例: somebody's records, and the points they give."""

    name: str
    records: tuple[Record, ...]
    consents: frozenset[str]
    days: tuple[ExpectedDay, ...]

    def differences(self, rulebook: Rulebook) -> list[Difference]:
        """Where this rulebook says something else."""
        return [d for day in self.days for d in self._on(day, rulebook)]

    def _on(self, day: ExpectedDay, rulebook: Rulebook) -> Iterator[Difference]:
        found = score(self.records, rulebook, day.on, self.consents)
        grade = next(g.name for g in rulebook.grades if g.code == found.grade)
        lines = {
            line.indicator or f"{line.dimension} 调整": line.points
            for line in found.lines
            if line.kind is not LineKind.BASE
        }
        for code in sorted({*day.lines, *lines}):
            if day.lines.get(code) != lines.get(code):
                yield Difference(f"{day.on} {code}", _points(day.lines.get(code)), _points(lines.get(code)))
        if day.total != found.total:
            yield Difference(f"{day.on} 总分", str(day.total), str(found.total))
        if day.grade != grade:
            yield Difference(f"{day.on} 等级", day.grade, grade)


@dataclass(frozen=True, slots=True)
class DecisionCase:
    """判定案例: what is known of somebody, and whether they may have one benefit."""

    name: str
    scenario: str
    on: date
    facts: Facts
    district: str | None
    outcome: str
    merchant_code: str
    offer: str | None
    reasons: tuple[str, ...]

    def differences(self, scenario: Scenario) -> list[Difference]:
        """Where this scenario answers otherwise."""
        found = decide(self.facts, scenario, self.on, self.district, HERE)
        words = next(w for w, outcome in OUTCOMES.items() if outcome is found.outcome)
        reasons = tuple(f.reason for f in found.findings if f.answer is not Answer.MET)
        pairs = (
            ("判定", self.outcome, words),
            ("告诉商户", self.merchant_code, found.code.value),
            ("优惠档", self.offer or "无", found.offer.label if found.offer else "无"),
            ("原因", "；".join(self.reasons) or "无", "；".join(reasons) or "无"),
        )
        return [Difference(what, expected, got) for what, expected, got in pairs if expected != got]


GoldenCase = PointsCase | DecisionCase


def read_case(data: object) -> GoldenCase:
    """Take one parsed case; `InvalidRules` with code GOLDEN_CASE_INVALID lists every fault."""
    faults: list[Fault] = []
    r = Reader(data, "", faults)
    case: GoldenCase = _decision(r) if r.has("scenario") else _points_case(r)
    r.close()
    refuse("GOLDEN_CASE_INVALID", faults)
    return case


def _points_case(r: Reader) -> PointsCase:
    case = PointsCase(
        r.text("name"),
        tuple(_record(n, given) for n, given in enumerate(r.readers("records"), start=1)),
        frozenset(str(c) for c in r.items("consents")),
        tuple(_day(d) for d in r.readers("days")),
    )
    if not case.days:
        r.fault("days", "至少写一个日期应得的分")
    return case


def _record(record_id: int, r: Reader) -> Record:
    given: dict[str, Any] = {}
    if r.has("quantity"):
        try:
            given["quantity"] = Decimal(str(r.data["quantity"]))
        except InvalidOperation:
            r.fault("quantity", "应为数字")
    if r.has("level"):
        given["level"] = str(r.data["level"])
    if r.has("severity"):
        given["severity"] = r.choice("severity", Severity)
    if r.has("state"):
        given["state"] = r.choice("state", RecordState)
    for key in ("valid_from", "valid_to"):
        if r.has(key):
            given[key] = r.day(key)
    record = Record(record_id, r.text("indicator"), r.day("occurred_on"), **given)
    r.close()
    return record


def _day(r: Reader) -> ExpectedDay:
    lines = {str(code): _whole(r, points) for code, points in r.mapping("lines").items()}
    # What the points would become later is foretold elsewhere; a case may still write it down.
    r.seen.add("next_changes")
    day = ExpectedDay(r.day("day"), r.integer("total"), r.text("grade"), lines)
    r.close()
    return day


def _whole(r: Reader, value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    r.fault("lines", "每一行应为“指标代码: 整数”")
    return 0


def _decision(r: Reader) -> DecisionCase:
    outcome = r.text("outcome")
    if outcome not in OUTCOMES:
        r.fault("outcome", f"应为其中之一：{'、'.join(OUTCOMES)}")
    r.seen.add("gap")
    return DecisionCase(
        r.text("name"),
        r.text("scenario"),
        r.day("day"),
        _facts(Reader(r.mapping("facts"), "facts", r.faults)),
        r.optional_text("district"),
        outcome,
        r.text("merchant_code"),
        r.optional_text("offer"),
        tuple(str(reason) for reason in r.items("reasons")),
    )


def _facts(r: Reader) -> Facts:
    facts = Facts(
        joined=r.flag("joined", True),
        birth_date=(r.optional_day("birth_date") if "birth_date" in r.data else ADULT_BORN),
        district=r.optional_text("district"),
        points=r.integer("points") if r.has("points") else None,
        grade=r.optional_text("grade"),
        dimensions=_counts(r, "dimensions") if r.has("dimensions") else None,
        listed=frozenset(str(c) for c in r.items("listed")),
        sensitive_consents=frozenset(str(c) for c in r.items("sensitive_consents")),
        stated=_answers(r),
        running=_counts(r, "running"),
        this_month=_counts(r, "this_month"),
        this_year=_counts(r, "this_year"),
        no_shows=_counts(r, "no_shows"),
        at_merchant=_here(r),
    )
    r.seen.add("birth_date")
    r.close()
    return facts


def _counts(r: Reader, key: str) -> dict[str, int]:
    given = r.mapping(key)
    if any(not isinstance(n, int) or isinstance(n, bool) for n in given.values()):
        r.fault(key, "每一行应为“代码: 整数”")
        return {}
    return {str(code): n for code, n in given.items()}


def _here(r: Reader) -> dict[str, dict[int, Counts]]:
    """What of it was used at the merchant that asks."""
    counts = [_counts(r, f"{period}_here") for period in ("running", "this_month", "this_year")]
    return {
        code: {HERE: (counts[0].get(code, 0), counts[1].get(code, 0), counts[2].get(code, 0))}
        for code in sorted(set().union(*counts))
    }


def _answers(r: Reader) -> dict[str, bool]:
    given = r.mapping("stated")
    if any(not isinstance(yes, bool) for yes in given.values()):
        r.fault("stated", "每一行应为“资格事实代码: true 或 false”")
        return {}
    return {str(code): yes for code, yes in given.items()}


def _points(points: int | None) -> str:
    return "没有这一行" if points is None else f"{points:+d}"
