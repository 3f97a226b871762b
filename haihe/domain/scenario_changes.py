"""两版对照: a scenario in words, field by field, and what differs between one revision and another."""

from __future__ import annotations

from dataclasses import dataclass

from haihe.domain.districts import DISTRICTS
from haihe.domain.explaining import yuan
from haihe.domain.scenarios import BenefitType, Offer, Scenario, SharedPeriod, SharedQuota

BENEFIT_NAMES = {
    BenefitType.DEPOSIT_WAIVER: "免押金",
    BenefitType.PAY_LATER: "先享后付",
    BenefitType.DISCOUNT: "折扣优惠",
    BenefitType.FREE_QUOTA: "免费额度",
    BenefitType.PRIORITY_NONESSENTIAL: "便利优先（非基本公共服务）",
}
SHARED_PERIOD_NAMES = {
    SharedPeriod.RUNNING: "同时进行",
    SharedPeriod.DAY: "每天",
    SharedPeriod.MONTH: "每月",
    SharedPeriod.YEAR: "每年",
    SharedPeriod.EVER: "总共",
}


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One field in which two revisions differ; `before` is empty where there was nothing."""

    name: str
    before: str
    after: str


def in_words(scenario: Scenario) -> dict[str, str]:
    """Every field of a scenario by its Chinese name, as people read it."""
    return {
        "名称": scenario.name,
        "领域": scenario.domain,
        "牵头部门": scenario.lead_department,
        "商户类别": scenario.partner_kind,
        "优惠类型": BENEFIT_NAMES[scenario.benefit_type],
        "准入条件": scenario.criterion.sentence(),
        **{f"优惠第 {n} 档": _offer(o) for n, o in enumerate(scenario.offers, start=1)},
        "每人限额": "；".join(q.sentence() for q in scenario.quotas) or "不限",
        "总量": "；".join(_shared(q) for q in scenario.shared_quotas) or "不限",
        "适用区": "全市"
        if len(scenario.districts) == len(DISTRICTS)
        else "、".join(DISTRICTS[d] for d in scenario.districts),
        "开始日期": scenario.valid_from.isoformat(),
        "结束日期": scenario.valid_to.isoformat() if scenario.valid_to else "长期",
        "完成后几日内付清": f"{scenario.pay_within_days} 日",
        "默认办理方式": scenario.default_terms,
        "法律依据": scenario.legal_note,
        "影响评估编号": scenario.pia_reference,
        "开单须居民确认": "是" if scenario.needs_resident_confirmation else "否",
    }


def changes(before: Scenario | None, after: Scenario) -> list[FieldChange]:
    """The fields in which two revisions differ, in the order in which a scenario is read; all of them where it is new."""
    was = in_words(before) if before is not None else {}
    will = in_words(after)
    names = list(dict.fromkeys([*will, *was]))
    return [
        FieldChange(name, was.get(name, ""), will.get(name, ""))
        for name in names
        if was.get(name) != will.get(name)
    ]


def _offer(offer: Offer) -> str:
    parts = [offer.label, f"额度 {yuan(offer.ceiling_fen)} 元"]
    if offer.criterion is not None:
        parts.append(f"条件：{offer.criterion.sentence()}")
    parts.extend(q.sentence() for q in offer.quotas)
    return "；".join(parts)


def _shared(quota: SharedQuota) -> str:
    each = "每家商户" if quota.each_merchant else "全市"
    return f"{each}{SHARED_PERIOD_NAMES[quota.period]}不超过 {quota.at_most} 次"
