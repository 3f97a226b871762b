"""A scenario that an administrator wrote: lawful and whole, or refused with every fault, its place and the rule it breaks."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given

from haihe.domain.districts import DISTRICTS
from haihe.domain.reading import InvalidRules
from haihe.domain.scenario_reader import read_scenario
from haihe.domain.scenarios import Period, Quota, Scenario, ScenarioState
from tests.domain.published import SCENARIO_FILES, load, rulebook, scenarios
from tests.domain.spoiling import spoiled

FILES: dict[str, dict[str, Any]] = {path.stem: load(path) for path in SCENARIO_FILES}
RENTAL = FILES["XYZ-02"]
MISSPELT = "不认识的字段，请检查拼写"


def read(data: object) -> Scenario:
    return read_scenario(data, rulebook(), 3, ScenarioState.DRAFT)


def faults_of(data: object) -> list[tuple[str, str, str]]:
    with pytest.raises(InvalidRules) as refused:
        read(data)
    assert refused.value.code == "SCENARIO_INVALID"
    return [(f.place, f.detail, f.basis) for f in refused.value.faults]


def with_criterion(name: str, value: object) -> dict[str, Any]:
    return RENTAL | {"criteria": {"all": [{"points_at_least": 650}, {name: value}]}}


def test_the_seventeen_scenarios_are_each_in_a_file_of_their_own_name() -> None:
    assert [path.stem for path in SCENARIO_FILES] == [f"XYZ-{n:02}" for n in range(1, 18)]
    assert all(FILES[code]["code"] == code for code in FILES)


def test_the_six_fields_of_life_that_the_city_plan_names_are_all_there() -> None:
    assert {"医疗", "养老", "家政", "旅游", "购物", "出行"} <= {s.domain for s in scenarios().values()}


def test_every_offer_of_a_ladder_is_reachable_and_better_ones_ask_for_more() -> None:
    for scenario in scenarios().values():
        assert scenario.offers[0].criterion is None
        ceilings = [offer.ceiling_fen for offer in scenario.offers]
        assert ceilings == sorted(ceilings)


def test_every_scenario_says_what_everybody_else_gets_and_why_it_is_lawful() -> None:
    for scenario in scenarios().values():
        assert len(scenario.default_terms) > 10
        assert "国办发〔2020〕49号" in scenario.legal_note
        assert scenario.pia_reference == f"PIA-2026-{scenario.code[-2:]}"


def test_every_value_of_the_file_reaches_the_scenario() -> None:
    for code, data in FILES.items():
        scenario = scenarios()[code]
        for field in (
            "name",
            "domain",
            "lead_department",
            "partner_kind",
            "benefit_type",
            "valid_from",
            "default_terms",
            "legal_note",
            "pia_reference",
            "needs_resident_confirmation",
        ):
            assert getattr(scenario, field) == data[field]
        offers = [
            (o["label"], o["ceiling_fen"], "criteria" in o, len(o.get("quotas", []))) for o in data["offers"]
        ]
        assert [
            (o.label, o.ceiling_fen, o.criterion is not None, len(o.quotas)) for o in scenario.offers
        ] == offers
        quotas = [Quota(Period(q["period"]), q["at_most"]) for q in data.get("quotas", [])]
        assert list(scenario.quotas) == quotas


def test_the_revision_and_the_state_come_from_outside_the_file() -> None:
    assert (read(RENTAL).revision, read(RENTAL).state) == (3, ScenarioState.DRAFT)
    assert ("state", MISSPELT, "") in faults_of(RENTAL | {"state": "PUBLISHED"})


def test_without_districts_a_scenario_is_open_in_all_sixteen() -> None:
    assert read(RENTAL).districts == tuple(DISTRICTS)
    assert read(RENTAL | {"districts": ["120101"]}).districts == ("120101",)


@pytest.mark.parametrize(
    ("data", "place", "detail", "basis"),
    [
        (
            RENTAL | {"domain": "信贷"},
            "domain",
            "应为其中之一：医疗、养老、家政、旅游、购物、出行、文化",
            "实施方案第九条",
        ),
        (
            RENTAL | {"name": "急诊先付费"},
            "name",
            "「急诊」属基本公共服务，不得以积分设限",
            "国办发〔2020〕49号；激励性原则",
        ),
        (
            RENTAL | {"offers": [{"label": "义务教育入学优先", "ceiling_fen": 1}]},
            "name",
            "「义务教育」属基本公共服务，不得以积分设限",
            "国办发〔2020〕49号；激励性原则",
        ),
        (RENTAL | {"districts": ["110101"]}, "districts", "110101 不是本市十六个区的代码", "GB/T 2260"),
        (
            with_criterion("district_in", ["110101"]),
            "criteria.all[1].district_in",
            "110101 不是本市十六个区的代码",
            "GB/T 2260",
        ),
        (
            with_criterion("no_record_of", ["X99"]),
            "criteria.all[1].no_record_of",
            "X99 不是目录内的失信指标",
            "公共信用信息目录制",
        ),
        (
            with_criterion("no_record_of", ["D01"]),
            "criteria.all[1].no_record_of",
            "D01 不是目录内的失信指标",
            "公共信用信息目录制",
        ),
        (
            with_criterion("income_at_least", 9000),
            "criteria.all[1].income_at_least",
            "不认识的条件；不得使用年龄以外的个人特征、收入、病史等信息设限",
            "个人信息保护法",
        ),
        (RENTAL | {"lead_department": None}, "lead_department", "应为非空文字", ""),
        (RENTAL | {"pia_reference": " "}, "pia_reference", "应为非空文字", ""),
        (RENTAL | {"default_terms": None}, "default_terms", "应为非空文字", ""),
        (
            RENTAL | {"benefit_type": "SURCHARGE"},
            "benefit_type",
            "应为其中之一：DEPOSIT_WAIVER、PAY_LATER、DISCOUNT、FREE_QUOTA、PRIORITY_NONESSENTIAL",
            "",
        ),
        (
            RENTAL | {"quotas": [{"period": "RUNNING", "at_most": 0}]},
            "quotas[0].at_most",
            "限额为 0 等于不开放，请写大于 0 的整数，或暂停该场景",
            "",
        ),
        (
            RENTAL | {"quotas": [{"period": "WEEK", "at_most": 1}]},
            "quotas[0].period",
            "应为其中之一：RUNNING、MONTH、YEAR",
            "",
        ),
        (RENTAL | {"offers": []}, "offers", "至少写一档优惠", ""),
        (
            RENTAL | {"offers": [{"label": "免押", "ceiling_fen": 0}]},
            "offers[0].ceiling_fen",
            "应为大于 0 的整数",
            "",
        ),
        (
            RENTAL | {"offers": [{"label": "免押", "ceiling_fen": 1, "criteria": {"all": []}}]},
            "offers[0].criteria",
            "第一档面向所有符合条件的居民，不能再加条件",
            "",
        ),
        (
            RENTAL | {"offers": [{"label": "甲", "ceiling_fen": 1}, {"label": "乙", "ceiling_fen": 1}]},
            "offers[1].criteria",
            "第一档以外的优惠须写明条件",
            "",
        ),
        (RENTAL | {"valid_to": "2025-12-31"}, "valid_to", "不能早于开始日期", ""),
        (RENTAL | {"critera": {}}, "critera", MISSPELT, ""),
        (
            RENTAL | {"offers": [{"label": "免押", "ceiling_fen": 1, "celling": 2}]},
            "offers[0].celling",
            MISSPELT,
            "",
        ),
        (RENTAL | {"criteria": None}, "criteria", "每个条件写成“名称: 值”，一处只写一个", ""),
        (
            RENTAL | {"criteria": {"points_at_least": 1, "stated": "F01"}},
            "criteria",
            "每个条件写成“名称: 值”，一处只写一个",
            "",
        ),
        (RENTAL | {"criteria": {"any": []}}, "criteria.any", "应为条件的列表", ""),
        (
            RENTAL | {"criteria": {"not": {"points": 1}}},
            "criteria.not.points",
            "不认识的条件；不得使用年龄以外的个人特征、收入、病史等信息设限",
            "个人信息保护法",
        ),
        (
            with_criterion("points_at_least", 1001),
            "criteria.all[1].points_at_least",
            "应在 0 与 1000 之间",
            "",
        ),
        (with_criterion("points_at_least", "高"), "criteria.all[1].points_at_least", "应为整数", ""),
        (
            with_criterion("grade_at_least", "G9"),
            "criteria.all[1].grade_at_least",
            "应为等级代码：G5、G4、G3、G2、G1",
            "",
        ),
        (
            with_criterion("dimension_at_least", {"dimension": "Z", "points": 1}),
            "criteria.all[1].dimension_at_least.dimension",
            "应为维度代码：A、B、C、D、E",
            "",
        ),
        (
            with_criterion("dimension_at_least", {"dimension": "A", "points": 101}),
            "criteria.all[1].dimension_at_least.points",
            "应在 0 与 100 之间",
            "",
        ),
        (
            with_criterion("dimension_at_least", {"dimension": "A", "points": 1, "ponts": 2}),
            "criteria.all[1].dimension_at_least.ponts",
            MISSPELT,
            "",
        ),
        (
            with_criterion("age_between", [60]),
            "criteria.all[1].age_between",
            "应为 [下限, 上限]，不限的一端写 null",
            "",
        ),
        (
            with_criterion("age_between", [None, None]),
            "criteria.all[1].age_between",
            "应为 [下限, 上限]，不限的一端写 null",
            "",
        ),
        (
            with_criterion("age_between", [60, 18]),
            "criteria.all[1].age_between",
            "应为 [下限, 上限]，不限的一端写 null",
            "",
        ),
        (
            with_criterion("age_between", [True, 60]),
            "criteria.all[1].age_between",
            "应为 [下限, 上限]，不限的一端写 null",
            "",
        ),
        (with_criterion("district_in", []), "criteria.all[1].district_in", "至少写一个区的代码", ""),
        (with_criterion("no_record_of", []), "criteria.all[1].no_record_of", "至少写一个失信指标的代码", ""),
        (
            with_criterion("consented_to", "INCOME"),
            "criteria.all[1].consented_to",
            "应为其中之一：MEDICAL、BLOOD_DONATION",
            "",
        ),
        (with_criterion("stated", "F99"), "criteria.all[1].stated", "应为资格事实代码：F01、F02、F03", ""),
        (
            with_criterion("running_orders_at_most", -1),
            "criteria.all[1].running_orders_at_most",
            "应为 0 或更大的整数",
            "",
        ),
    ],
)
def test_each_fault_is_told_with_its_place_and_its_rule(
    data: object, place: str, detail: str, basis: str
) -> None:
    assert (place, detail, basis) in faults_of(data)


def test_criteria_nested_beyond_reading_are_refused_and_do_not_exhaust_the_reader() -> None:
    criterion: dict[str, Any] = {"points_at_least": 600}
    for _ in range(5000):
        criterion = {"not": criterion}
    ((_place, detail, _basis),) = faults_of(RENTAL | {"criteria": criterion})
    assert detail == "条件最多嵌套 6 层，请拆简单些"


def test_all_faults_are_told_at_once() -> None:
    data = deepcopy(RENTAL) | {"domain": "信贷", "pia_reference": None, "quota": []}
    assert [place for place, _, _ in faults_of(data)] == ["pia_reference", "quota", "domain"]


@given(spoiled(*FILES.values()))
def test_however_a_file_is_spoiled_it_is_read_or_refused_but_never_crashes(data: object) -> None:
    try:
        scenario = read(data)
    except InvalidRules as refused:
        assert all(fault.place and fault.detail for fault in refused.faults)
    else:
        assert scenario.criterion.sentence()
