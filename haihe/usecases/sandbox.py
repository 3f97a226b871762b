"""沙箱: a second self of the merchant, with test residents who are nobody, to try every answer before the first real one.

Everything goes through the same deeds as in life. What keeps it apart is that the second self is another merchant, that its
passes are hashed in a space of their own, and that its residents are marked and left out of whatever is about the city.
"""

from __future__ import annotations

import hashlib
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum

from sqlalchemy import select

from haihe.cache.copies import CacheDown
from haihe.domain.eligibility import MerchantCode
from haihe.domain.errors import Conflict, Forbidden, InvalidInput, NotFound
from haihe.domain.identity import IdType
from haihe.domain.kinds import LevelMap
from haihe.domain.passes import SHOWN_FOR, HeldPass
from haihe.domain.rulebook import Rulebook
from haihe.domain.scenarios import Scenario
from haihe.storage.audit import write_audit
from haihe.storage.copies import next_generation
from haihe.storage.db import db, transaction
from haihe.storage.decisions import Pass
from haihe.storage.partners import Merchant
from haihe.storage.reading import JOIN, SENSITIVE
from haihe.storage.records import RecordRow, Source
from haihe.storage.residents import Consent, Resident
from haihe.usecases.context import Context, day_of
from haihe.usecases.counter import ask_at_counter, draw_order_number, open_at_counter
from haihe.usecases.keep_copies import keep_pass_ms
from haihe.usecases.pass_code import draw_code, hash_of_code
from haihe.usecases.publish_rules import configuration_changed
from haihe.usecases.rescore import Touched, hold_copies, rescore
from haihe.usecases.rules_in_force import Partner, counter_of

SOURCE = "sandbox"
VERY_MUCH = Decimal(500)
MOST_ORDERS = 40


class TestResident(StrEnum):
    """测试居民, each for an answer that a merchant must know how to take."""

    __test__ = False

    ELIGIBLE = "eligible"
    ELDER = "elder"
    NOT_AVAILABLE = "not-available"
    OVER_QUOTA = "over-quota"
    EXPIRED = "expired"


NOTES = {
    TestResident.ELIGIBLE: "36 岁，什么条件都符合：得到 OK",
    TestResident.ELDER: "70 岁，什么条件都符合，供面向老年人的场景使用：得到 OK",
    TestResident.NOT_AVAILABLE: "没有开通海河分：得到 NOT_AVAILABLE",
    TestResident.OVER_QUOTA: "符合条件，但本人的限额已经用完：得到 QUOTA_USED_UP（没有限额的场景不能用）",
    TestResident.EXPIRED: "出示的信用码已经过期：得到 CODE_EXPIRED",
}
AGES = {TestResident.ELDER: 70}
AGE = 36
OPEN_TO = ("APPLIED", "RETURNED", "ACTIVE", "SUSPENDED")


@dataclass(frozen=True, slots=True)
class SandboxPass:
    """A code that a test resident shows."""

    code: str
    resident: TestResident
    scenario: str
    expires_at: datetime


def open_sandbox(ctx: Context, merchant_id: int, at: datetime, actor: str) -> int:
    """The second self of a merchant that has applied, made where there is none yet; returns its number."""
    held = sandbox_of(merchant_id)
    if held is not None:
        return held
    with transaction():
        merchant = db.session.get(Merchant, merchant_id, with_for_update=True)
        if merchant is None or merchant.sandbox_of is not None or merchant.state not in OPEN_TO:
            raise Forbidden("SANDBOX_CLOSED", "贵店的申请没有获准，不能使用沙箱")
        if (made := sandbox_of(merchant_id)) is not None:
            return made
        second = Merchant(
            name=f"{merchant.name[:120]}（沙箱）",
            uscc=merchant.uscc,
            district=merchant.district,
            kind=merchant.kind,
            state="ACTIVE",
            sandbox_of=merchant_id,
            created_at=at,
        )
        db.session.add(second)
        db.session.flush()
        write_audit(at, actor, "open_sandbox", f"merchant:{merchant_id}")
        number, made = next_generation(), second.id
    configuration_changed(ctx, number)
    return made


def sandbox_of(merchant_id: int) -> int | None:
    """The second self of a merchant, if it has one."""
    return db.session.execute(select(Merchant.id).where(Merchant.sandbox_of == merchant_id)).scalar()


def show_pass(ctx: Context, partner: Partner, resident: str, scenario_code: str, at: datetime) -> SandboxPass:
    """A code of this test resident for this scenario, as the resident's phone would show it."""
    if not partner.sandbox or partner.merchant_id is None:
        raise Forbidden("SANDBOX_ONLY", "只有沙箱客户端可以使用测试居民")
    if resident not in set(TestResident):
        raise InvalidInput("RESIDENT_UNKNOWN", f"测试居民应为 {'、'.join(TestResident)} 之一", "resident")
    scenario = ctx.rules.up_to_date().scenario(scenario_code)
    if scenario is None:
        raise NotFound("SCENARIO_NOT_FOUND", "没有这个场景", "scenario")
    kind = TestResident(resident)
    # Whoever has used up one quota has orders running; to be asked about the next one takes somebody else.
    name = f"{kind}:{scenario_code}" if kind is TestResident.OVER_QUOTA else str(kind)
    resident_id = _resident(ctx, partner.merchant_id, kind, name, at)
    if kind is TestResident.OVER_QUOTA:
        _use_up(ctx, partner, resident_id, scenario, at)
    expires_at = at if kind is TestResident.EXPIRED else at + SHOWN_FOR
    if kind is TestResident.EXPIRED:
        expires_at -= SHOWN_FOR
    return SandboxPass(
        _show(ctx, partner, resident_id, scenario_code, expires_at, at), kind, scenario_code, expires_at
    )


def _show(
    ctx: Context, partner: Partner, resident_id: int, scenario: str, expires_at: datetime, at: datetime
) -> str:
    code = draw_code(ctx, resident_id, partner.space)
    code_hash = hash_of_code(ctx, code, partner.space)
    with transaction():
        db.session.add(
            Pass(
                code_hash=code_hash,
                resident_id=resident_id,
                scenario=scenario,
                issued_at=min(at, expires_at),
                expires_at=expires_at,
            )
        )
        write_audit(
            at,
            f"client:{partner.client_id}",
            "show_sandbox_pass",
            f"resident:{resident_id}",
            scenario=scenario,
        )
    held = HeldPass(resident_id, int(expires_at.timestamp() * 1000), scenario)
    with suppress(CacheDown):
        ctx.copies.store_pass(code_hash, held, keep_pass_ms(held, at))
    return code


def _use_up(ctx: Context, partner: Partner, resident_id: int, scenario: Scenario, at: datetime) -> None:
    """Open orders for the resident until the answer is no: by the same deeds that a merchant would do it with."""
    if not scenario.quotas:
        raise Conflict("SANDBOX_NO_QUOTA", "这个场景没有每人限额，请换一个场景或测试居民", "scenario")
    counter = ctx.rules.partner(counter_of(partner.merchant_id or 0))
    assert counter is not None, "a sandbox is always active"
    for _order in range(MOST_ORDERS):
        code = _show(ctx, partner, resident_id, scenario.code, at + SHOWN_FOR, at)
        told = ask_at_counter(ctx, counter, scenario.code, code, at)
        if told.code is not MerchantCode.OK:
            return
        open_at_counter(ctx, counter, draw_order_number(at), told.decision_id, at)


def _resident(ctx: Context, merchant_id: int, kind: TestResident, name: str, at: datetime) -> int:
    """The test resident of this sandbox, made on first use and given this year's records anew in every year."""
    on = day_of(at)
    index = ctx.vault.index(f"{merchant_id}:{name}:{on.year}", "sandbox_resident")
    held = db.session.execute(select(Resident.id).where(Resident.id_number_index == index)).scalar()
    if held is not None:
        return held
    rulebook = ctx.rules.rulebook(on)
    number = ctx.vault.seal(f"SANDBOX-{merchant_id}-{name}", "id_number")
    with transaction():
        if db.session.get(Source, SOURCE) is None:
            db.session.add(Source(code=SOURCE, name="沙箱", indicators=[]))
        resident = Resident(
            id_type=IdType.RESIDENT,
            key_id=number.key_id,
            id_number_sealed=number.ciphertext,
            id_number_index=index,
            name_sealed=ctx.vault.seal(f"测试居民 {kind}", "name").ciphertext,
            birth_date=date(on.year - AGES.get(kind, AGE) - 1, 6, 1),
            district=db.session.get_one(Merchant, merchant_id).district,
            sandbox_of=merchant_id,
            created_at=at,
        )
        db.session.add(resident)
        db.session.flush()
        resident_id = resident.id
        if kind is not TestResident.NOT_AVAILABLE:
            _make_perfect(resident_id, rulebook, on, at)
        rescored = rescore(ctx, {resident_id: Touched()}, at)
    hold_copies(ctx, rescored)
    return resident_id


def _make_perfect(resident_id: int, rulebook: Rulebook, on: date, at: datetime) -> None:
    """Every consent, every fact stated, and much of everything that gives points."""
    classes = {i.sensitive for i in rulebook.indicators if i.sensitive}
    for purpose in (JOIN, *(f"{SENSITIVE}{c}" for c in sorted(classes))):
        db.session.add(
            Consent(
                resident_id=resident_id,
                purpose=purpose,
                text_version=SOURCE,
                text_sha256=hashlib.sha256(purpose.encode()).digest(),
                channel=SOURCE,
                given_at=at,
            )
        )
    levels: dict[str, str | None] = {fact.code: "YES" for fact in rulebook.facts}
    for indicator in rulebook.indicators:
        if indicator.enabled and max(indicator.kind.awards(), default=0) > 0:
            kind = indicator.kind
            levels[indicator.code] = (
                max(kind.levels, key=kind.levels.__getitem__) if isinstance(kind, LevelMap) else None
            )
    for code, level in levels.items():
        db.session.add(
            RecordRow(
                source=SOURCE,
                record_no=f"S{resident_id}-{code}",
                resident_id=resident_id,
                indicator=code,
                occurred_on=on,
                quantity=VERY_MUCH if level is None else Decimal(1),
                level=level,
                state="EFFECTIVE",
                received_at=at,
            )
        )
    db.session.flush()
