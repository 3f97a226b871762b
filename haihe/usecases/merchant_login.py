"""商户员工登录: a session of a working day that ends when nobody has touched it for half an hour."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import delete, select, update

from haihe.domain.errors import Forbidden, Unauthenticated
from haihe.storage.audit import write_audit
from haihe.storage.db import db, transaction
from haihe.storage.onboarding import MerchantSession, MerchantStaff
from haihe.storage.partners import Merchant
from haihe.usecases.context import Context
from haihe.usecases.merchant_people import MerchantRole
from haihe.usecases.rules_in_force import Partner, counter_of
from haihe.usecases.two_factors import draw_token, enter, hash_of_token

SESSION = timedelta(hours=12)
IDLE = timedelta(minutes=30)
# How exactly we know when somebody was last there: not every glance at a page is worth a write.
SEEN_STEP = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class MerchantCaller:
    """Who of which merchant is asking, and how that merchant stands."""

    username: str
    role: MerchantRole
    merchant_id: int
    merchant_name: str
    merchant_state: str

    @property
    def actor(self) -> str:
        """How the audit trail calls them."""
        return f"merchant_staff:{self.username}"


def log_in_merchant(ctx: Context, username: str, password: str, totp: str, at: datetime) -> str:
    """Open a session and return its token; Unauthenticated LOGIN_FAILED whatever is wrong."""
    token = draw_token()

    def open_session(person: MerchantStaff) -> None:
        if person.closed_at is not None:
            raise Unauthenticated("LOGIN_FAILED", "账号已停用，请联系本店店长")
        old = (MerchantSession.username == username) & (MerchantSession.expires_at <= at)
        db.session.execute(delete(MerchantSession).where(old))
        db.session.add(
            MerchantSession(
                token_hash=hash_of_token(token),
                username=username,
                created_at=at,
                seen_at=at,
                expires_at=at + SESSION,
            )
        )

    enter(ctx, MerchantStaff, "merchant_staff", username, password, totp, at, open_session)
    return token


def merchant_caller(token: str, at: datetime) -> MerchantCaller:
    """Whose session this is, which is thereby seen to be in use; Unauthenticated if it has ended."""
    row = db.session.execute(
        select(MerchantStaff, Merchant, MerchantSession.seen_at)
        .join(MerchantStaff, MerchantStaff.username == MerchantSession.username)
        .join(Merchant, Merchant.id == MerchantStaff.merchant_id)
        .where(
            MerchantSession.token_hash == hash_of_token(token),
            MerchantSession.expires_at > at,
            MerchantSession.seen_at > at - IDLE,
            MerchantStaff.closed_at.is_(None),
        )
        .execution_options(populate_existing=True)
    ).one_or_none()
    if row is None:
        raise Unauthenticated("SESSION_INVALID", "登录已过期或已退出，请重新登录")
    person, merchant, seen_at = row
    caller = MerchantCaller(
        person.username, MerchantRole(person.role), merchant.id, merchant.name, merchant.state
    )
    if at - seen_at >= SEEN_STEP:
        with transaction():
            db.session.execute(
                update(MerchantSession)
                .where(MerchantSession.token_hash == hash_of_token(token))
                .values(seen_at=at)
            )
    return caller


def log_out_merchant(token: str, at: datetime) -> None:
    """End a session; one that has ended already stays so."""
    with transaction():
        ended = delete(MerchantSession).where(MerchantSession.token_hash == hash_of_token(token))
        username = db.session.execute(ended.returning(MerchantSession.username)).scalar()
        if username is not None:
            write_audit(
                at, f"merchant_staff:{username}", "merchant_staff_log_out", f"merchant_staff:{username}"
            )


def partner_at_counter(ctx: Context, caller: MerchantCaller) -> Partner:
    """The caller's merchant as a partner, with the person's name on whatever they do; Forbidden while it is not active."""
    partner = ctx.rules.up_to_date().partner(counter_of(caller.merchant_id))
    if partner is None:
        raise Forbidden("MERCHANT_NOT_ACTIVE", "贵店尚未获准或已暂停，暂时不能核验；请店长在管理台查看原因")
    return replace(partner, client_id=counter_of(caller.merchant_id, caller.username))
