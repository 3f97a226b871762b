"""核验: may the person behind this code have this benefit now? The merchant's one question, answered yes or no.

With warm copies the answer takes two round trips to Redis and no SQL: one to look, one to settle. Whatever nobody vouches
for is answered by `answer_from_database`, by the same rules, with the same answer.
"""

from __future__ import annotations

from haihe.cache.copies import AskedTooOften, CacheDown, Glance
from haihe.cache.copy import Reading, pack
from haihe.domain.allowances import UNKNOWN_CODES
from haihe.domain.eligibility import MerchantCode
from haihe.domain.errors import TooOften
from haihe.domain.passes import HeldPass
from haihe.storage.alarms import AlarmKind
from haihe.storage.db import transaction
from haihe.storage.passes import add_decision
from haihe.usecases.alarms import raise_alarm
from haihe.usecases.answer_from_database import answer_from_database
from haihe.usecases.asking import KEEP_MS, Asking, Question, admitted, hash_for, too_often
from haihe.usecases.context import Context
from haihe.usecases.rules_in_force import Partner


def answer_question(ctx: Context, question: Question) -> bytes:
    """The answer as JSON: decision, and a context that says no more than a merchant may know.

    Raises Unauthenticated for a client that may no longer speak to us and Forbidden for a scenario it was not
    admitted to (or that does not exist: the two look alike), TooOften for a merchant that has asked too much.
    """
    code_hash = hash_for(ctx, question.client_id, question.code)
    try:
        return _answer(ctx, question, code_hash)
    except AskedTooOften as refused:
        if refused.first_time:
            raise_alarm(admitted(ctx, question).merchant_id or 0, AlarmKind.ASKED_TOO_OFTEN, question.at)
        raise too_often(question.at) from None


def _answer(ctx: Context, question: Question, code_hash: bytes) -> bytes:
    try:
        glance = ctx.copies.look(code_hash)
        if glance.generation is not None and glance.held is not None:
            ctx.rules.at_generation(glance.generation)
            asking = Asking(ctx, question, admitted(ctx, question), code_hash)
            answer = _answer_from_copies(asking, glance, glance.held)
            if answer is not None:
                return answer
        elif glance.generation is not None:
            ctx.rules.at_generation(glance.generation)
            _count_unknown(ctx, question, admitted(ctx, question))
    except CacheDown:
        pass
    return answer_from_database(ctx, question, code_hash)


def _count_unknown(ctx: Context, question: Question, partner: Partner) -> None:
    """A code that Redis does not know costs the database a look: TooOften for a merchant that tries too many."""
    merchant_id = partner.merchant_id or 0
    tried = ctx.copies.count(f"unknown:{merchant_id}", 1, UNKNOWN_CODES, question.at_ms)
    if tried > UNKNOWN_CODES.most:
        if tried == UNKNOWN_CODES.most + 1:
            raise_alarm(merchant_id, AlarmKind.UNKNOWN_CODES, question.at)
        wait = UNKNOWN_CODES.seconds_left(question.at_ms)
        raise TooOften("UNKNOWN_CODES", f"无效的信用码过多，请 {wait} 秒后再试", retry_after=wait)


def _answer_from_copies(asking: Asking, glance: Glance, held: HeldPass) -> bytes | None:
    """The answer by what Redis holds; None where Redis cannot settle it any more."""
    given_before = asking.answered(held)
    if given_before is not None:
        return given_before
    refusal = asking.refusal(held)
    if refusal is not None:
        return _refused(asking, held, refusal)
    ctx, question = asking.ctx, asking.question
    rulebook = ctx.rules.rulebook(question.on)
    packed = glance.copy
    seen = None if packed is None else Reading(rulebook, question.on).seen(packed)
    if seen is None or packed is None:
        copy = asking.gather(held.resident_id)
        packed = pack(copy, rulebook)
        ctx.copies.put([(held.resident_id, packed)])
        note, answer = asking.decided(held.resident_id, copy.facts)
    else:
        figures, orders, packed, _scenarios = seen
        note, answer = asking.judged(held.resident_id, figures, orders)
    settled = HeldPass(held.resident_id, held.expires_ms, held.scenario, note.merchant_id, answer)
    stands = ctx.copies.settle(asking.code_hash, settled, KEEP_MS, note.to_entry(packed, answer), note.at_ms)
    if stands is None:
        return None
    if stands.answer == answer:
        return answer
    return asking.answered(stands) or _refused(asking, held, MerchantCode.CODE_EXPIRED)


def _refused(asking: Asking, held: HeldPass, code: MerchantCode) -> bytes:
    note, answer = asking.closed(held.resident_id, code)
    asking.ctx.copies.note(asking.code_hash, note.to_entry())
    return answer


def answer_nobody(ctx: Context, question: Question) -> bytes:
    """A subject, action or resource of a kind that we know nothing of: a no like any other, and on the record."""
    ctx.rules.up_to_date()
    asking = Asking(ctx, question, admitted(ctx, question), hash_for(ctx, question.client_id, question.code))
    note, answer = asking.closed(None, MerchantCode.NOT_AVAILABLE)
    with transaction():
        add_decision(note.to_row(None))
    return answer
