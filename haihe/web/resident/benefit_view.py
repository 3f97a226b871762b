"""One benefit as its resident is shown it: in the list, on its own, and beside a pass."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields

from haihe.domain.criteria import Finding
from haihe.domain.districts import DISTRICTS
from haihe.usecases.show_benefits import NextOffer, ShownBenefit


class FindingView(Schema):
    """What one criterion found."""

    sentence = fields.String(required=True, metadata={"example": "海河分不低于 650 分"})
    answer = fields.String(
        required=True, metadata={"description": "met、unmet 或 unknown", "example": "unmet"}
    )
    reason = fields.String(required=True, metadata={"example": "还差 1 分"})
    gap = fields.Integer(required=True, allow_none=True)


class OfferView(Schema):
    """What is given."""

    label = fields.String(required=True)
    ceiling_fen = fields.Integer(required=True, metadata={"description": "单笔上限（分）"})


class NextOfferView(OfferView):
    """The nearest better offer, and what it still asks."""

    gap = fields.Integer(required=True, allow_none=True, metadata={"description": "还差多少分"})
    findings = fields.List(fields.Nested(FindingView), required=True)


class QuotaView(Schema):
    """每人限额."""

    period = fields.String(required=True, metadata={"description": "RUNNING 同时、MONTH 每月、YEAR 每年"})
    at_most = fields.Integer(required=True)
    each_merchant = fields.Boolean(required=True, metadata={"description": "在每家商户分别计算"})
    used = fields.Integer(
        required=True, allow_none=True, metadata={"description": "已用几次；每家商户分别计算的为 null"}
    )
    left = fields.Integer(required=True, allow_none=True)
    sentence = fields.String(required=True)


class BenefitView(Schema):
    """One scenario: yes, or what is missing and by how much."""

    code = fields.String(required=True, metadata={"example": "XYZ-07"})
    name = fields.String(required=True)
    domain = fields.String(required=True, metadata={"example": "出行"})
    lead_department = fields.String(required=True)
    partner_kind = fields.String(required=True)
    districts = fields.List(fields.String(), required=True, metadata={"description": "开放的区"})
    eligible = fields.Boolean(required=True)
    outcome = fields.String(
        required=True, metadata={"description": "ELIGIBLE、NOT_ELIGIBLE 或 NOT_AVAILABLE"}
    )
    headline = fields.String(required=True, metadata={"description": "一句话的答案", "example": "还差 1 分"})
    offer = fields.Nested(OfferView, required=True, allow_none=True)
    gap = fields.Integer(required=True, allow_none=True, metadata={"description": "还差多少分；不差分时为空"})
    enough_from = fields.Date(
        required=True, allow_none=True, metadata={"description": "分数届时会自行达到的日期"}
    )
    findings = fields.List(fields.Nested(FindingView), required=True)
    default_terms = fields.String(required=True, metadata={"description": "不靠积分时人人都有的条件"})
    legal_note = fields.String(required=True)
    quotas = fields.List(fields.Nested(QuotaView), required=True)
    next_offer = fields.Nested(NextOfferView, required=True, allow_none=True)
    revision = fields.Integer(required=True)


def view_benefit(shown: ShownBenefit) -> dict[str, Any]:
    """The benefit as `BenefitView` writes it."""
    scenario = shown.scenario
    return {
        "code": scenario.code,
        "name": scenario.name,
        "domain": scenario.domain,
        "lead_department": scenario.lead_department,
        "partner_kind": scenario.partner_kind,
        "districts": [DISTRICTS[d] for d in scenario.districts],
        "eligible": shown.eligible,
        "outcome": shown.decision.outcome,
        "headline": shown.told.headline,
        "offer": shown.decision.offer,
        "gap": shown.gap,
        "enough_from": shown.told.enough_from,
        "findings": view_findings(shown.decision.findings),
        "default_terms": scenario.default_terms,
        "legal_note": scenario.legal_note,
        "quotas": shown.quotas,
        "next_offer": _next_offer(shown.next_offer),
        "revision": scenario.revision,
    }


def view_findings(findings: tuple[Finding, ...]) -> list[dict[str, Any]]:
    """Findings as `FindingView` writes them."""
    return [
        {"sentence": f.sentence, "answer": f.answer.lower(), "reason": f.reason, "gap": f.gap}
        for f in findings
    ]


def _next_offer(ahead: NextOffer | None) -> dict[str, Any] | None:
    if ahead is None:
        return None
    return {
        "label": ahead.offer.label,
        "ceiling_fen": ahead.offer.ceiling_fen,
        "gap": ahead.gap,
        "findings": view_findings(ahead.findings),
    }
