"""人员账号: a system administrator opens and closes accounts and names the post; a security administrator confirms it, locks and
unlocks, and hands out the second factor.

The one knows a first password and never a second factor, the other a second factor and never a password: neither can log in
as somebody else, and nobody does anything to their own account (三员分立).
"""

from __future__ import annotations

import re
import secrets
from datetime import datetime

import pyotp
from sqlalchemy import select, text

from haihe.domain.errors import Conflict, Forbidden, InvalidInput, NotFound
from haihe.storage.audit import REFUSALS, AuditEntry, write_audit
from haihe.storage.db import db, transaction
from haihe.storage.office import Staff
from haihe.usecases.context import Context
from haihe.usecases.staff_login import Role, StaffCaller, check_post, end_staff_sessions
from haihe.usecases.two_factors import TOTP_PURPOSE, kept_factors, kept_password

USERNAME = re.compile(r"[A-Za-z][0-9A-Za-z_.-]{2,63}")
# Whoever guards the doors guards all of them.
CITYWIDE = (Role.SYSTEM_ADMIN, Role.SECURITY_ADMIN)
LONGEST_REASON = 500
# Base32: no letter of it can be taken for a digit of it.
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"


def propose_staff(
    ctx: Context, caller: StaffCaller, username: str, role: str, districts: list[str], at: datetime
) -> str:
    """Open an account that waits to be confirmed; returns its first password, which lasts until the first login."""
    if not USERNAME.fullmatch(username):
        raise InvalidInput("USERNAME_INVALID", "用户名应以字母开头，3 至 64 个字母、数字或 _.-", "username")
    _check_named(role, districts)
    password = draw_password()
    # Nobody is shown this second factor; the confirmation draws another.
    factors = kept_factors(ctx, password, pyotp.random_base32())
    with transaction():
        if db.session.get(Staff, username) is not None:
            raise Conflict("STAFF_EXISTS", "已有这个用户名，停用的账号也不能重开", "username")
        db.session.add(
            Staff(
                username=username,
                role=role,
                districts=districts,
                state="PROPOSED",
                proposed_by=caller.actor,
                password_expires_at=at,
                created_at=at,
                **factors,
            )
        )
        _trace(caller, "propose_staff", username, at, role=role, districts=districts)
    return password


def propose_post(caller: StaffCaller, username: str, role: str, districts: list[str], at: datetime) -> None:
    """Name another post for somebody, who is out until it is confirmed."""
    _check_named(role, districts)
    with transaction():
        account = _another(caller, username, "PROPOSED", "OPEN")
        _keep_one(account)
        before = {"role": account.role, "districts": account.districts}
        account.role, account.districts = role, districts
        account.state, account.proposed_by = "PROPOSED", caller.actor
        end_staff_sessions(username)
        after = {"role": role, "districts": districts}
        _trace(caller, "propose_post", username, at, before=before, after=after)


def confirm_staff(ctx: Context, caller: StaffCaller, username: str, at: datetime) -> str:
    """Confirm the post that was named; returns the second factor, to be handed to the person and to nobody else."""
    secret = pyotp.random_base32()
    with transaction():
        account = _another(caller, username, "PROPOSED")
        if account.proposed_by == caller.actor:
            raise Forbidden("OWN_PROPOSAL", "这个岗位是您自己提出的，须由另一位安全管理员确认")
        account.state = "OPEN"
        _hand_out(ctx, account, secret)
        _trace(caller, "confirm_staff", username, at, role=account.role, districts=account.districts)
    return secret


def renew_second_factor(ctx: Context, caller: StaffCaller, username: str, at: datetime) -> str:
    """Another second factor for somebody who has lost theirs; the old one is worth nothing from now on."""
    secret = pyotp.random_base32()
    with transaction():
        account = _another(caller, username, "OPEN", "LOCKED")
        _hand_out(ctx, account, secret)
        _trace(caller, "renew_second_factor", username, at)
    return secret


def renew_password(caller: StaffCaller, username: str, at: datetime) -> str:
    """Another first password for somebody who has forgotten theirs."""
    password = draw_password()
    kept = kept_password(password)
    with transaction():
        account = _another(caller, username, "PROPOSED", "OPEN", "LOCKED")
        account.password_hash, account.password_expires_at = kept, at
        end_staff_sessions(username)
        _trace(caller, "renew_password", username, at)
    return password


def lock_staff(caller: StaffCaller, username: str, reason: str, at: datetime) -> None:
    """Nobody comes in by this account until it is unlocked; whoever is in is out at once."""
    with transaction():
        _another(caller, username, "OPEN").state = "LOCKED"
        end_staff_sessions(username)
        _trace(caller, "lock_staff", username, at, reason=_reason(reason))


def unlock_staff(caller: StaffCaller, username: str, at: datetime) -> None:
    """Let somebody in again, whether the account was locked by hand or by wrong guesses."""
    with transaction():
        account = _another(caller, username, "OPEN", "LOCKED")
        account.state, account.failures, account.locked_until = "OPEN", 0, None
        _trace(caller, "unlock_staff", username, at)


def close_staff(caller: StaffCaller, username: str, reason: str, at: datetime) -> None:
    """Close an account for good; what it did stays on the record under its name."""
    with transaction():
        account = _another(caller, username, "PROPOSED", "OPEN", "LOCKED")
        _keep_one(account)
        account.state = "CLOSED"
        end_staff_sessions(username)
        _trace(caller, "close_staff", username, at, reason=_reason(reason))


def staff_accounts() -> list[Staff]:
    """Every account there ever was, those in use first."""
    return list(db.session.execute(select(Staff).order_by(Staff.state == "CLOSED", Staff.username)).scalars())


def staff_account(username: str) -> Staff:
    """One account."""
    account = db.session.get(Staff, username, populate_existing=True)
    if account is None:
        raise NotFound("STAFF_NOT_FOUND", "没有这个账号")
    return account


def to_confirm() -> int:
    """How many accounts wait for a security administrator."""
    return sum(account.state == "PROPOSED" for account in staff_accounts())


def sign_in_refusals(limit: int, before: int | None = None, who: str = "") -> list[AuditEntry]:
    """Who did not get in, or not through a door; the latest first. `who` is a part of somebody's name."""
    query = select(AuditEntry).where(text(REFUSALS)).order_by(AuditEntry.id.desc())
    if before is not None:
        query = query.where(AuditEntry.id < before)
    if who:
        query = query.where(AuditEntry.actor.contains(who, autoescape=True))
    return list(db.session.execute(query.limit(limit)).scalars())


def draw_password() -> str:
    """A first password: eighty bits, in groups that can be read out."""
    drawn = "".join(secrets.choice(LETTERS) for _ in range(16))
    return "-".join(drawn[n : n + 4] for n in range(0, 16, 4))


def _check_named(role: str, districts: list[str]) -> None:
    check_post(role, districts)
    if role in CITYWIDE and districts:
        raise InvalidInput("ROLE_CITYWIDE", "系统管理与安全管理是全市岗位，不能只管几个区", "districts")


def _another(caller: StaffCaller, username: str, *states: str) -> Staff:
    """Somebody else's account, held."""
    account = db.session.get(Staff, username, populate_existing=True, with_for_update=True)
    if account is None:
        raise NotFound("STAFF_NOT_FOUND", "没有这个账号")
    if username == caller.username:
        raise Forbidden("OWN_ACCOUNT", "不能改动自己的账号，请由另一位管理员办理")
    if account.state not in states:
        raise Conflict("STAFF_STATE", "账号的状态已改变，请刷新后查看")
    return account


def _keep_one(account: Staff) -> None:
    """The city is never left without somebody to confirm accounts."""
    if account.role != Role.SECURITY_ADMIN or account.state != "OPEN":
        return
    others = select(Staff.username).where(
        Staff.role == Role.SECURITY_ADMIN, Staff.state == "OPEN", Staff.username != account.username
    )
    if db.session.execute(others.with_for_update()).first() is None:
        raise Conflict("LAST_SECURITY_ADMIN", "这是唯一的安全管理员；请先开立并确认另一位")


def _hand_out(ctx: Context, account: Staff, secret: str) -> None:
    sealed = ctx.vault.seal(secret, TOTP_PURPOSE)
    account.key_id, account.totp_sealed, account.totp_last_step = sealed.key_id, sealed.ciphertext, 0
    account.failures, account.locked_until = 0, None
    end_staff_sessions(account.username)


def _reason(reason: str) -> str:
    if not 1 <= len(reason.strip()) <= LONGEST_REASON:
        raise InvalidInput("REASON_MISSING", f"请写明理由（不超过 {LONGEST_REASON} 字）", "reason")
    return reason.strip()


def _trace(caller: StaffCaller, deed: str, username: str, at: datetime, **detail: object) -> None:
    write_audit(at, caller.actor, deed, f"staff:{username}", **detail)
