"""Golden cases as officials write them."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given

from haihe.domain.golden_cases import DecisionCase, Difference, PointsCase, read_case
from haihe.domain.reading import InvalidRules
from tests.domain.published import CASES, load, rulebook, scenarios
from tests.domain.spoiling import spoiled

SHIPPED = [case for path in sorted(CASES.rglob("*.yaml")) for case in load(path)]


@pytest.mark.parametrize("given_case", SHIPPED, ids=lambda c: c["name"])
def test_the_shipped_cases_agree_with_the_shipped_rules(given_case: dict[str, Any]) -> None:
    case = read_case(given_case)
    if isinstance(case, PointsCase):
        assert case.differences(rulebook()) == []
    else:
        assert case.differences(scenarios()[case.scenario]) == []


def test_a_case_that_expects_something_else_is_told_line_by_line() -> None:
    wrong = deepcopy(SHIPPED[0])
    wrong["days"][0] |= {"total": 512, "lines": {"A01": 12}}
    case = read_case(wrong)
    assert isinstance(case, PointsCase)
    assert case.differences(rulebook()) == [
        Difference("2026-06-15 A01", "+12", "+10"),
        Difference("2026-06-15 总分", "512", "510"),
    ]


def test_a_decision_that_differs_is_told_with_both_answers() -> None:
    written = next(c for c in SHIPPED if c.get("outcome") == "可以")
    case = read_case({**written, "outcome": "不可以"})
    assert isinstance(case, DecisionCase)
    assert case.differences(scenarios()[case.scenario]) == [Difference("判定", "不可以", "可以")]


@given(spoiled(SHIPPED[0], next(c for c in SHIPPED if "scenario" in c)))
def test_whatever_is_written_is_read_or_refused(written: Any) -> None:
    try:
        read_case(written)
    except InvalidRules as error:
        assert error.code == "GOLDEN_CASE_INVALID"
