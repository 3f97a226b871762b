"""优惠: what this resident can use now, and for the rest what is missing and by how much."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from haihe.domain.criteria import Answer, Finding, PointsAtLeast
from haihe.domain.eligibility import Decision, Outcome, decide
from haihe.domain.errors import NotFound
from haihe.domain.explaining import DecisionExplanation, explain_decision
from haihe.domain.facts import NOT_JOINED, Facts
from haihe.domain.scenarios import Offer, Period, Quota, Scenario
from haihe.domain.scoring import FORESEEN_MONTHS, Change
from haihe.usecases.context import Context, day_of
from haihe.usecases.gather_facts import gather_facts


@dataclass(frozen=True, slots=True)
class ShownQuota:
    """每人限额, with what is used and left: None where each merchant counts for itself."""

    period: Period
    at_most: int
    each_merchant: bool
    used: int | None
    left: int | None
    sentence: str


@dataclass(frozen=True, slots=True)
class NextOffer:
    """The nearest better offer, what it asks that is not met yet, and how many points are missing, if points are."""

    offer: Offer
    findings: tuple[Finding, ...]
    gap: int | None


@dataclass(frozen=True, slots=True)
class ShownBenefit:
    """One scenario for one resident. `gap` is how many points are missing, None where points are not what is missing."""

    scenario: Scenario
    decision: Decision
    told: DecisionExplanation
    gap: int | None
    quotas: tuple[ShownQuota, ...]
    next_offer: NextOffer | None

    @property
    def eligible(self) -> bool:
        """A yes, now."""
        return self.decision.outcome is Outcome.ELIGIBLE

    def nearness(self) -> tuple[bool, int, int, str]:
        """Eligible first, then the nearest: the fewest other things missing, the fewest points missing."""
        others = sum(
            f.answer is not Answer.MET and f.criterion != PointsAtLeast.name for f in self.decision.findings
        )
        return not self.eligible, others, self.gap or 0, self.scenario.code


@dataclass(frozen=True, slots=True)
class _Known:
    """What is known of whoever is looking."""

    facts: Facts
    next_changes: tuple[Change, ...]
    on: date


def show_benefits(ctx: Context, resident_id: int | None, at: datetime) -> list[ShownBenefit]:
    """Every public scenario; somebody who has not joined sees them all, with what everybody gets anyway."""
    known = _know(ctx, resident_id, at)
    return sorted((_shown(s, known) for s in ctx.rules.scenarios()), key=ShownBenefit.nearness)


def show_benefit(ctx: Context, resident_id: int | None, code: str, at: datetime) -> ShownBenefit:
    """One public scenario, or NotFound SCENARIO_NOT_FOUND."""
    known = _know(ctx, resident_id, at)
    return _shown(public_scenario(ctx, code), known)


def public_scenario(ctx: Context, code: str) -> Scenario:
    """The scenario that everybody may see under this code."""
    scenario = ctx.rules.up_to_date().scenario(code)
    if scenario is None:
        raise NotFound("SCENARIO_NOT_FOUND", "没有这项优惠，请从优惠列表中选择")
    return scenario


def _know(ctx: Context, resident_id: int | None, at: datetime) -> _Known:
    on = day_of(at)
    rulebook = ctx.rules.up_to_date().rulebook(on)
    if resident_id is None:
        return _Known(NOT_JOINED, (), on)
    gathered = gather_facts([resident_id], rulebook, on, FORESEEN_MONTHS)[resident_id]
    return _Known(gathered.facts, gathered.score.next_changes if gathered.score else (), on)


def _shown(scenario: Scenario, known: _Known) -> ShownBenefit:
    decision = decide(known.facts, scenario, known.on)
    offer = decision.offer
    return ShownBenefit(
        scenario=scenario,
        decision=decision,
        told=explain_decision(decision, scenario, known.facts, known.on, known.next_changes),
        gap=points_gap(decision.findings),
        quotas=tuple(
            _quota(q, scenario.code, known.facts) for q in scenario.quotas + (offer.quotas if offer else ())
        ),
        next_offer=_next_offer(scenario, offer, known) if offer else None,
    )


def points_gap(findings: tuple[Finding, ...]) -> int | None:
    """How many points are missing, by these findings; None where none are."""
    gaps = [
        f.gap for f in findings if f.criterion == PointsAtLeast.name and f.answer is Answer.UNMET and f.gap
    ]
    return max(gaps, default=None)


def _next_offer(scenario: Scenario, given: Offer, known: _Known) -> NextOffer | None:
    for offer in scenario.offers[scenario.offers.index(given) + 1 :]:
        verdict = offer.criterion.judge(known.facts, known.on) if offer.criterion else None
        if verdict is not None and verdict.answer is not Answer.MET:
            missing = tuple(f for f in verdict.findings if f.answer is not Answer.MET)
            return NextOffer(offer, missing, points_gap(missing))
    return None


def _quota(quota: Quota, scenario: str, facts: Facts) -> ShownQuota:
    counts: dict[Period, Mapping[str, int]] = {
        Period.RUNNING: facts.running,
        Period.MONTH: facts.this_month,
        Period.YEAR: facts.this_year,
    }
    used = None if quota.each_merchant else counts[quota.period].get(scenario, 0)
    left = None if used is None else max(quota.at_most - used, 0)
    return ShownQuota(quota.period, quota.at_most, quota.each_merchant, used, left, quota.sentence())
