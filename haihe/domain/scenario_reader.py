"""A scenario as administrators write it (already parsed) becomes a `Scenario`, or a list of what is wrong with it.

What is unlawful is refused here, with the rule it breaks: a scenario can only give something extra.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from haihe.domain.criteria import (
    AgeBetween,
    All,
    AnyOf,
    ConsentedTo,
    Criterion,
    DimensionAtLeast,
    DistrictIn,
    NoRecordOf,
    NoShowsAtMost,
    Not,
    PointsAtLeast,
    RunningOrdersAtMost,
    Stated,
)
from haihe.domain.districts import DISTRICTS
from haihe.domain.reading import Fault, Reader, refuse
from haihe.domain.rulebook import Rulebook
from haihe.domain.scenarios import (
    PAY_WITHIN_DAYS,
    BenefitType,
    Offer,
    Period,
    Quota,
    Scenario,
    ScenarioState,
    SharedPeriod,
    SharedQuota,
)

DOMAINS = ("医疗", "养老", "家政", "旅游", "购物", "出行", "文化")
SENSITIVE_LABELS = {"MEDICAL": "医疗信用订单", "BLOOD_DONATION": "无偿献血"}
NEVER_GATED = ("急诊", "急救", "抢救", "义务教育", "最低生活保障", "法律援助")
HIGHEST = 1000
DEEPEST = 6


def read_scenario(data: object, rulebook: Rulebook, revision: int, state: ScenarioState) -> Scenario:
    """Take one parsed scenario; `InvalidRules` with code SCENARIO_INVALID lists every fault."""
    faults: list[Fault] = []
    r = Reader(data, "", faults)
    scenario = Scenario(
        code=r.text("code"),
        revision=revision,
        name=r.text("name"),
        domain=r.text("domain"),
        lead_department=r.text("lead_department"),
        partner_kind=r.text("partner_kind"),
        benefit_type=r.choice("benefit_type", BenefitType),
        offers=tuple(_offer(o, rulebook) for o in r.readers("offers")),
        criterion=_criterion(r.data.get("criteria"), r.at("criteria"), rulebook, faults),
        quotas=tuple(_quota(q) for q in r.readers("quotas")),
        districts=tuple(str(d) for d in r.items("districts")) or tuple(DISTRICTS),
        valid_from=r.day("valid_from"),
        valid_to=r.optional_day("valid_to"),
        default_terms=r.text("default_terms"),
        legal_note=r.text("legal_note"),
        pia_reference=r.text("pia_reference"),
        needs_resident_confirmation=r.flag("needs_resident_confirmation", False),
        state=state,
        shared_quotas=tuple(_shared_quota(q) for q in r.readers("shared_quotas")),
        pay_within_days=r.positive("pay_within_days", PAY_WITHIN_DAYS),
    )
    r.seen.add("criteria")
    r.close()
    _check_lawful(scenario, r)
    refuse("SCENARIO_INVALID", faults)
    return scenario


def _check_lawful(scenario: Scenario, r: Reader) -> None:
    """The validator: what a configuration may never do."""
    if scenario.domain not in DOMAINS:
        r.fault("domain", f"应为其中之一：{'、'.join(DOMAINS)}", "实施方案第九条")
    if not scenario.offers:
        r.fault("offers", "至少写一档优惠")
    elif scenario.offers[0].criterion is not None:
        r.fault("offers[0].criteria", "第一档面向所有符合条件的居民，不能再加条件")
    for n, offer in enumerate(scenario.offers[1:], start=1):
        if offer.criterion is None:
            r.fault(f"offers[{n}].criteria", "第一档以外的优惠须写明条件")
    for district in scenario.districts:
        if district not in DISTRICTS:
            r.fault("districts", f"{district} 不是本市十六个区的代码", "GB/T 2260")
    if scenario.valid_to is not None and scenario.valid_to < scenario.valid_from:
        r.fault("valid_to", "不能早于开始日期")
    for word in NEVER_GATED:
        if word in scenario.name or any(word in o.label for o in scenario.offers):
            r.fault("name", f"「{word}」属基本公共服务，不得以积分设限", "国办发〔2020〕49号；激励性原则")


def _offer(r: Reader, rulebook: Rulebook) -> Offer:
    criterion = None
    if r.has("criteria"):
        criterion = _criterion(r.data["criteria"], r.at("criteria"), rulebook, r.faults)
    quotas = tuple(_quota(q) for q in r.readers("quotas"))
    offer = Offer(r.text("label"), r.positive("ceiling_fen"), criterion, quotas)
    r.close()
    return offer


def _quota(r: Reader) -> Quota:
    quota = Quota(r.choice("period", Period), r.integer("at_most"), r.flag("each_merchant", False))
    if quota.at_most <= 0:
        r.fault("at_most", "限额为 0 等于不开放，请写大于 0 的整数，或暂停该场景")
    r.close()
    return quota


def _shared_quota(r: Reader) -> SharedQuota:
    quota = SharedQuota(
        r.choice("period", SharedPeriod), r.positive("at_most"), r.flag("each_merchant", False)
    )
    r.close()
    return quota


def _criterion(
    data: object, place: str, rulebook: Rulebook, faults: list[Fault], depth: int = 1
) -> Criterion:
    """One node: a mapping with exactly one key, the criterion's name."""
    if depth > DEEPEST:
        faults.append(Fault(place, f"条件最多嵌套 {DEEPEST} 层，请拆简单些"))
        return All(())
    if not isinstance(data, Mapping) or len(data) != 1:
        faults.append(Fault(place, "每个条件写成“名称: 值”，一处只写一个"))
        return All(())
    ((name, value),) = data.items()
    here = f"{place}.{name}"
    if name in ("all", "any"):
        if not isinstance(value, list) or (name == "any" and not value):
            faults.append(Fault(here, "应为条件的列表"))
            return All(())
        parts = tuple(_criterion(v, f"{here}[{n}]", rulebook, faults, depth + 1) for n, v in enumerate(value))
        return All(parts) if name == "all" else AnyOf(parts)
    if name == "not":
        return Not(_criterion(value, here, rulebook, faults, depth + 1))
    return _predicate(str(name), value, Reader(data, place, faults), rulebook)


def _predicate(name: str, value: Any, r: Reader, rulebook: Rulebook) -> Criterion:
    """A named predicate with its parameter, read from the mapping that holds it under its name."""
    match name:
        case "points_at_least":
            return PointsAtLeast(_points(r, name, HIGHEST))
        case "grade_at_least":
            grade = next((g for g in rulebook.grades if g.code == value), None)
            if grade is None:
                r.fault(name, f"应为等级代码：{'、'.join(g.code for g in rulebook.grades)}")
            return PointsAtLeast(grade.at_least if grade else 0)
        case "dimension_at_least":
            inner = Reader(value, r.at(name), r.faults)
            dimension = rulebook.dimension_by_code.get(inner.text("dimension"))
            points = _points(inner, "points", dimension.cap if dimension else HIGHEST)
            inner.close()
            if dimension is None:
                inner.fault("dimension", f"应为维度代码：{'、'.join(rulebook.dimension_by_code)}")
                return All(())
            return DimensionAtLeast(dimension.code, dimension.name, points)
        case "age_between":
            return _ages(r, name, value)
        case "district_in":
            districts = tuple(str(d) for d in r.items(name))
            if not districts:
                r.fault(name, "至少写一个区的代码")
            for unknown in (d for d in districts if d not in DISTRICTS):
                r.fault(name, f"{unknown} 不是本市十六个区的代码", "GB/T 2260")
            return DistrictIn(tuple(d for d in districts if d in DISTRICTS))
        case "no_record_of":
            codes = tuple(str(c) for c in r.items(name))
            if not codes:
                r.fault(name, "至少写一个失信指标的代码")
            known = {i.code: i.name for i in rulebook.indicators if i.is_negative}
            for unknown in (c for c in codes if c not in known):
                r.fault(name, f"{unknown} 不是目录内的失信指标", "公共信用信息目录制")
            return NoRecordOf(codes, tuple(known.get(c, c) for c in codes))
        case "consented_to":
            if str(value) not in SENSITIVE_LABELS:
                r.fault(name, f"应为其中之一：{'、'.join(SENSITIVE_LABELS)}")
            return ConsentedTo(str(value), SENSITIVE_LABELS.get(str(value), str(value)))
        case "stated":
            fact = rulebook.fact_by_code.get(str(value))
            if fact is None:
                r.fault(name, f"应为资格事实代码：{'、'.join(rulebook.fact_by_code)}")
            return Stated(str(value), fact.name if fact else str(value))
        case "running_orders_at_most" | "no_shows_at_most":
            at_most = r.integer(name)
            if at_most < 0:
                r.fault(name, "应为 0 或更大的整数")
            return (
                RunningOrdersAtMost(at_most) if name == RunningOrdersAtMost.name else NoShowsAtMost(at_most)
            )
    r.fault(name, "不认识的条件；不得使用年龄以外的个人特征、收入、病史等信息设限", "个人信息保护法")
    return All(())


def _points(r: Reader, key: str, highest: int) -> int:
    points = r.integer(key)
    if not 0 <= points <= highest:
        r.fault(key, f"应在 0 与 {highest} 之间")
    return points


def _ages(r: Reader, key: str, value: Any) -> Criterion:
    ages = value if isinstance(value, list) else []
    numbers = [a for a in ages if isinstance(a, int) and not isinstance(a, bool) and a >= 0]
    if len(ages) != 2 or not numbers or len(numbers) + ages.count(None) != 2 or numbers != sorted(numbers):
        r.fault(key, "应为 [下限, 上限]，不限的一端写 null")
        return All(())
    return AgeBetween(ages[0], ages[1])
