"""判定: may this resident have this benefit now? One decision, told in two ways.

The resident is told every finding; the merchant is told `code`, which says no more than that.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from haihe.domain.criteria import AgeBetween, Answer, Finding
from haihe.domain.facts import ADULT_AGE, Facts
from haihe.domain.scenarios import Offer, Period, Quota, Scenario

ADULT = AgeBetween(youngest=ADULT_AGE, oldest=None)
# Where each period stands in `Counts`.
PLACES = {Period.RUNNING: 0, Period.MONTH: 1, Period.YEAR: 2}


class Outcome(StrEnum):
    """Yes; no, for reasons; or not to be answered for want of consent or data."""

    ELIGIBLE = "ELIGIBLE"
    NOT_ELIGIBLE = "NOT_ELIGIBLE"
    NOT_AVAILABLE = "NOT_AVAILABLE"


class MerchantCode(StrEnum):
    """All that a merchant can ever be told. Not joined, not agreed and too few points look alike."""

    OK = "OK"
    NOT_AVAILABLE = "NOT_AVAILABLE"
    CODE_EXPIRED = "CODE_EXPIRED"
    SCENARIO_CLOSED = "SCENARIO_CLOSED"
    QUOTA_USED_UP = "QUOTA_USED_UP"
    OUT_OF_AREA = "OUT_OF_AREA"


@dataclass(frozen=True, slots=True)
class Decision:
    """The outcome with everything it rests on. `offer` is what is given, None unless eligible."""

    outcome: Outcome
    code: MerchantCode
    findings: tuple[Finding, ...]
    offer: Offer | None


def decide(
    facts: Facts, scenario: Scenario, on: date, district: str | None = None, merchant_id: int | None = None
) -> Decision:
    """Whether somebody with these facts may have this benefit on this day, with every finding.

    `district` and `merchant_id` are where it is to be used, None where nobody has asked for a place yet: what is left at
    one merchant then stands in nobody's way, since there is another.
    """
    barred = _barred(facts, scenario, on, district)
    if barred is not None:
        return barred
    verdict = scenario.criterion.judge(facts, on)
    used = _Used(facts, scenario.code, merchant_id)
    offer, offer_quotas = _best_offer(scenario, facts, on, used)
    quotas = used.check(scenario.quotas) + offer_quotas
    findings = verdict.findings + quotas
    if verdict.answer is not Answer.MET:
        unknown = verdict.answer is Answer.UNKNOWN
        outcome = Outcome.NOT_AVAILABLE if unknown else Outcome.NOT_ELIGIBLE
        return Decision(outcome, MerchantCode.NOT_AVAILABLE, findings, None)
    if not _all_met(quotas):
        return Decision(Outcome.NOT_ELIGIBLE, MerchantCode.QUOTA_USED_UP, findings, None)
    return Decision(Outcome.ELIGIBLE, MerchantCode.OK, findings, offer)


def _barred(facts: Facts, scenario: Scenario, on: date, district: str | None) -> Decision | None:
    """What settles the matter before any criterion is looked at; None where nothing does.

    The scenario and the place come first: they say nothing about the resident. Only adults take part, so somebody whose
    age nobody has confirmed is not given a yes.
    """
    if not scenario.open_on(on):
        finding = Finding(Answer.UNMET, "open", "场景开放中", "该优惠目前未开放")
        return Decision(Outcome.NOT_AVAILABLE, MerchantCode.SCENARIO_CLOSED, (finding,), None)
    if district is not None and district not in scenario.districts:
        finding = Finding(Answer.UNMET, "area", "在开放的区使用", "该优惠在这个区尚未开放")
        return Decision(Outcome.NOT_AVAILABLE, MerchantCode.OUT_OF_AREA, (finding,), None)
    if not facts.joined:
        finding = Finding(Answer.UNKNOWN, "joined", "已开通海河分", "尚未开通海河分")
        return Decision(Outcome.NOT_AVAILABLE, MerchantCode.NOT_AVAILABLE, (finding,), None)
    (adult,) = ADULT.judge(facts, on).findings
    if adult.answer is Answer.MET:
        return None
    outcome = Outcome.NOT_ELIGIBLE if adult.answer is Answer.UNMET else Outcome.NOT_AVAILABLE
    return Decision(outcome, MerchantCode.NOT_AVAILABLE, (adult,), None)


def _best_offer(scenario: Scenario, facts: Facts, on: date, used: _Used) -> tuple[Offer, tuple[Finding, ...]]:
    """The best offer within reach, with what its own quotas say; if all are used up, the best one regardless."""
    reached = [
        (o, used.check(o.quotas))
        for o in scenario.offers
        if o.criterion is None or o.criterion.judge(facts, on).answer is Answer.MET
    ]
    usable = [(offer, quotas) for offer, quotas in reached if _all_met(quotas)]
    return (usable or reached)[-1]


def _all_met(findings: Iterable[Finding]) -> bool:
    return all(f.answer is Answer.MET for f in findings)


@dataclass(frozen=True, slots=True)
class _Used:
    """What somebody has used of a scenario, in all and at the merchant that asks."""

    facts: Facts
    scenario: str
    merchant_id: int | None

    def check(self, quotas: Iterable[Quota]) -> tuple[Finding, ...]:
        return tuple(self._check_one(q) for q in quotas)

    def _check_one(self, quota: Quota) -> Finding:
        if quota.each_merchant and self.merchant_id is None:
            return Finding(Answer.MET, "quota", quota.sentence(), "每家商户分别计算")
        used = self._count(quota)
        if used >= quota.at_most:
            return Finding(
                Answer.UNMET,
                "quota",
                quota.sentence(),
                f"已用 {used} 次，{quota.sentence()}",
                used + 1 - quota.at_most,
            )
        return Finding(Answer.MET, "quota", quota.sentence(), f"还可使用 {quota.at_most - used} 次")

    def _count(self, quota: Quota) -> int:
        facts = self.facts
        if quota.each_merchant:
            merchants = facts.at_merchant.get(self.scenario, {})
            return merchants.get(self.merchant_id or 0, (0, 0, 0))[PLACES[quota.period]]
        counts = {Period.RUNNING: facts.running, Period.MONTH: facts.this_month, Period.YEAR: facts.this_year}
        return counts[quota.period].get(self.scenario, 0)
