"""What a resident reads: names, sources and sentences, and nothing that the computation did not say."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given

from haihe.domain.eligibility import decide
from haihe.domain.explaining import DecisionExplanation, explain_decision, explain_score, yuan
from haihe.domain.facts import NOT_JOINED, Facts
from haihe.domain.records import Record
from haihe.domain.scoring import LineKind, score
from tests.domain.published import record, rulebook, scenarios
from tests.domain.strategies import TODAY, consents, histories, near_days

ADULT = Facts(joined=True, birth_date=date(1990, 1, 1), points=650)


def explained(code: str, facts: Facts, **more: object) -> DecisionExplanation:
    scenario = scenarios()[code]
    return explain_decision(decide(facts, scenario, TODAY), scenario, facts, TODAY, **more)  # type: ignore[arg-type]


@given(histories, near_days, consents)
def test_the_explanation_adds_up_as_the_score_does(
    records: list[Record], on: date, agreed: frozenset[str]
) -> None:
    result = score(records, rulebook(), on, agreed)
    told = explain_score(result, rulebook())
    assert sum(d.points for d in told.dimensions) == told.total == result.total
    for dimension in told.dimensions:
        assert sum(line.points for line in dimension.lines) == dimension.points
    assert sum(len(d.lines) for d in told.dimensions) == len(result.lines)
    assert (told.help is None) == (not result.listed)


def test_a_line_names_its_indicator_its_department_and_its_legal_basis() -> None:
    told = explain_score(score([record("D01", date(2026, 6, 1), quantity=20)], rulebook(), TODAY), rulebook())
    ((base, line),) = (d.lines for d in told.dimensions if d.code == "D")
    assert (base.kind, base.name, base.department, base.because) == (
        LineKind.BASE,
        "起始分",
        None,
        "社会贡献起始分",
    )
    assert (line.name, line.points, line.department, line.policy_item, line.legal_basis) == (
        "志愿服务时长",
        20,
        "团市委、市民政局、市文明办",
        "二十五",
        "《志愿服务条例》",
    )


def test_a_coming_change_is_told_with_its_day_its_points_and_its_reason() -> None:
    records = [record("B01", date(2026, 5, 20), 1), record("D05", date(2024, 6, 30), 2)]
    told = explain_score(score(records, rulebook(), TODAY), rulebook())
    assert [c.sentence for c in told.next_changes[:3]] == [
        "2026-06-20 起 +1（连续无失信记录）",
        "2026-07-01 起 -1（慈善捐赠）",
        "2026-07-20 起 +1（连续无失信记录）",
    ]


def test_with_negative_records_the_resident_is_told_what_can_be_done() -> None:
    told = explain_score(score([record("B14", TODAY)], rulebook(), TODAY), rulebook())
    assert told.grade_name == "待提升"
    assert told.help is not None
    assert "「一般行政处罚」" in told.help
    assert "异议" in told.help
    assert "信用修复" in told.help


def test_a_yes_says_what_is_given_and_what_the_next_offer_asks_for() -> None:
    told = explained("XYZ-15", ADULT)
    assert told.headline == "您可以享受：免押金借用，首 1 小时免费，额度 99 元"
    assert told.missing == ()
    assert told.ahead == "还差 150 分，可享：免押金借用，首 3 小时免费"


def test_at_the_top_of_the_ladder_nothing_is_ahead() -> None:
    assert explained("XYZ-15", replace(ADULT, points=800)).ahead is None


def test_an_offer_whose_quota_is_used_up_is_not_held_out_again() -> None:
    facts = replace(ADULT, points=700, this_month={"XYZ-07": 2})
    assert explained("XYZ-07", facts).ahead is None


def test_a_no_says_how_far_off_and_what_anybody_gets_anyway() -> None:
    told = explained("XYZ-01", replace(ADULT, points=699))
    assert told.headline == "还差 1 分"
    assert told.otherwise == scenarios()["XYZ-01"].default_terms
    assert told.ahead is None


def test_a_no_tells_every_reason() -> None:
    told = explained("XYZ-01", replace(ADULT, points=699, listed=frozenset({"E11"})))
    assert told.missing == ("还差 1 分", "有生效中的「信用订单逾期」记录，可申请异议或信用修复")


def test_somebody_who_has_not_joined_is_told_so() -> None:
    assert explained("XYZ-01", NOT_JOINED).headline == "尚未开通海河分"


def test_where_points_alone_are_missing_the_day_on_which_they_suffice_is_told() -> None:
    result = score([record("B15", date(2025, 9, 1))], rulebook(), TODAY)
    facts = replace(ADULT, points=result.total)
    scenario = replace(
        scenarios()["XYZ-07"], criterion=replace(scenarios()["XYZ-07"].criterion.parts[0], at_least=470)
    )  # type: ignore[attr-defined]
    told = explain_decision(decide(facts, scenario, TODAY), scenario, facts, TODAY, result.next_changes)
    assert (told.headline, told.enough_from) == ("还差 30 分", date(2026, 9, 2))


def test_no_day_is_promised_where_more_than_points_is_missing() -> None:
    changes = score([record("B15", date(2025, 9, 1))], rulebook(), TODAY).next_changes
    assert explained("XYZ-08", replace(ADULT, points=440), next_changes=changes).enough_from is None


@pytest.mark.parametrize(("fen", "words"), [(10000, "100"), (9950, "99.50"), (5, "0.05"), (5000000, "50000")])
def test_money_is_told_in_yuan(fen: int, words: str) -> None:
    assert yuan(fen) == words
