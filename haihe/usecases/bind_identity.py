"""实名绑定: the account on this phone belongs to this person.

As with WeChat Pay Score, everything follows the real person and not the account: whoever verifies a name and number
again on a new phone takes the binding along, and the account it was bound to before is logged out. An account that is
already somebody's never becomes somebody else's.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import func, or_, select
from sqlalchemy.dialects.postgresql import insert as upsert

from haihe.domain.dates import add_months, age_on
from haihe.domain.errors import Conflict, Forbidden, InvalidInput, TooOften
from haihe.domain.facts import ADULT_AGE
from haihe.domain.identity import Identity, read_identity
from haihe.storage.audit import AuditEntry, write_audit
from haihe.storage.copies import lock_residents
from haihe.storage.db import db, transaction
from haihe.storage.passes import end_passes_of
from haihe.storage.residents import Account, Resident
from haihe.usecases.context import Context, VerifiedIdentity, day_of
from haihe.usecases.own_records import REAL_NAME, REAL_NAME_INDICATOR, REAL_NAME_NAME, state_record
from haihe.usecases.rescore import NEW, Touched, hold_copies, rescore
from haihe.usecases.sessions import end_sessions
from haihe.usecases.telling_redis import end_passes_in_redis, outlast_vouchers

GUARDED_AGE = 14
TRIES_A_DAY = 5
REFUSED = "identity_refused"


@dataclass(frozen=True, slots=True)
class Bound:
    """What came of it; `moved` where another account was bound to this person until now."""

    level: str
    verified_on: date
    moved: bool


@dataclass(frozen=True, slots=True)
class Claimed:
    """Who somebody says they are."""

    name: str
    id_type: str
    id_number: str


def bind_identity(ctx: Context, account_id: int, claimed: Claimed, at: datetime) -> Bound:
    """Verify a name and number and bind the account to that person; the level becomes the record A01."""
    on = day_of(at)
    identity = read_identity(claimed.id_type, claimed.id_number, on)
    if age_on(identity.birth_date, on) < GUARDED_AGE:
        # Nothing is stored about a child whose guardian nobody has asked.
        opens = add_months(identity.birth_date, ADULT_AGE * 12)
        raise Forbidden("UNDER_AGE", f"海河分面向年满 {ADULT_AGE} 周岁的居民，{opens.isoformat()} 起可以开通")
    _refuse_guessing(account_id, at)
    index = ctx.vault.index(f"{identity.id_type}:{identity.number}", "id_number")
    _refuse_second_person(account_id, index)
    verified = _verify(ctx, account_id, identity, claimed.name.strip(), at)
    with transaction():
        resident_id = _resident(ctx, index, verified, at)
        moved, ended = _bind(account_id, resident_id, verified.level, at)
        record_id = state_record(
            REAL_NAME,
            REAL_NAME_NAME,
            [REAL_NAME_INDICATOR],
            resident_id,
            REAL_NAME_INDICATOR,
            verified.level,
            at,
        )
        touched = Touched()
        if record_id is not None:
            touched.add(REAL_NAME_INDICATOR, NEW, record_id)
        write_audit(
            at,
            f"account:{account_id}",
            "bind_identity",
            f"resident:{resident_id}",
            level=verified.level,
            moved=moved,
        )
        rescored = rescore(ctx, {resident_id: touched}, at)
        told = end_passes_in_redis(ctx, ended)
    hold_copies(ctx, rescored)
    outlast_vouchers(told)
    return Bound(verified.level, on, moved)


def _refuse_guessing(account_id: int, at: datetime) -> None:
    """Trying names against numbers must not be a way to find out who has which."""
    tries = select(func.count()).where(
        AuditEntry.subject == f"account:{account_id}",
        AuditEntry.deed == REFUSED,
        AuditEntry.at > at - timedelta(days=1),
    )
    if db.session.execute(tries).scalar_one() >= TRIES_A_DAY:
        raise TooOften(
            "IDENTITY_TRIES", "今天未通过核验的次数较多，请明天再试，或到政务服务大厅办理", retry_after=86400
        )


def _refuse_second_person(account_id: int, index: bytes) -> None:
    held = db.session.execute(
        select(Resident.id_number_index)
        .join(Account, Account.resident_id == Resident.id)
        .where(Account.id == account_id)
    ).scalar()
    if held is not None and held != index:
        raise _somebody_elses()


def _somebody_elses() -> Conflict:
    return Conflict("ACCOUNT_BOUND", "这个账号已绑定另一位居民，请用您本人的微信登录后办理")


def _verify(ctx: Context, account_id: int, identity: Identity, name: str, at: datetime) -> VerifiedIdentity:
    # The city's service may be slow, so it is asked outside any transaction.
    db.session.rollback()
    try:
        return ctx.identity.verify(f"account:{account_id}", identity, name)
    except InvalidInput:
        with transaction():
            write_audit(at, f"account:{account_id}", REFUSED, f"account:{account_id}")
        raise


def _resident(ctx: Context, index: bytes, verified: VerifiedIdentity, at: datetime) -> int:
    """The person's row, which departments may have made already; the verified name takes the place of theirs."""
    number = ctx.vault.seal(verified.identity.number, "id_number")
    name = ctx.vault.seal(verified.name, "name")
    sealed = {"key_id": number.key_id, "id_number_sealed": number.ciphertext, "name_sealed": name.ciphertext}
    if verified.district is not None:
        sealed["district"] = verified.district
    statement = upsert(Resident).values(
        id_type=verified.identity.id_type,
        id_number_index=index,
        birth_date=verified.identity.birth_date,
        created_at=at,
        **sealed,
    )
    return db.session.execute(
        statement.on_conflict_do_update(index_elements=[Resident.id_number_index], set_=sealed).returning(
            Resident.id
        )
    ).scalar_one()


def _bind(account_id: int, resident_id: int, level: str, at: datetime) -> tuple[bool, list[bytes]]:
    """Bind; returns whether another account had to give way, and the passes that ended with it."""
    lock_residents([resident_id])
    accounts = db.session.execute(
        select(Account)
        .where(or_(Account.id == account_id, Account.resident_id == resident_id))
        .order_by(Account.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).scalars()
    others = []
    for account in accounts:
        if account.id != account_id:
            account.resident_id, account.realname_level = None, None
            others.append(account.id)
            continue
        if account.resident_id not in (None, resident_id):
            raise _somebody_elses()
        account.resident_id, account.realname_level = resident_id, level
    db.session.flush()
    if not others:
        return False, []
    end_sessions(others)
    return True, end_passes_of(resident_id, at, unscanned_only=True)
