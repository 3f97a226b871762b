"""场景: a "信用+" benefit as data. A published revision never changes; what everybody gets anyway is part of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from haihe.domain.criteria import Criterion

# Where a scenario says nothing else, what is due after the completion is to be paid within so many days.
PAY_WITHIN_DAYS = 7


class ScenarioState(StrEnum):
    """场景的一生: only PUBLISHED answers yes to anybody."""

    DRAFT = "DRAFT"
    IN_REVIEW = "IN_REVIEW"
    PUBLISHED = "PUBLISHED"
    PAUSED = "PAUSED"
    RETIRED = "RETIRED"


class BenefitType(StrEnum):
    """优惠类型: each gives something extra over the default terms, none takes anything away."""

    DEPOSIT_WAIVER = "DEPOSIT_WAIVER"
    PAY_LATER = "PAY_LATER"
    DISCOUNT = "DISCOUNT"
    FREE_QUOTA = "FREE_QUOTA"
    PRIORITY_NONESSENTIAL = "PRIORITY_NONESSENTIAL"


class Period(StrEnum):
    """Over what a resident's quota is counted: orders running at once, or begun in this calendar month or year."""

    RUNNING = "RUNNING"
    MONTH = "MONTH"
    YEAR = "YEAR"


@dataclass(frozen=True, slots=True)
class Quota:
    """每人限额: at most so many orders of this scenario, altogether or at each merchant."""

    period: Period
    at_most: int
    each_merchant: bool = False

    def sentence(self) -> str:
        """The quota as a Chinese clause."""
        words = {Period.RUNNING: "同时进行不超过", Period.MONTH: "每月不超过", Period.YEAR: "每年不超过"}
        where = "在同一家商户" if self.each_merchant else ""
        return f"{where}{words[self.period]} {self.at_most} 次"


class SharedPeriod(StrEnum):
    """Over what a quota that residents share is counted; EVER is the whole life of the scenario."""

    RUNNING = "RUNNING"
    DAY = "DAY"
    MONTH = "MONTH"
    YEAR = "YEAR"
    EVER = "EVER"

    def key(self, on: date) -> str:
        """Which day, month or year this is; empty where the count never begins anew."""
        forms = {SharedPeriod.DAY: "%Y-%m-%d", SharedPeriod.MONTH: "%Y-%m", SharedPeriod.YEAR: "%Y"}
        return on.strftime(forms[self]) if self in forms else ""


@dataclass(frozen=True, slots=True)
class SharedQuota:
    """总量: at most so many orders of this scenario by everybody together, at each merchant or in all."""

    period: SharedPeriod
    at_most: int
    each_merchant: bool


@dataclass(frozen=True, slots=True)
class Offer:
    """优惠档: what is given. Of several whose own criterion is met, the last listed (the best) is given.

    One whose own quotas are used up gives way to the next below it: ten discounted rides, then ordinary ones.
    """

    label: str
    ceiling_fen: int
    criterion: Criterion | None = None
    quotas: tuple[Quota, ...] = ()


@dataclass(frozen=True, slots=True)
class Scenario:
    """One revision of one benefit."""

    code: str
    revision: int
    name: str
    domain: str
    lead_department: str
    partner_kind: str
    benefit_type: BenefitType
    offers: tuple[Offer, ...]
    criterion: Criterion
    quotas: tuple[Quota, ...]
    districts: tuple[str, ...]
    valid_from: date
    valid_to: date | None
    default_terms: str
    legal_note: str
    pia_reference: str
    needs_resident_confirmation: bool
    state: ScenarioState
    shared_quotas: tuple[SharedQuota, ...] = ()
    pay_within_days: int = PAY_WITHIN_DAYS

    def open_on(self, on: date) -> bool:
        """Published and within its dates."""
        return (
            self.state is ScenarioState.PUBLISHED
            and self.valid_from <= on
            and (self.valid_to is None or on <= self.valid_to)
        )
