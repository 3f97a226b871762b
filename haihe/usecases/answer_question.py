"""核验: may the person behind this code have this benefit now? The merchant's one question, answered yes or no.

With warm copies the answer takes two round trips to Redis and no SQL: one to look, one to settle. Whatever Redis cannot
vouch for is answered from PostgreSQL in `answer_from_database`, by the same rules, with the same answer.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property

import orjson

from haihe.cache.copies import CacheDown, Glance
from haihe.cache.copy import ResidentCopy, pack, unpack
from haihe.domain.eligibility import Decision, MerchantCode, Outcome, decide
from haihe.domain.errors import Forbidden, Unauthenticated
from haihe.domain.facts import Facts
from haihe.domain.passes import ANSWER_HOLDS, HeldPass
from haihe.domain.scenarios import Scenario
from haihe.storage.db import transaction
from haihe.storage.passes import PassState, add_decision, claim_pass, find_pass
from haihe.usecases.context import TIANJIN, Context, day_of
from haihe.usecases.gather_facts import copy_of, gather_facts
from haihe.usecases.journal import DecisionNote
from haihe.usecases.pass_code import hash_of_code
from haihe.usecases.rules_in_force import Partner

SCOPE = "check"
KEEP_MS = int(ANSWER_HOLDS.total_seconds() * 1000)


@dataclass(frozen=True)
class Question:
    """Who asks (an OAuth client), about which code, for which scenario, and when."""

    client_id: str
    code: str
    scenario: str
    at: datetime

    @cached_property
    def on(self) -> date:
        """The day in Tianjin."""
        return day_of(self.at)

    @cached_property
    def at_ms(self) -> int:
        """The moment, as Redis keeps time."""
        return int(self.at.timestamp() * 1000)


def answer_question(ctx: Context, question: Question) -> bytes:
    """The answer as JSON: decision, and a context that says no more than a merchant may know.

    Raises Unauthenticated for a client that may no longer speak to us and Forbidden for a scenario it was not
    admitted to (or that does not exist: the two look alike).
    """
    code_hash = hash_of_code(ctx, question.code)
    try:
        glance = ctx.copies.look(code_hash)
        if glance.generation is None or glance.held is None:
            return answer_from_database(ctx, question, code_hash, glance)
        return _answer_from_copies(ctx, question, code_hash, glance, glance.held, glance.generation)
    except CacheDown:
        return answer_from_database(ctx, question, code_hash, None)


def _answer_from_copies(
    ctx: Context, question: Question, code_hash: bytes, glance: Glance, held: HeldPass, generation: int
) -> bytes:
    ctx.rules.at_generation(generation)
    partner = _admitted(ctx, question)
    given_before = _answered(held, partner, question)
    if given_before is not None:
        return given_before
    refusal = _refusal(held, partner, question)
    if refusal is not None:
        note, answer = _closed(ctx, question, partner, code_hash, held.resident_id, refusal)
        ctx.copies.note(code_hash, note.to_entry())
        return answer
    rulebook = ctx.rules.rulebook(question.on)
    packed = glance.copy
    copy = None if packed is None else unpack(packed, rulebook, question.on)
    if copy is None or packed is None:
        copy = _gather(ctx, held.resident_id, question)
        packed = pack(copy, rulebook)
        ctx.copies.put([(held.resident_id, packed)])
    note, answer = _decided(ctx, question, partner, code_hash, held.resident_id, copy.facts)
    settled = HeldPass(held.resident_id, held.expires_ms, held.scenario, note.merchant_id, answer)
    stands = ctx.copies.settle(code_hash, settled, KEEP_MS, note.to_entry(packed, answer))
    given = None if stands is None else _answered(stands, partner, question)
    if given is not None:
        return given
    note, answer = _closed(ctx, question, partner, code_hash, held.resident_id, MerchantCode.CODE_EXPIRED)
    ctx.copies.note(code_hash, note.to_entry())
    return answer


def answer_from_database(ctx: Context, question: Question, code_hash: bytes, glance: Glance | None) -> bytes:
    """The same answer from PostgreSQL alone. What Redis knows of the pass (`glance`) is honoured where it answers: a
    merchant that scanned first has scanned first, even if the journal has not been taken over yet."""
    ctx.rules.up_to_date()
    partner = _admitted(ctx, question)
    if glance is not None and glance.held is not None and glance.held.merchant_id is not None:
        given_before = _answered(glance.held, partner, question)
        if given_before is not None:
            return given_before
    with transaction():
        held = find_pass(code_hash)
        seen = glance.held if glance is not None and glance.held is not None else None
        answer = _answer_in_transaction(ctx, question, partner, code_hash, held, seen)
    if held is not None:
        _copy_pass(ctx, code_hash, question)
    return answer


def _answer_in_transaction(
    ctx: Context,
    question: Question,
    partner: Partner,
    code_hash: bytes,
    stored: PassState | None,
    seen: HeldPass | None,
) -> bytes:
    if stored is None or stored.ended:
        resident_id = None if stored is None else stored.held.resident_id
        note, answer = _closed(ctx, question, partner, code_hash, resident_id, MerchantCode.CODE_EXPIRED)
        add_decision(note.to_row(None))
        return answer
    held = stored.held if seen is None or seen.merchant_id is None else seen
    given_before = _answered(held, partner, question)
    if given_before is not None:
        return given_before
    refusal = _refusal(held, partner, question)
    if refusal is not None:
        note, answer = _closed(ctx, question, partner, code_hash, held.resident_id, refusal)
        add_decision(note.to_row(None))
        return answer
    copy = _gather(ctx, held.resident_id, question)
    note, answer = _decided(ctx, question, partner, code_hash, held.resident_id, copy.facts)
    claim_pass(code_hash, note.merchant_id, note.decision_id, answer)
    add_decision(note.to_row(pack(copy, ctx.rules.rulebook(question.on))))
    return answer


def _copy_pass(ctx: Context, code_hash: bytes, question: Question) -> None:
    """Tell Redis, where it answers, what PostgreSQL now knows of the pass."""
    stored = find_pass(code_hash, lock=False)
    if stored is None or stored.ended:
        return
    try:
        ctx.copies.store_pass(code_hash, stored.held, KEEP_MS)
    except CacheDown:
        return


def _admitted(ctx: Context, question: Question) -> Partner:
    partner = ctx.rules.partner(question.client_id)
    if partner is None or partner.merchant_id is None:
        raise Unauthenticated("TOKEN_INVALID", "访问令牌已失效，请重新获取")
    if SCOPE not in partner.scopes:
        raise Forbidden("INSUFFICIENT_SCOPE", "贵方的核验权限（check）已被收回")
    if question.scenario not in partner.scenarios:
        raise Forbidden("SCENARIO_NOT_ADMITTED", "没有这个场景，或贵方尚未获准接入该场景", "resource.id")
    return partner


def _answered(held: HeldPass, partner: Partner, question: Question) -> bytes | None:
    """What this merchant was told before about this very pass and scenario."""
    same = held.merchant_id == partner.merchant_id and held.scenario == question.scenario
    return held.answer if same else None


def _refusal(held: HeldPass, partner: Partner, question: Question) -> MerchantCode | None:
    """Why the pass itself does not serve this question; None if it does."""
    if held.scenario != question.scenario:
        # The resident agreed to disclose one benefit; about any other there is nothing to say.
        return MerchantCode.NOT_AVAILABLE
    if held.merchant_id is not None or question.at_ms > held.expires_ms:
        return MerchantCode.CODE_EXPIRED
    return None


def _gather(ctx: Context, resident_id: int, question: Question) -> ResidentCopy:
    gathered = gather_facts([resident_id], ctx.rules.rulebook(question.on), question.on)
    return copy_of(gathered[resident_id], question.at)


def _decided(
    ctx: Context, question: Question, partner: Partner, code_hash: bytes, resident_id: int, facts: Facts
) -> tuple[DecisionNote, bytes]:
    scenario = ctx.rules.scenario(question.scenario)
    if scenario is None:
        return _closed(ctx, question, partner, code_hash, resident_id, MerchantCode.SCENARIO_CLOSED)
    decision = decide(facts, scenario, question.on, partner.district)
    return _told(ctx, question, partner, code_hash, resident_id, scenario, decision)


def _closed(
    ctx: Context,
    question: Question,
    partner: Partner,
    code_hash: bytes,
    resident_id: int | None,
    code: MerchantCode,
) -> tuple[DecisionNote, bytes]:
    """A no that no facts were needed for."""
    decision = Decision(Outcome.NOT_AVAILABLE, code, (), None)
    scenario = ctx.rules.scenario(question.scenario)
    return _told(ctx, question, partner, code_hash, resident_id, scenario, decision)


def _told(
    ctx: Context,
    question: Question,
    partner: Partner,
    code_hash: bytes,
    resident_id: int | None,
    scenario: Scenario | None,
    decision: Decision,
) -> tuple[DecisionNote, bytes]:
    """The decision as the journal keeps it and as the merchant is told it: every no has the same shape."""
    offer = decision.offer
    note = DecisionNote(
        decision_id="d" + secrets.token_hex(16),
        at_ms=question.at_ms,
        merchant_id=partner.merchant_id or 0,
        resident_id=resident_id,
        pass_hash=code_hash,
        scenario=question.scenario,
        revision=scenario.revision if scenario else 0,
        rulebook=ctx.rules.rulebook(question.on).version,
        code=decision.code,
        offer=scenario.offers.index(offer) if scenario and offer else None,
    )
    answer = orjson.dumps(
        {
            "decision": decision.outcome is Outcome.ELIGIBLE,
            "context": {
                "decision_id": note.decision_id,
                "code": decision.code,
                "scenario_revision": note.revision,
                # The day only: the moment of a resident's last change is nobody else's business.
                "data_as_of": f"{question.on.isoformat()}T00:00:00+08:00",
                "expires_at": (question.at + ANSWER_HOLDS).astimezone(TIANJIN).isoformat(timespec="seconds"),
                "benefit": {"label": offer.label, "ceiling_fen": offer.ceiling_fen} if offer else None,
            },
        }
    )
    return note, answer


def answer_nobody(ctx: Context, question: Question) -> bytes:
    """A subject, action or resource of a kind that we know nothing of: a no like any other, and on the record."""
    ctx.rules.up_to_date()
    partner = _admitted(ctx, question)
    code_hash = hash_of_code(ctx, question.code)
    note, answer = _closed(ctx, question, partner, code_hash, None, MerchantCode.NOT_AVAILABLE)
    with transaction():
        add_decision(note.to_row(None))
    return answer
