"""A rulebook that officials wrote: taken whole, or refused with every fault and its place."""

from __future__ import annotations

from copy import deepcopy
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haihe.domain.kinds import SteppedDecay
from haihe.domain.reading import InvalidRules
from haihe.domain.records import Severity
from haihe.domain.rulebook import Rulebook
from haihe.domain.rulebook_reader import read_rulebook
from tests.domain.published import RULEBOOK_FILE, load, rulebook
from tests.domain.spoiling import spoiled

PUBLISHED: dict[str, Any] = load(RULEBOOK_FILE)
AT = {indicator["code"]: n for n, indicator in enumerate(PUBLISHED["indicators"])}


def faults_of(data: object) -> list[tuple[str, str]]:
    with pytest.raises(InvalidRules) as refused:
        read_rulebook(data)
    assert refused.value.code == "RULEBOOK_INVALID"
    return [(f.place, f.detail) for f in refused.value.faults]


def changed(code: str, /, **fields: object) -> dict[str, Any]:
    """The published rulebook with some fields of one indicator changed; None takes a field away."""
    data = deepcopy(PUBLISHED)
    data["indicators"][AT[code]].update(fields)
    return data


def test_the_published_rulebook_holds_forty_four_indicators_in_five_dimensions() -> None:
    book = rulebook()
    assert (book.version, book.in_force_from, len(book.indicators)) == ("HH-2026.1", date(2026, 1, 1), 44)
    assert [(d.code, d.base, d.cap) for d in book.dimensions] == [
        ("A", 60, 100),
        ("B", 250, 300),
        ("C", 120, 250),
        ("D", 0, 200),
        ("E", 70, 150),
    ]


def test_the_positive_caps_of_each_dimension_fill_its_room_exactly() -> None:
    for dimension in rulebook().dimensions:
        caps = [i.cap for i in rulebook().indicators if i.dimension == dimension.code and not i.is_negative]
        assert dimension.base + sum(caps) == dimension.cap


def test_no_citation_names_an_article_that_nobody_has_checked() -> None:
    for indicator in rulebook().indicators:
        assert "条" not in indicator.legal_basis.replace("条例", "")


def test_repairable_records_live_no_longer_than_their_class_allows() -> None:
    longest = {Severity.MINOR: 3, Severity.GENERAL: 12, Severity.SERIOUS: 36}
    for indicator in rulebook().indicators:
        if isinstance(indicator.kind, SteppedDecay) and indicator.severity is not None:
            assert indicator.kind.steps[-1][0] <= longest[indicator.severity]
            for severity, steps in indicator.kind.steps_by_severity.items():
                assert steps[-1][0] <= longest[severity]


def test_only_the_supplementary_indicators_are_off_and_only_two_need_a_separate_consent() -> None:
    assert [i.code for i in rulebook().indicators if not i.enabled] == ["C12", "C13"]
    assert {i.code: i.sensitive for i in rulebook().indicators if i.sensitive} == {
        "D06": "BLOOD_DONATION",
        "E03": "MEDICAL",
    }


KEPT_AS = {
    "points": "each",
    "per": "per",
    "most_per_month": "most_per_month",
    "levels": "levels",
    "unit": "unit",
    "window_months": "window_months",
}


def test_every_number_of_the_file_reaches_the_rulebook() -> None:
    for data in PUBLISHED["indicators"]:
        indicator = rulebook().by_code[data["code"]]
        for field in (
            "name",
            "dimension",
            "nature",
            "cap",
            "department",
            "policy_item",
            "catalogue",
            "legal_basis",
        ):
            assert getattr(indicator, field) == data[field]
        assert indicator.severity == data.get("severity")
        for given_as, kept_as in KEPT_AS.items():
            if given_as in data:
                assert getattr(indicator.kind, kept_as) == data[given_as]
        for given_as, keys in (("steps", ("months", "points")), ("tiers", ("up_to", "units_a_point"))):
            if given_as in data:
                rows = tuple(tuple(row.get(k) for k in keys) for row in data[given_as])
                assert getattr(indicator.kind, given_as) == rows


N = AT["C05"]


@pytest.mark.parametrize(
    ("data", "place", "detail"),
    [
        (None, "文件", "应为一组“名称: 值”"),
        ([], "文件", "应为一组“名称: 值”"),
        (PUBLISHED | {"vresion": "x"}, "vresion", "不认识的字段，请检查拼写"),
        (PUBLISHED | {"version": 2026.1}, "version", "应为非空文字"),
        (PUBLISHED | {"in_force_from": "2026-13-01"}, "in_force_from", "应为日期，如 2026-01-01"),
        (PUBLISHED | {"dimensions": []}, "dimensions", "不能为空"),
        (PUBLISHED | {"grades": {}}, "grades", "应为列表"),
        (
            PUBLISHED | {"grades": [{"code": "G2", "name": "一般", "at_least": 500}]},
            "grades",
            "最低一个等级应从 0 分起，使每个得分都有等级",
        ),
        (
            PUBLISHED | {"dimensions": [{"code": "A", "name": "甲", "base": 120, "cap": 100}]},
            "dimensions[0].base",
            "应在 0 与上限 100 之间",
        ),
        (
            PUBLISHED | {"facts": [{"code": "A01", "name": "某", "department": "某", "legal_basis": "某"}]},
            "indicators",
            "代码 A01 重复",
        ),
        (changed("C05", window_month=12), f"indicators[{N}].window_month", "不认识的字段，请检查拼写"),
        (changed("C05", points="1"), f"indicators[{N}].points", "应为整数"),
        (changed("C05", points=True), f"indicators[{N}].points", "应为整数"),
        (changed("C05", per=0), f"indicators[{N}].per", "应为大于 0 的整数"),
        (changed("C05", window_months=-1), f"indicators[{N}].window_months", "应为大于 0 的整数"),
        (
            changed("C05", kind="per_book"),
            f"indicators[{N}].kind",
            "应为其中之一：per_unit、monthly_limited、tiered、level_map、while_listed、stepped_decay、unbroken_months",
        ),
        (changed("C05", nature="中性"), f"indicators[{N}].nature", "应为其中之一：正向、履约、失信"),
        (changed("C05", cap=0), f"indicators[{N}].cap", "正向指标的上限应大于 0"),
        (changed("C05", points=-1), f"indicators[{N}].kind", "正向、履约指标不能扣分"),
        (changed("C05", department=""), f"indicators[{N}].department", "应为非空文字"),
        (changed("C05", legal_basis=None), f"indicators[{N}].legal_basis", "应为非空文字"),
        (changed("C05", enabled="no"), f"indicators[{N}].enabled", "应为 true 或 false"),
        (changed("C05", dimension="Z"), "indicators", "C05 所属维度 Z 不存在"),
        (changed("C05", code="C06"), "indicators", "代码 C06 重复"),
        (changed("B14", cap=5), f"indicators[{AT['B14']}].cap", "失信指标的下限不能为正数"),
        (
            changed("B14", severity=None),
            f"indicators[{AT['B14']}].severity",
            "失信指标须写明类别：轻微、一般或严重",
        ),
        (
            changed("B14", severity="很严重"),
            f"indicators[{AT['B14']}].severity",
            "应为其中之一：轻微、一般、严重",
        ),
        (changed("B14", steps=[]), f"indicators[{AT['B14']}].steps", "至少写一档"),
        (
            changed("B14", steps=[{"months": 12, "points": 20}]),
            f"indicators[{AT['B14']}].kind",
            "失信指标不能加分",
        ),
        (
            changed("B12", steps=[{"months": 12, "points": -9}, {"months": 12, "points": -5}]),
            f"indicators[{AT['B12']}].steps[1].months",
            "应大于上一档的 12 个月",
        ),
        (
            changed("B18", steps_by_severity={"特别严重": []}),
            f"indicators[{AT['B18']}].steps_by_severity.特别严重",
            "不认识的字段，请检查拼写",
        ),
        (changed("D01", tiers=[]), f"indicators[{AT['D01']}].tiers", "至少写一档"),
        (
            changed("D01", tiers=[{"up_to": 20, "units_a_point": 1}, {"up_to": 10, "units_a_point": 2}]),
            f"indicators[{AT['D01']}].tiers[1].up_to",
            "应大于上一档的 20",
        ),
        (changed("D03", levels={}), f"indicators[{AT['D03']}].levels", "至少写一个级别及其分值"),
        (changed("D03", levels={"市级": "三十"}), f"indicators[{AT['D03']}].levels.市级", "应为整数分值"),
    ],
)
def test_each_fault_is_told_with_its_place(data: object, place: str, detail: str) -> None:
    assert (place, detail) in faults_of(data)


def test_all_faults_are_told_at_once() -> None:
    data = changed("C05", points="一", departmnet="某")
    data["grades"][0]["at_least"] = None
    assert [place for place, _ in faults_of(data)] == [
        "grades[0].at_least",
        f"indicators[{N}].points",
        f"indicators[{N}].departmnet",
    ]


@given(spoiled(PUBLISHED))
def test_however_a_file_is_spoiled_it_is_read_or_refused_but_never_crashes(data: object) -> None:
    try:
        assert isinstance(read_rulebook(data), Rulebook)
    except InvalidRules as refused:
        assert all(fault.place and fault.detail for fault in refused.faults)


@given(
    st.recursive(st.none() | st.integers() | st.text(), lambda x: st.lists(x) | st.dictionaries(st.text(), x))
)
def test_anything_that_is_no_rulebook_is_refused(data: object) -> None:
    assert faults_of(data)
