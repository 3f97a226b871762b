"""信用码: the resident picks a benefit and shows a code, and by showing it agrees that one merchant learns yes or no.

A code is issued even where the answer would be no: the resident is told every reason here, and what the merchant is
told at the counter is the merchant's neutral no. So nobody can tell from the mere fact of a code how somebody stands.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select

from haihe.cache.copies import CacheDown
from haihe.domain.errors import Conflict, NotFound, TooOften
from haihe.domain.passes import SHOWN_FOR, HeldPass
from haihe.domain.scenarios import Scenario
from haihe.storage.audit import write_audit
from haihe.storage.copies import lock_residents
from haihe.storage.db import db, transaction
from haihe.storage.decisions import Pass
from haihe.storage.passes import end_passes_of
from haihe.storage.reading import JOIN
from haihe.storage.residents import Resident
from haihe.usecases.consents import consents_in_force, not_joined, require_age
from haihe.usecases.context import Context, day_of
from haihe.usecases.gather_facts import try_renew_copies
from haihe.usecases.keep_copies import keep_pass_ms
from haihe.usecases.pass_code import CODE_FORM, draw_code, hash_of_code
from haihe.usecases.show_benefits import ShownBenefit, public_scenario, show_benefit
from haihe.usecases.telling_redis import end_passes_in_redis

MOST_A_MINUTE = 10
MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class IssuedPass:
    """The code to show, until when, and how the benefit stands for the resident right now."""

    code: str
    expires_at: datetime
    benefit: ShownBenefit


def issue_pass(ctx: Context, resident_id: int, scenario_code: str, at: datetime) -> IssuedPass:
    """A fresh code for one benefit; the resident's older codes that nobody has scanned end with it."""
    scenario = public_scenario(ctx, scenario_code)
    if not scenario.open_on(day_of(at)):
        raise Conflict("SCENARIO_CLOSED", "该优惠目前未开放，请改用其他优惠", "scenario")
    code = draw_code(ctx, resident_id)
    expires_at = at + SHOWN_FOR
    with transaction():
        lock_residents([resident_id])
        _require_member(resident_id, at)
        _require_patience(resident_id, at)
        ended = end_passes_of(resident_id, at, unscanned_only=True)
        end_passes_in_redis(ctx, ended)
        _store(ctx, resident_id, scenario, code, at)
    held = HeldPass(resident_id, int(expires_at.timestamp() * 1000), scenario.code)
    with suppress(CacheDown):
        ctx.copies.store_pass(hash_of_code(ctx, code), held, keep_pass_ms(held, at))
    # The counter is asked within the next minute: the copy is made sure of now, where nobody waits in line.
    try_renew_copies(ctx, [resident_id], at)
    return IssuedPass(code, expires_at, show_benefit(ctx, resident_id, scenario.code, at))


def shown_code(ctx: Context, resident_id: int, code: str, at: datetime) -> str:
    """The code again, for drawing it; NotFound PASS_NOT_FOUND if it is not this resident's or is shown no longer."""
    found = None
    if CODE_FORM.fullmatch(code):
        found = db.session.execute(
            select(Pass.code_hash).where(
                Pass.code_hash == hash_of_code(ctx, code),
                Pass.resident_id == resident_id,
                Pass.ended_at.is_(None),
                Pass.expires_at > at,
            )
        ).scalar()
    if found is None:
        raise NotFound("PASS_NOT_FOUND", "没有这个信用码，或它已过期；请重新出示")
    return code


def _require_member(resident_id: int, at: datetime) -> None:
    require_age(db.session.get_one(Resident, resident_id), at)
    if JOIN not in consents_in_force(resident_id):
        raise not_joined()


def _require_patience(resident_id: int, at: datetime) -> None:
    """Ten codes a minute are more than any counter needs, and few enough that nobody can flood the tables."""
    recent = select(func.count(), func.min(Pass.issued_at)).where(
        Pass.resident_id == resident_id, Pass.issued_at > at - MINUTE
    )
    count, first = db.session.execute(recent).one()
    if count >= MOST_A_MINUTE:
        wait = max(int((first + MINUTE - at).total_seconds()) + 1, 1)
        raise TooOften("PASSES_TOO_OFTEN", f"出示信用码过于频繁，请 {wait} 秒后再试", retry_after=wait)


def _store(ctx: Context, resident_id: int, scenario: Scenario, code: str, at: datetime) -> None:
    db.session.add(
        Pass(
            code_hash=hash_of_code(ctx, code),
            resident_id=resident_id,
            scenario=scenario.code,
            issued_at=at,
            expires_at=at + SHOWN_FOR,
        )
    )
    write_audit(
        at, f"resident:{resident_id}", "issue_pass", f"resident:{resident_id}", scenario=scenario.code
    )
