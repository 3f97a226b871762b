"""Three answers, and how all / any / not put them together (Kleene's strong logic of three values)."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haihe.domain.criteria import (
    AgeBetween,
    All,
    Answer,
    AnyOf,
    ConsentedTo,
    Criterion,
    DimensionAtLeast,
    DistrictIn,
    NoRecordOf,
    Not,
    PointsAtLeast,
    Predicate,
    RunningOrdersAtMost,
    Stated,
)
from haihe.domain.facts import NOT_JOINED, Facts
from tests.domain.strategies import TODAY

MET, UNMET, UNKNOWN = Answer.MET, Answer.UNMET, Answer.UNKNOWN
JOINED_AND_NOTHING_KNOWN = Facts(joined=True)


@dataclass(frozen=True, slots=True)
class Fixed(Predicate):
    """A criterion that always answers the same."""

    answer: Answer
    name = "fixed"

    def find(self, facts: Facts, on: date) -> tuple[Answer, str, int | None]:
        return self.answer, self.answer.value, None

    def sentence(self) -> str:
        return self.answer.value


trees = st.recursive(
    st.sampled_from(Answer).map(Fixed),
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda parts: All(tuple(parts)))
        | st.lists(inner, min_size=1, max_size=3).map(lambda parts: AnyOf(tuple(parts)))
        | inner.map(Not)
    ),
    max_leaves=8,
)


def answer(criterion: Criterion) -> Answer:
    return criterion.judge(JOINED_AND_NOTHING_KNOWN, TODAY).answer


@pytest.mark.parametrize(
    ("left", "right", "both", "either"),
    [
        (MET, MET, MET, MET),
        (MET, UNMET, UNMET, MET),
        (MET, UNKNOWN, UNKNOWN, MET),
        (UNMET, UNMET, UNMET, UNMET),
        (UNMET, UNKNOWN, UNMET, UNKNOWN),
        (UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN),
    ],
)
def test_all_and_any_follow_the_table(left: Answer, right: Answer, both: Answer, either: Answer) -> None:
    for pair in ((Fixed(left), Fixed(right)), (Fixed(right), Fixed(left))):
        assert answer(All(pair)) is both
        assert answer(AnyOf(pair)) is either


@pytest.mark.parametrize(("inner", "outer"), [(MET, UNMET), (UNMET, MET), (UNKNOWN, UNKNOWN)])
def test_not_turns_yes_and_no_and_leaves_the_unknown(inner: Answer, outer: Answer) -> None:
    assert answer(Not(Fixed(inner))) is outer


def test_all_of_nothing_is_met() -> None:
    assert answer(All(())) is MET
    assert All(()).sentence() == "无条件"


@given(trees)
def test_a_double_negation_changes_nothing(tree: Criterion) -> None:
    assert answer(Not(Not(tree))) is answer(tree)


@given(trees, trees)
def test_de_morgan_holds(a: Criterion, b: Criterion) -> None:
    assert answer(Not(All((a, b)))) is answer(AnyOf((Not(a), Not(b))))
    assert answer(Not(AnyOf((a, b)))) is answer(All((Not(a), Not(b))))


@given(trees, trees, trees)
def test_all_distributes_over_any(a: Criterion, b: Criterion, c: Criterion) -> None:
    assert answer(All((a, AnyOf((b, c))))) is answer(AnyOf((All((a, b)), All((a, c)))))


def leaf_answers(tree: Criterion) -> list[Answer]:
    if isinstance(tree, Fixed):
        return [tree.answer]
    parts = (tree.part,) if isinstance(tree, Not) else tree.parts
    return [a for part in parts for a in leaf_answers(part)]


@given(trees)
def test_an_unknown_answer_always_comes_from_something_unknown(tree: Criterion) -> None:
    if answer(tree) is UNKNOWN:
        assert UNKNOWN in leaf_answers(tree)


@given(trees)
def test_a_no_always_comes_with_a_finding_that_says_why(tree: Criterion) -> None:
    verdict = tree.judge(JOINED_AND_NOTHING_KNOWN, TODAY)
    if verdict.answer is not MET:
        assert any(f.answer is verdict.answer and f.reason for f in verdict.findings)


NEEDS_DATA = [
    PointsAtLeast(0),
    DimensionAtLeast("A", "基本信息", 0),
    AgeBetween(0, None),
    DistrictIn(("120101",)),
    Stated("F01", "驾驶证有效"),
]


@pytest.mark.parametrize("criterion", NEEDS_DATA, ids=lambda c: c.name)
def test_missing_data_is_unknown_and_never_a_yes_or_a_silent_no(criterion: Criterion) -> None:
    assert answer(criterion) is UNKNOWN
    assert answer(Not(criterion)) is UNKNOWN


def test_nobody_knows_the_records_of_somebody_who_has_not_joined() -> None:
    assert NoRecordOf(("E11",), ("信用订单逾期",)).judge(NOT_JOINED, TODAY).answer is UNKNOWN


def test_a_consent_not_given_is_a_no_and_not_unknown() -> None:
    assert answer(ConsentedTo("MEDICAL", "医疗信用订单")) is UNMET


@pytest.mark.parametrize(
    ("criterion", "facts", "told"),
    [
        (PointsAtLeast(700), {"points": 700}, (MET, "海河分已达到 700 分", None)),
        (PointsAtLeast(700), {"points": 688}, (UNMET, "还差 12 分", 12)),
        (DimensionAtLeast("B", "遵纪守法", 250), {"dimensions": {"B": 250}}, (MET, "遵纪守法已达到 250 分", None)),
        (DimensionAtLeast("B", "遵纪守法", 250), {"dimensions": {"B": 240}}, (UNMET, "遵纪守法还差 10 分", 10)),
        (AgeBetween(60, None), {"birth_date": date(1966, 6, 15)}, (MET, "年龄符合", None)),
        (AgeBetween(60, None), {"birth_date": date(1966, 6, 16)}, (UNMET, "年满 60 周岁后可用", 1)),
        (AgeBetween(None, 35), {"birth_date": date(1990, 6, 16)}, (MET, "年龄符合", None)),
        (AgeBetween(18, 35), {"birth_date": date(1990, 6, 15)}, (UNMET, "面向 35 周岁及以下居民", None)),
        (DistrictIn(("120101", "120116")), {"district": "120116"}, (MET, "居住区符合", None)),
        (DistrictIn(("120101", "120116")), {"district": "120102"}, (UNMET, "仅限和平区、滨海新区居民", None)),
        (NoRecordOf(("E11",), ("信用订单逾期",)), {}, (MET, "没有相关失信记录", None)),
        (RunningOrdersAtMost(2), {"running": {"XYZ-01": 1, "XYZ-02": 1}}, (MET, "进行中的订单不超过上限", None)),
        (RunningOrdersAtMost(1), {"running": {"XYZ-01": 1, "XYZ-02": 2}}, (UNMET, "有 3 笔进行中的信用订单，请先完成", 2)),
        (Stated("F01", "驾驶证有效"), {"stated": {"F01": False}}, (UNMET, "「驾驶证有效」核实结果为否", None)),
    ],
)  # fmt: skip
def test_a_finding_says_why_and_how_far_off(
    criterion: Predicate, facts: dict[str, object], told: tuple[Answer, str, int | None]
) -> None:
    assert criterion.find(Facts(joined=True, **facts), TODAY) == told


def test_where_one_branch_is_met_only_that_branch_is_told() -> None:
    tree = AnyOf((AgeBetween(60, None), PointsAtLeast(600)))
    verdict = tree.judge(Facts(joined=True, points=650, birth_date=date(1990, 1, 1)), TODAY)
    assert [f.criterion for f in verdict.findings] == ["points_at_least"]


@pytest.mark.parametrize(
    ("criterion", "sentence"),
    [
        (AgeBetween(60, None), "年满 60 周岁"),
        (AgeBetween(None, 35), "不超过 35 周岁"),
        (AgeBetween(18, 35), "年龄在 18 至 35 周岁之间"),
        (DistrictIn(("120101",)), "居住在和平区"),
        (RunningOrdersAtMost(2), "进行中的信用订单不超过 2 笔"),
        (ConsentedTo("MEDICAL", "医疗信用订单"), "已单独同意使用医疗信用订单信息"),
        (DimensionAtLeast("B", "遵纪守法", 250), "遵纪守法不低于 250 分"),
        (Not(DistrictIn(("120101",))), "不属于“居住在和平区”"),
        (
            All((PointsAtLeast(600), AnyOf((AgeBetween(60, None), Stated("F03", "赡养关系已申明"))))),
            "海河分不低于 600 分，且（年满 60 周岁，或已核实「赡养关系已申明」）",
        ),
    ],
)
def test_a_criterion_reads_as_a_sentence(criterion: Criterion, sentence: str) -> None:
    assert criterion.sentence() == sentence


def test_criteria_look_at_nothing_that_the_law_forbids() -> None:
    assert {f.name for f in fields(Facts)} == {
        "joined", "birth_date", "district", "points", "grade", "dimensions", "listed", "sensitive_consents",
        "stated", "running", "this_month", "this_year", "no_shows", "at_merchant",
    }  # fmt: skip
