"""One question and what can be said to it: the rules shared by the answer from Redis and the answer from PostgreSQL."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property, lru_cache
from typing import NamedTuple

import orjson

from haihe.cache.copy import ResidentCopy
from haihe.domain.allowances import ABOUT_ONE_RESIDENT
from haihe.domain.compiled import Orders, code_of
from haihe.domain.eligibility import Decision, MerchantCode, Outcome, decide
from haihe.domain.errors import Forbidden, TooOften, Unauthenticated
from haihe.domain.facts import Facts
from haihe.domain.passes import ANSWER_HOLDS, HeldPass
from haihe.domain.scenarios import Scenario
from haihe.usecases.context import TIANJIN, Context, day_of
from haihe.usecases.gather_facts import copy_of, gather_facts
from haihe.usecases.journal import DecisionNote
from haihe.usecases.pass_code import hash_of_code
from haihe.usecases.rules_in_force import Partner

SCOPE = "check"
KEEP_MS = int(ANSWER_HOLDS.total_seconds() * 1000)


class Asker(NamedTuple):
    """An OAuth client, and the id of the token that it shows; a merchant's own counter shows none."""

    client_id: str
    token: str = ""


@dataclass(frozen=True)
class Question:
    """Who asks, about which code, for which scenario, and when."""

    asker: Asker
    code: str
    scenario: str
    at: datetime

    @property
    def client_id(self) -> str:
        """The client that asks."""
        return self.asker.client_id

    @cached_property
    def on(self) -> date:
        """The day in Tianjin."""
        return day_of(self.at)

    @cached_property
    def at_ms(self) -> int:
        """The moment, as Redis keeps time."""
        return int(self.at.timestamp() * 1000)


def asking_partner(ctx: Context, asker: Asker) -> Partner:
    """The merchant that asks, if it may ask anything: Unauthenticated or Forbidden otherwise.

    By the rules as this worker holds them: whoever decides makes sure beforehand that they are current.
    """
    partner = ctx.rules.partner(asker.client_id)
    if partner is None or partner.merchant_id is None or ctx.rules.token_revoked(asker.token):
        raise Unauthenticated("TOKEN_INVALID", "访问令牌已失效，请重新获取")
    if SCOPE not in partner.scopes:
        raise Forbidden("INSUFFICIENT_SCOPE", "贵方的核验权限（check）已被收回")
    return partner


def hash_for(ctx: Context, client_id: str, code: str) -> bytes:
    """The hash by which this client's questions find a pass: a sandbox never finds the city's, nor the city a sandbox's.

    Which merchant a client belongs to never changes, so what this worker holds in memory will do.
    """
    partner = ctx.rules.partner(client_id) or ctx.rules.up_to_date().partner(client_id)
    return hash_of_code(ctx, code, b"" if partner is None else partner.space)


def admitted(ctx: Context, question: Question) -> Partner:
    """The merchant that asks, if it may ask this: Unauthenticated or Forbidden otherwise."""
    partner = asking_partner(ctx, question.asker)
    if question.scenario not in partner.scenarios:
        raise not_admitted()
    return partner


def not_admitted() -> Forbidden:
    """A scenario that the merchant was not admitted to and one that does not exist look alike."""
    return Forbidden("SCENARIO_NOT_ADMITTED", "没有这个场景，或贵方尚未获准接入该场景", "resource.id")


def too_often(at: datetime) -> TooOften:
    """The same words whomever it was about."""
    wait = ABOUT_ONE_RESIDENT.seconds_left(int(at.timestamp() * 1000))
    return TooOften("ASKED_TOO_OFTEN", f"对同一位居民询问过于频繁，请 {wait} 秒后再问", retry_after=wait)


@dataclass(frozen=True, slots=True)
class Asking:
    """A question by a merchant that may ask it, about the code with this hash."""

    ctx: Context
    question: Question
    partner: Partner
    code_hash: bytes

    def answered(self, held: HeldPass) -> bytes | None:
        """What this merchant was told before about this very pass and scenario, for as long as it was told to hold."""
        if held.merchant_id != self.partner.merchant_id or held.scenario != self.question.scenario:
            return None
        if held.answer is None:
            return None
        expires_at = orjson.loads(held.answer)["context"]["expires_at"]
        return held.answer if self.question.at < datetime.fromisoformat(expires_at) else None

    def refusal(self, held: HeldPass) -> MerchantCode | None:
        """Why the pass itself does not serve this question; None if it does."""
        if held.scenario != self.question.scenario:
            # The resident agreed to disclose one benefit; about any other there is nothing to say.
            return MerchantCode.NOT_AVAILABLE
        if held.merchant_id is not None or self.question.at_ms > held.expires_ms:
            return MerchantCode.CODE_EXPIRED
        return None

    def gather(self, resident_id: int) -> ResidentCopy:
        """The resident's facts from PostgreSQL, as they are now."""
        on = self.question.on
        gathered = gather_facts([resident_id], self.ctx.rules.rulebook(on), on)
        return copy_of(gathered[resident_id], self.question.at)

    def decided(self, resident_id: int, facts: Facts) -> tuple[DecisionNote, bytes]:
        """The decision on these facts."""
        scenario = self.ctx.rules.scenario(self.question.scenario)
        closed = self._closed_to_everybody(scenario)
        if scenario is None or closed is not None:
            return self.closed(resident_id, closed or MerchantCode.SCENARIO_CLOSED)
        decision = decide(facts, scenario, self.question.on, self.partner.district, self.partner.merchant_id)
        return self._told(resident_id, scenario, decision)

    def judged(self, resident_id: int, figures: Sequence[int], orders: Orders) -> tuple[DecisionNote, bytes]:
        """The same decision in fewer steps, on the numbers of a copy (see domain/compiled.py)."""
        rules, question = self.ctx.rules, self.question
        scenario = rules.scenario(question.scenario)
        judge = rules.judge(question.scenario, question.on, self.partner.district)
        closed = self._closed_to_everybody(scenario)
        if scenario is None or judge is None or closed is not None:
            return self.closed(resident_id, closed or MerchantCode.SCENARIO_CLOSED)
        judged = judge(orders, self.partner.merchant_id, *figures)
        if judged < 0:
            return self._told(resident_id, scenario, no(code_of(judged)))
        offer = scenario.offers[judged]
        return self._told(resident_id, scenario, Decision(Outcome.ELIGIBLE, MerchantCode.OK, (), offer))

    def _closed_to_everybody(self, scenario: Scenario | None) -> MerchantCode | None:
        """Said before anything is looked at, so that it tells nothing about the resident."""
        if scenario is None:
            return MerchantCode.SCENARIO_CLOSED
        used_up = self.ctx.rules.used_up(scenario, self.partner, self.question.on)
        return MerchantCode.QUOTA_USED_UP if used_up else None

    def closed(self, resident_id: int | None, code: MerchantCode) -> tuple[DecisionNote, bytes]:
        """A no that no facts were needed for."""
        scenario = self.ctx.rules.scenario(self.question.scenario)
        return self._told(resident_id, scenario, no(code))

    def _told(
        self, resident_id: int | None, scenario: Scenario | None, decision: Decision
    ) -> tuple[DecisionNote, bytes]:
        """The decision as the journal keeps it and as the merchant is told it: every no has the same shape."""
        question, offer = self.question, decision.offer
        note = DecisionNote(
            decision_id="d" + secrets.token_hex(16),
            at_ms=question.at_ms,
            merchant_id=self.partner.merchant_id or 0,
            resident_id=resident_id,
            pass_hash=self.code_hash,
            scenario=question.scenario,
            revision=scenario.revision if scenario else 0,
            rulebook=self.ctx.rules.rulebook(question.on).version,
            code=decision.code,
            offer=scenario.offers.index(offer) if scenario and offer else None,
        )
        benefit = (offer.label, offer.ceiling_fen) if offer else None
        ending = answer_after_id(
            decision.code, note.revision, benefit, question.on, int(question.at.timestamp())
        )
        beginning = YES if decision.outcome is Outcome.ELIGIBLE else NO
        return note, beginning + note.decision_id.encode() + ending


def no(code: MerchantCode) -> Decision:
    """A no without reasons."""
    return Decision(Outcome.NOT_AVAILABLE, code, (), None)


YES = b'{"decision":true,"context":{"decision_id":"'
NO = b'{"decision":false,"context":{"decision_id":"'


@lru_cache(maxsize=4096)
def answer_after_id(
    code: str, revision: int, benefit: tuple[str, int] | None, on: date, at_seconds: int
) -> bytes:
    """What follows the decision's number in an answer: the same for everybody who is told the same in the same second."""
    expires_at = (datetime.fromtimestamp(at_seconds, TIANJIN) + ANSWER_HOLDS).isoformat(timespec="seconds")
    context = {
        "code": code,
        "scenario_revision": revision,
        # The day only: the moment of a resident's last change is nobody else's business.
        "data_as_of": f"{on.isoformat()}T00:00:00+08:00",
        "expires_at": expires_at,
        "benefit": {"label": benefit[0], "ceiling_fen": benefit[1]} if benefit else None,
    }
    return b'",' + orjson.dumps(context)[1:] + b"}"
