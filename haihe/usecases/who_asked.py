"""谁查过我: every question asked about a resident, with the answer that was given and what it rested on (policy item 三十一).

The merchant heard yes or no; its subject hears every reason. Nothing is made up afterwards: the facts of that moment are
kept with the decision, and deciding on them again gives the findings.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Select, select, tuple_

from haihe.cache.copy import unpack
from haihe.domain.criteria import Finding
from haihe.domain.eligibility import MerchantCode, decide
from haihe.domain.errors import NotFound
from haihe.domain.explaining import yuan
from haihe.domain.scenario_reader import read_scenario
from haihe.domain.scenarios import Offer, Scenario, ScenarioState
from haihe.storage.db import db
from haihe.storage.decisions import DecisionRow
from haihe.storage.partners import Merchant
from haihe.storage.rules import ScenarioRow
from haihe.usecases.context import Context, day_of

WORDS = {
    MerchantCode.NOT_AVAILABLE: "回答：不可用",
    MerchantCode.CODE_EXPIRED: "回答：信用码已过期或已使用",
    MerchantCode.SCENARIO_CLOSED: "回答：该优惠未开放",
    MerchantCode.QUOTA_USED_UP: "回答：次数已用完",
    MerchantCode.OUT_OF_AREA: "回答：该优惠在这个区尚未开放",
}


@dataclass(frozen=True, slots=True)
class Asked:
    """One question about a resident: who asked, when, for which benefit, and what was answered."""

    decision_id: str
    at: datetime
    merchant: str
    scenario: str
    scenario_name: str
    eligible: bool
    code: str
    answer: str


@dataclass(frozen=True, slots=True)
class AskedInFull:
    """The question with the rules and findings of that moment; none where the answer needed no facts."""

    asked: Asked
    revision: int
    rulebook: str
    findings: tuple[Finding, ...]


def list_questions(
    ctx: Context, resident_id: int, before: str | None, limit: int
) -> tuple[list[Asked], str | None]:
    """Questions newest first, and the cursor of the next page (None on the last)."""
    query = _questions(resident_id).order_by(DecisionRow.at.desc(), DecisionRow.decision_id.desc())
    if before is not None:
        last = _find(resident_id, before)[0]
        query = query.where(tuple_(DecisionRow.at, DecisionRow.decision_id) < (last.at, last.decision_id))
    rows = db.session.execute(query.limit(limit + 1)).all()
    ctx.rules.up_to_date()
    page = [_asked(ctx, row, merchant) for row, merchant in rows[:limit]]
    return page, page[-1].decision_id if len(rows) > limit else None


def show_question(ctx: Context, resident_id: int, decision_id: str) -> AskedInFull:
    """One question in full; NotFound QUESTION_NOT_FOUND for another resident's as for nobody's."""
    row, merchant_name = _find(resident_id, decision_id)
    ctx.rules.up_to_date()
    return AskedInFull(_asked(ctx, row, merchant_name), row.revision, row.rulebook, _findings(ctx, row))


def questions_of(ctx: Context, resident_id: int, decision_ids: Collection[str]) -> list[Asked]:
    """Those of these questions that were about this resident; the rules must be up to date."""
    rows = db.session.execute(_questions(resident_id).where(DecisionRow.decision_id.in_(decision_ids)))
    return [_asked(ctx, row, merchant) for row, merchant in rows]


def latest_question(ctx: Context, resident_id: int, scenario: str, since: datetime) -> Asked | None:
    """The last question about one benefit from that moment on; None where nobody has asked."""
    found = db.session.execute(
        _questions(resident_id)
        .where(DecisionRow.scenario == scenario, DecisionRow.at >= since)
        .order_by(DecisionRow.at.desc())
        .limit(1)
    ).first()
    if found is None:
        return None
    ctx.rules.up_to_date()
    return _asked(ctx, found[0], found[1])


def _questions(resident_id: int) -> Select[tuple[DecisionRow, str]]:
    return (
        select(DecisionRow, Merchant.name)
        .join(Merchant, Merchant.id == DecisionRow.merchant_id)
        .where(DecisionRow.resident_id == resident_id)
    )


def _find(resident_id: int, decision_id: str) -> tuple[DecisionRow, str]:
    found = db.session.execute(
        _questions(resident_id).where(DecisionRow.decision_id == decision_id)
    ).one_or_none()
    if found is None:
        raise NotFound("QUESTION_NOT_FOUND", "没有找到这次查询")
    return found[0], found[1]


def _asked(ctx: Context, row: DecisionRow, merchant_name: str) -> Asked:
    scenario = _scenario(ctx, row)
    code = MerchantCode(row.code)
    return Asked(
        decision_id=row.decision_id,
        at=row.at,
        merchant=merchant_name,
        scenario=row.scenario,
        scenario_name=scenario.name if scenario else row.scenario,
        eligible=code is MerchantCode.OK,
        code=code,
        answer=WORDS.get(code) or _yes(_offer(scenario, row.offer)),
    )


def _offer(scenario: Scenario | None, number: int | None) -> Offer | None:
    return scenario.offers[number] if scenario is not None and number is not None else None


def _yes(offer: Offer | None) -> str:
    return "回答：可以" if offer is None else f"回答：可以，{offer.label}，额度 {yuan(offer.ceiling_fen)} 元"


def _scenario(ctx: Context, row: DecisionRow) -> Scenario | None:
    """The revision that was asked about; None for one that there never was."""
    public = ctx.rules.scenario(row.scenario)
    if public is not None and public.revision == row.revision:
        return public
    rulebook = ctx.rules.rulebook_version(row.rulebook)
    held = db.session.get(ScenarioRow, (row.scenario, row.revision))
    return (
        read_scenario(held.body, rulebook, held.revision, ScenarioState(held.state))
        if held and rulebook
        else None
    )


def _findings(ctx: Context, row: DecisionRow) -> tuple[Finding, ...]:
    rulebook, scenario = ctx.rules.rulebook_version(row.rulebook), _scenario(ctx, row)
    on = day_of(row.at)
    copy = unpack(row.facts, rulebook, on, on_record=True) if row.facts and rulebook else None
    if copy is None or scenario is None or row.code == MerchantCode.OUT_OF_AREA:
        return ()
    return decide(copy.facts, scenario, on, merchant_id=row.merchant_id).findings
