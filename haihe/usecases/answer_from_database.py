"""The answer where nobody vouches for Redis, or Redis does not know the pass: the facts come from PostgreSQL.

Who owns the pass is decided in one place at a time (storage/trust.py). While Redis decides, the pass is settled there
although the facts come from here; once that time has run out and the keeper has not renewed it, it is claimed here. In
between there is at most a second in which neither can be done, and the question waits.
"""

from __future__ import annotations

import time

from haihe.cache.copies import CacheDown
from haihe.cache.copy import pack
from haihe.domain.eligibility import MerchantCode
from haihe.domain.passes import HeldPass
from haihe.storage.db import transaction
from haihe.storage.passes import PassState, add_decision, claim_pass, find_pass
from haihe.storage.trust import seconds_redis_decides
from haihe.usecases.asking import KEEP_MS, Asking, Question, admitted
from haihe.usecases.context import Context

PATIENCE_SECONDS = 3.0
PAUSE_SECONDS = 0.05


def answer_from_database(ctx: Context, question: Question, code_hash: bytes) -> bytes:
    """The answer, once either Redis or PostgreSQL can decide about the pass; the resident's code has expired for a
    merchant whom neither will tell within three seconds."""
    ctx.rules.up_to_date()
    asking = Asking(ctx, question, admitted(ctx, question), code_hash)
    patience_ends = time.monotonic() + PATIENCE_SECONDS
    while True:
        with transaction():
            answer = _attempt(asking)
            if answer is None and time.monotonic() > patience_ends:
                answer = _refused(asking, None, MerchantCode.CODE_EXPIRED)
        if answer is not None:
            return answer
        time.sleep(PAUSE_SECONDS)


def _attempt(asking: Asking) -> bytes | None:
    """One try, in one transaction that has the pass locked; None where nobody can decide at this moment."""
    stored = find_pass(asking.code_hash)
    if stored is None or stored.ended:
        resident_id = None if stored is None else stored.held.resident_id
        return _refused(asking, resident_id, MerchantCode.CODE_EXPIRED)
    if seconds_redis_decides() > 0:
        return _settle_in_redis(asking, stored)
    if seconds_redis_decides(hold=True) > 0:
        return None
    return _settle_here(asking, _as_redis_shows_it(asking) or stored.held)


def _settle_in_redis(asking: Asking, stored: PassState) -> bytes | None:
    """Redis decides: the pass is made known to it, and settled there by facts from here."""
    copies = asking.ctx.copies
    try:
        copies.store_pass(asking.code_hash, stored.held, KEEP_MS)
        held = copies.look(asking.code_hash).held
        if held is None:
            return None
        if (known := _known(asking, held)) is not None:
            return known
        copy = asking.gather(held.resident_id)
        facts = pack(copy, asking.ctx.rules.rulebook(asking.question.on))
        note, answer = asking.decided(held.resident_id, copy.facts)
        settled = HeldPass(held.resident_id, held.expires_ms, held.scenario, note.merchant_id, answer)
        stands = copies.settle(asking.code_hash, settled, KEEP_MS, note.to_entry(facts, answer), note.at_ms)
    except CacheDown:
        return None
    return None if stands is None else _known(asking, stands)


def _settle_here(asking: Asking, held: HeldPass) -> bytes:
    """PostgreSQL decides: the pass is claimed in this transaction."""
    if (known := _known(asking, held)) is not None:
        return known
    copy = asking.gather(held.resident_id)
    note, answer = asking.decided(held.resident_id, copy.facts)
    claim_pass(asking.code_hash, note.merchant_id, note.decision_id, answer)
    add_decision(note.to_row(pack(copy, asking.ctx.rules.rulebook(asking.question.on))))
    return answer


def _known(asking: Asking, held: HeldPass) -> bytes | None:
    """What the pass itself already says: the answer given before, or why it does not serve; None if it is to be decided."""
    given_before = asking.answered(held)
    if given_before is not None:
        return given_before
    refusal = asking.refusal(held)
    return None if refusal is None else _refused(asking, held.resident_id, refusal)


def _as_redis_shows_it(asking: Asking) -> HeldPass | None:
    """The pass as a merchant has claimed it in Redis, if Redis answers: the journal may not have been taken over yet."""
    try:
        held = asking.ctx.copies.look(asking.code_hash).held
    except CacheDown:
        return None
    return held if held is not None and held.merchant_id is not None else None


def _refused(asking: Asking, resident_id: int | None, code: MerchantCode) -> bytes:
    note, answer = asking.closed(resident_id, code)
    add_decision(note.to_row(None))
    return answer
