"""The policy cases of tests/cases: what a department has written down must be what the rules give."""

from __future__ import annotations

from typing import Any

import pytest

from haihe.domain.criteria import Answer
from haihe.domain.eligibility import Outcome, decide
from haihe.domain.golden_cases import HERE, DecisionCase, read_case
from haihe.domain.scoring import LineKind, score
from tests.domain.published import CASES, load, record, rulebook, scenarios

OUTCOMES = {
    "可以": Outcome.ELIGIBLE,
    "不可以": Outcome.NOT_ELIGIBLE,
    "暂不能判定": Outcome.NOT_AVAILABLE,
}


def cases_in(*parts: str) -> list[Any]:
    files = sorted(CASES.joinpath(*parts).glob("*.yaml"))
    return [pytest.param(case, id=f"{path.stem}：{case['name']}") for path in files for case in load(path)]


POINTS_CASES = cases_in()
DECISION_CASES = cases_in("decisions")


@pytest.mark.parametrize("case", POINTS_CASES)
def test_the_points_are_what_the_case_says(case: dict[str, Any]) -> None:
    records = [record(record_id=n, **given) for n, given in enumerate(case["records"], start=1)]
    consents = frozenset(case.get("consents", []))
    grades = {g.code: g.name for g in rulebook().grades}
    for day in case["days"]:
        result = score(records, rulebook(), day["day"], consents)
        lines = {
            line.indicator or f"{line.dimension} 调整": line.points
            for line in result.lines
            if line.kind is not LineKind.BASE
        }
        told = {"day": day["day"], "total": result.total, "grade": grades[result.grade], "lines": lines}
        if "next_changes" in day:
            told["next_changes"] = [
                {"day": c.on, "before": c.before, "after": c.after} for c in result.next_changes
            ]
        assert told == day


@pytest.mark.parametrize("case", DECISION_CASES)
def test_the_decision_is_what_the_case_says(case: dict[str, Any]) -> None:
    read = read_case(case)
    assert isinstance(read, DecisionCase)
    decision = decide(read.facts, scenarios()[case["scenario"]], read.on, read.district, HERE)
    told = {
        "outcome": decision.outcome,
        "merchant_code": decision.code.value,
        "offer": decision.offer.label if decision.offer else None,
        "reasons": [f.reason for f in decision.findings if f.answer is not Answer.MET],
    }
    expected = {
        "outcome": OUTCOMES[case["outcome"]],
        "merchant_code": case["merchant_code"],
        "offer": case.get("offer"),
        "reasons": case.get("reasons", []),
    }
    assert told == expected
    if "gap" in case:
        assert [f.gap for f in decision.findings if f.gap is not None and f.answer is not Answer.MET] == [
            case["gap"]
        ]


def test_every_indicator_appears_in_some_case() -> None:
    seen = {given["indicator"] for (case,) in (p.values for p in POINTS_CASES) for given in case["records"]}
    assert {i.code for i in rulebook().indicators} <= seen


def test_every_grade_appears_in_some_case() -> None:
    seen = {day["grade"] for (case,) in (p.values for p in POINTS_CASES) for day in case["days"]}
    assert seen == {g.name for g in rulebook().grades}


def test_every_scenario_has_a_case_of_each_of_the_three_answers() -> None:
    seen = {(case["scenario"], case["outcome"]) for (case,) in (p.values for p in DECISION_CASES)}
    assert {(code, outcome) for code in scenarios() for outcome in OUTCOMES} <= seen


def test_every_offer_is_given_in_some_case() -> None:
    seen = {(case["scenario"], case.get("offer")) for (case,) in (p.values for p in DECISION_CASES)}
    assert {(s.code, o.label) for s in scenarios().values() for o in s.offers} <= seen


def test_no_two_cases_have_the_same_name() -> None:
    names = [case["name"] for (case,) in (p.values for p in POINTS_CASES + DECISION_CASES)]
    assert sorted(names) == sorted(set(names))
