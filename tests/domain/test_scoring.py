"""What holds for every resident, whatever the records are."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haihe.domain.dates import ONE_DAY, add_months
from haihe.domain.records import Record, RecordState
from haihe.domain.rulebook import Rulebook
from haihe.domain.rulebook_reader import read_rulebook
from haihe.domain.scoring import LineKind, score
from tests.domain.published import record, rulebook
from tests.domain.strategies import TODAY, consents, histories, near_days, negative_record


@given(histories, near_days, consents)
def test_the_lines_add_up_to_the_total_and_to_each_dimension(
    records: list[Record], on: date, agreed: frozenset[str]
) -> None:
    result = score(records, rulebook(), on, agreed)
    assert sum(line.points for line in result.lines) == result.total == sum(result.dimensions.values())
    for code, points in result.dimensions.items():
        assert sum(line.points for line in result.lines if line.dimension == code) == points


@given(histories, near_days, consents)
def test_a_dimension_never_leaves_its_bounds(records: list[Record], on: date, agreed: frozenset[str]) -> None:
    result = score(records, rulebook(), on, agreed)
    assert all(0 <= result.dimensions[d.code] <= d.cap for d in rulebook().dimensions)
    assert result.grade == rulebook().grade_of(result.total).code


@given(histories, near_days, consents)
def test_every_line_has_a_reason_and_an_indicator_line_its_records(
    records: list[Record], on: date, agreed: frozenset[str]
) -> None:
    for line in score(records, rulebook(), on, agreed).lines:
        assert line.because
        assert bool(line.record_ids) == (line.kind is LineKind.INDICATOR)


@given(histories, near_days, consents, st.data())
def test_a_result_holds_word_for_word_until_its_last_day(
    records: list[Record], on: date, agreed: frozenset[str], data: st.DataObject
) -> None:
    now = score(records, rulebook(), on, agreed, foreseen_months=0)
    last = now.last_day or date(2035, 1, 1)
    assert last >= on
    later = on + timedelta(data.draw(st.integers(0, (last - on).days)))
    for day in (later, last):
        assert replace(score(records, rulebook(), day, agreed, foreseen_months=0), on=on) == now


@given(histories, near_days, consents)
def test_each_foreseen_change_is_what_that_day_really_brings(
    records: list[Record], on: date, agreed: frozenset[str]
) -> None:
    now = score(records, rulebook(), on, agreed)
    total = now.total
    for change in now.next_changes:
        assert on < change.on <= add_months(on, 12)
        assert change.before == total == score(records, rulebook(), change.on - ONE_DAY, agreed).total
        assert change.after == score(records, rulebook(), change.on, agreed).total != change.before
        assert change.indicators
        total = change.after


@given(histories, near_days, consents, st.integers(0, 365))
def test_nothing_changes_on_a_day_that_was_not_foreseen(
    records: list[Record], on: date, agreed: frozenset[str], ahead: int
) -> None:
    now = score(records, rulebook(), on, agreed)
    day = on + timedelta(ahead)
    expected = next((c.after for c in reversed(now.next_changes) if c.on <= day), now.total)
    assert score(records, rulebook(), day, agreed).total == expected


@given(histories, near_days, consents)
def test_looking_ahead_changes_nothing_about_today(
    records: list[Record], on: date, agreed: frozenset[str]
) -> None:
    with_changes = score(records, rulebook(), on, agreed)
    without = score(records, rulebook(), on, agreed, foreseen_months=0)
    assert without.next_changes == ()
    assert replace(with_changes, next_changes=()) == without


@given(histories, negative_record, near_days, consents)
def test_a_negative_record_never_raises_the_total(
    records: list[Record], negative: Record, on: date, agreed: frozenset[str]
) -> None:
    before = score(records, rulebook(), on, agreed)
    assert score([*records, negative], rulebook(), on, agreed).total <= before.total


@given(
    histories,
    negative_record,
    near_days,
    consents,
    st.sampled_from([s for s in RecordState if s is not RecordState.EFFECTIVE]),
)
def test_a_record_that_is_not_effective_might_never_have_been(
    records: list[Record], negative: Record, on: date, agreed: frozenset[str], state: RecordState
) -> None:
    without = score(records, rulebook(), on, agreed)
    assert score([*records, replace(negative, state=state)], rulebook(), on, agreed) == without


@given(histories, near_days, consents, st.randoms(use_true_random=False))
def test_the_order_in_which_records_come_does_not_matter(
    records: list[Record], on: date, agreed: frozenset[str], random: object
) -> None:
    shuffled = list(records)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert score(shuffled, rulebook(), on, agreed) == score(records, rulebook(), on, agreed)


@given(histories, near_days)
def test_a_separate_consent_never_lowers_the_total(records: list[Record], on: date) -> None:
    all_classes = frozenset(rulebook().sensitive_classes)
    assert (
        score(records, rulebook(), on, all_classes).total >= score(records, rulebook(), on, frozenset()).total
    )


@given(histories, near_days)
def test_what_criteria_may_ask_about_is_exactly_the_living_countable_breaches(
    records: list[Record], on: date
) -> None:
    result = score(records, rulebook(), on)
    shown = {line.indicator for line in result.lines}
    assert result.listed == {c for c in rulebook().negative_codes if c in shown}


@given(histories, near_days, consents)
def test_an_indicator_gives_no_more_than_its_cap(
    records: list[Record], on: date, agreed: frozenset[str]
) -> None:
    for line in score(records, rulebook(), on, agreed).lines:
        if line.indicator is None:
            continue
        cap = rulebook().by_code[line.indicator].cap
        assert min(cap, 0) <= line.points <= max(cap, 0)


def test_records_of_unknown_indicators_are_passed_over() -> None:
    assert score([record("Z99", TODAY)], rulebook(), TODAY) == score([], rulebook(), TODAY)


def test_a_result_with_nothing_ahead_holds_for_good() -> None:
    assert score([record("A02", date(2020, 1, 1))], rulebook(), TODAY).last_day is None


def small_rulebook(**changed: object) -> dict[str, object]:
    """A rulebook with one dimension and one indicator, as a file would have it."""
    indicator = {
        "code": "X01",
        "name": "连续守信",
        "dimension": "X",
        "nature": "履约",
        "kind": "unbroken_months",
        "points": 3,
        "cap": 10,
        "department": "某部门",
        "policy_item": "一",
        "catalogue": "目录",
        "legal_basis": "某条例",
    }
    return {
        "version": "TEST-1",
        "name": "小规则集",
        "in_force_from": date(2026, 1, 1),
        "legal_basis": "某条例",
        "dimensions": [{"code": "X", "name": "甲", "base": 0, "cap": 100}],
        "grades": [{"code": "G1", "name": "起步", "at_least": 0}],
        "indicators": [indicator | changed],
    }


def test_a_cap_that_is_no_multiple_of_the_monthly_points_is_foreseen_too() -> None:
    book = read_rulebook(small_rulebook())
    result = score([record("X01", TODAY)], book, TODAY)
    assert [c.after for c in result.next_changes] == [3, 6, 9, 10]


def test_a_dimension_that_would_exceed_its_cap_says_so_in_a_line_of_its_own() -> None:
    data = small_rulebook(kind="while_listed", points=80, cap=80)
    data["dimensions"] = [{"code": "X", "name": "甲", "base": 50, "cap": 100}]
    result = score([record("X01", TODAY)], read_rulebook(data), TODAY)
    assert [(line.kind, line.points) for line in result.lines] == [
        (LineKind.BASE, 50),
        (LineKind.INDICATOR, 80),
        (LineKind.ADJUSTMENT, -30),
    ]
    assert result.lines[-1].because == "封顶/保底调整：甲最高 100 分"


@pytest.mark.parametrize(
    ("indicator", "given_fields", "because"),
    [
        ("C05", {"quantity": 21}, "近 12 个月共 21 册，每 2 册 +1 分"),
        ("C01", {"quantity": 30}, "近 24 个月共 30 个月，每个月 +1 分，最多计 24 分"),
        ("E01", {"quantity": 7}, "近 12 个月共 7 单，每月最多计 6 单，计入 6 单，每单 +2 分"),
        ("D01", {"quantity": 2.5}, "近 24 个月共 2.5 小时，分段计 +2 分"),
        ("D03", {"level": "市级"}, "级别「市级」+30 分"),
        ("D03", {"level": "省级"}, "级别「省级」+0 分"),
        ("B11", {}, "有效期内共 1 项，每项 -200 分"),
        ("B15", {}, "共 1 件：2026-06-01 发生，-60 分，至 2027-06-01"),
        ("B15", {"valid_to": date(2026, 9, 1)}, "共 1 件：2026-06-01 发生，-60 分，至 2026-09-01"),
        ("B13", {}, "共 1 件：2026-06-01 发生，仅作提示，不计分，至 2026-09-01"),
        ("B01", {}, "连续无失信记录未满一个月，每满一个月 +1 分"),
        ("B01", {"valid_from": date(2026, 4, 1)}, "自 2026-04-01 起无失信记录，每满一个月 +1 分"),
        ("D06", {}, "属敏感个人信息，经您单独同意后才计分"),
        ("C12", {}, "未列入本市补充目录，暂不计分"),
    ],
)
def test_the_reason_is_told_in_plain_words(
    indicator: str, given_fields: dict[str, object], because: str
) -> None:
    result = score([record(indicator, date(2026, 6, 1), **given_fields)], rulebook(), TODAY)
    assert [line.because for line in result.lines if line.indicator] == [because]


@given(near_days, st.integers(1, 60))
def test_a_listing_breaks_the_clean_run_on_each_of_its_days_and_not_after(start: date, length: int) -> None:
    watched = record("B01", add_months(start, -24))
    listing = record("B11", start, 2, valid_to=start + timedelta(length))
    during = score([watched, listing], rulebook(), start + timedelta(length))
    after = score([watched, listing], rulebook(), start + timedelta(length + 1))
    assert [line.points for line in during.lines if line.indicator == "B01"] == [0]
    assert [line.points for line in after.lines if line.indicator == "B01"] >= [24]


def with_supplementary_catalogue() -> Rulebook:
    """The published rulebook once the city's supplementary catalogue lists what is off by default."""
    return replace(rulebook(), indicators=tuple(replace(i, enabled=True) for i in rulebook().indicators))


@pytest.mark.parametrize(
    ("indicator", "quantity", "points"),
    [("C12", 1, -5), ("C12", 4, -20), ("C12", 5, -20), ("C13", 1, -2), ("C13", 3, -6), ("C13", 4, -6)],
)
def test_once_the_supplementary_catalogue_lists_it_a_default_off_indicator_counts(
    indicator: str, quantity: int, points: int
) -> None:
    result = score([record(indicator, TODAY, quantity=quantity)], with_supplementary_catalogue(), TODAY)
    assert result.total == 500 + points
    assert result.listed == {indicator}


def test_a_default_off_indicator_is_not_listed_for_criteria_until_it_may_be_counted() -> None:
    assert score([record("C13", TODAY)], rulebook(), TODAY).listed == frozenset()


def test_the_words_of_a_clean_run_that_has_passed_its_cap_hold_until_the_day_they_change() -> None:
    watched = [record("B01", date(2024, 1, 15))]
    at_the_cap = score(watched, rulebook(), date(2026, 7, 15))
    assert at_the_cap.last_day == date(2026, 8, 14)
    (line,) = (line for line in score(watched, rulebook(), date(2026, 8, 15)).lines if line.indicator)
    assert line.because == "自 2024-01-15 起无失信记录，每满一个月 +1 分，最多计 30 分"
