"""判定: may this resident have this benefit now? One decision, told in two ways.

The resident is told every finding; the merchant is told `code`, which says no more than that.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from haihe.domain.criteria import Answer, Finding
from haihe.domain.dates import age_on
from haihe.domain.facts import ADULT_AGE, Facts
from haihe.domain.scenarios import Offer, Period, Quota, Scenario


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


def decide(facts: Facts, scenario: Scenario, on: date) -> Decision:
    """Whether somebody with these facts may have this benefit on this day, with every finding."""
    if not scenario.open_on(on):
        finding = Finding(Answer.UNMET, "open", "场景开放中", "该优惠目前未开放")
        return Decision(Outcome.NOT_AVAILABLE, MerchantCode.SCENARIO_CLOSED, (finding,), None)
    if not facts.joined:
        finding = Finding(Answer.UNKNOWN, "joined", "已开通海河分", "尚未开通海河分")
        return Decision(Outcome.NOT_AVAILABLE, MerchantCode.NOT_AVAILABLE, (finding,), None)
    if facts.birth_date is not None and age_on(facts.birth_date, on) < ADULT_AGE:
        finding = Finding(Answer.UNMET, "adult", f"年满 {ADULT_AGE} 周岁", f"年满 {ADULT_AGE} 周岁后可用")
        return Decision(Outcome.NOT_ELIGIBLE, MerchantCode.NOT_AVAILABLE, (finding,), None)
    verdict = scenario.criterion.judge(facts, on)
    quotas = tuple(_check(q, scenario.code, facts) for q in scenario.quotas)
    findings = verdict.findings + quotas
    if verdict.answer is not Answer.MET:
        unknown = verdict.answer is Answer.UNKNOWN
        outcome = Outcome.NOT_AVAILABLE if unknown else Outcome.NOT_ELIGIBLE
        return Decision(outcome, MerchantCode.NOT_AVAILABLE, findings, None)
    if any(f.answer is not Answer.MET for f in quotas):
        return Decision(Outcome.NOT_ELIGIBLE, MerchantCode.QUOTA_USED_UP, findings, None)
    return Decision(Outcome.ELIGIBLE, MerchantCode.OK, findings, best_offer(scenario, facts, on))


def best_offer(scenario: Scenario, facts: Facts, on: date) -> Offer:
    """The best of the scenario's offers that these facts reach; the first one is open to every eligible resident."""
    reached = [
        o for o in scenario.offers if o.criterion is None or o.criterion.judge(facts, on).answer is Answer.MET
    ]
    return reached[-1]


def _check(quota: Quota, scenario: str, facts: Facts) -> Finding:
    counts = {Period.RUNNING: facts.running, Period.MONTH: facts.this_month, Period.YEAR: facts.this_year}
    used = counts[quota.period].get(scenario, 0)
    if used >= quota.at_most:
        return Finding(
            Answer.UNMET,
            "quota",
            quota.sentence(),
            f"已用 {used} 次，{quota.sentence()}",
            used + 1 - quota.at_most,
        )
    return Finding(Answer.MET, "quota", quota.sentence(), f"还可使用 {quota.at_most - used} 次")
