"""管理人员登录: a password, then a code from the second factor that nobody can use twice.

An unknown name, a wrong password, a wrong code and a locked account are all told alike and take as long.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cache

import pyotp
from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError
from sqlalchemy import delete, select

from haihe.domain.districts import DISTRICTS
from haihe.domain.errors import Conflict, InvalidInput, Unauthenticated
from haihe.storage.db import db, transaction
from haihe.storage.office import Staff, StaffSession, write_audit
from haihe.storage.vault import Vault
from haihe.usecases.context import Context

SESSION = timedelta(minutes=30)
MOST_FAILURES = 5
LOCKED_FOR = timedelta(minutes=15)
TOTP_PURPOSE = "totp"
TOTP_SECONDS = 30
# A clock may be off by one step either way.
TOTP_DRIFT = (-1, 0, 1)
SHORTEST_PASSWORD = 12
LONGEST_USERNAME, LONGEST_PASSWORD = 64, 256


class Role(StrEnum):
    """岗位. System, security and audit are three different people's (三员分立)."""

    SCENARIO_EDITOR = "scenario_editor"
    APPROVER = "approver"
    DATA_CLERK = "data_clerk"
    OBJECTION_OFFICER = "objection_officer"
    PARTNER_MANAGER = "partner_manager"
    SYSTEM_ADMIN = "system_admin"
    SECURITY_ADMIN = "security_admin"
    AUDITOR = "auditor"


@dataclass(frozen=True, slots=True)
class StaffCaller:
    """Who of the staff is asking; no districts means the whole city."""

    username: str
    role: Role
    districts: frozenset[str]
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class StaffLoggedIn:
    """A session as it is handed out."""

    token: str
    expires_at: datetime
    role: Role


def create_staff(
    ctx: Context,
    username: str,
    password: str,
    totp_secret: str,
    role: str,
    districts: list[str],
    at: datetime,
    actor: str,
) -> None:
    """Open an account for a member of the staff; `totp_secret` is what their authenticator app was given."""
    _check_account(username, password, totp_secret, role, districts)
    sealed = ctx.vault.seal(totp_secret, TOTP_PURPOSE)
    hashed = _hasher().hash(password)
    with transaction():
        if db.session.get(Staff, username) is not None:
            raise Conflict("STAFF_EXISTS", "已有这个用户名", "username")
        db.session.add(
            Staff(
                username=username,
                password_hash=hashed,
                key_id=sealed.key_id,
                totp_sealed=sealed.ciphertext,
                role=role,
                districts=districts,
                created_at=at,
            )
        )
        write_audit(at, actor, "create_staff", f"staff:{username}", role=role, districts=districts)


def log_in_staff(ctx: Context, username: str, password: str, totp: str, at: datetime) -> StaffLoggedIn:
    """Open a session of half an hour; Unauthenticated LOGIN_FAILED whatever is wrong."""
    known = db.session.execute(
        select(Staff.password_hash).where(Staff.username == username)
    ).scalar_one_or_none()
    db.session.rollback()
    # The slow part comes before any lock is taken, and for an unknown name too.
    right_password = _verifies(known or _nobodys_hash(), password) and known is not None
    token = secrets.token_urlsafe(32)
    with transaction():
        staff = db.session.get(Staff, username, with_for_update=True, populate_existing=True)
        opened = (
            staff is not None
            and staff.password_hash == known
            and _opens(ctx.vault, staff, right_password, totp, at)
        )
        if staff is not None and opened:
            db.session.execute(
                delete(StaffSession).where(StaffSession.username == username, StaffSession.expires_at <= at)
            )
            db.session.add(
                StaffSession(
                    token_hash=_hash(token), username=username, created_at=at, expires_at=at + SESSION
                )
            )
        # A name that nobody has may be a password typed into the wrong box, so it is not written down.
        actor = f"staff:{staff.username}" if staff is not None else "staff:unknown"
        write_audit(at, actor, "staff_log_in" if opened else "staff_log_in_failed", actor)
        role = Role(staff.role) if staff is not None else None
    if not opened or role is None:
        raise Unauthenticated(
            "LOGIN_FAILED",
            f"用户名、密码或动态口令不正确，或账号暂时锁定（连续 {MOST_FAILURES} 次失败锁定 15 分钟）",
        )
    return StaffLoggedIn(token, at + SESSION, role)


def staff_of(token: str, at: datetime) -> StaffCaller:
    """Whose session this is; Unauthenticated if it has ended."""
    row = db.session.execute(
        select(Staff.username, Staff.role, Staff.districts, StaffSession.expires_at)
        .join(Staff, Staff.username == StaffSession.username)
        .where(StaffSession.token_hash == _hash(token), StaffSession.expires_at > at)
    ).one_or_none()
    if row is None:
        raise Unauthenticated("SESSION_INVALID", "登录已过期或已退出，请重新登录")
    return StaffCaller(row.username, Role(row.role), frozenset(row.districts), row.expires_at)


def log_out_staff(token: str, at: datetime) -> None:
    """End a session; one that has ended already stays so."""
    with transaction():
        ended = delete(StaffSession).where(StaffSession.token_hash == _hash(token))
        username = db.session.execute(ended.returning(StaffSession.username)).scalar()
        if username is not None:
            write_audit(at, f"staff:{username}", "staff_log_out", f"staff:{username}")


def _opens(vault: Vault, staff: Staff, right_password: bool, totp: str, at: datetime) -> bool:
    """Password and code together; counts the failure, or uses the code up."""
    if staff.locked_until is not None and staff.locked_until > at:
        return False
    step = _step_of(vault.open(staff.key_id, staff.totp_sealed, TOTP_PURPOSE), totp, at)
    if right_password and step is not None and step > staff.totp_last_step:
        staff.totp_last_step = step
        staff.failures = 0
        staff.locked_until = None
        return True
    staff.failures += 1
    if staff.failures >= MOST_FAILURES:
        staff.failures = 0
        staff.locked_until = at + LOCKED_FOR
    return False


def _step_of(secret: str, code: str, at: datetime) -> int | None:
    """The time step whose code this is, the latest if there are two."""
    generator = pyotp.TOTP(secret)
    now = int(at.timestamp()) // TOTP_SECONDS
    found = None
    for drift in TOTP_DRIFT:
        if hmac.compare_digest(generator.generate_otp(now + drift).encode(), code.encode(errors="replace")):
            found = now + drift
    return found


def _check_account(username: str, password: str, totp_secret: str, role: str, districts: list[str]) -> None:
    if not (0 < len(username) <= LONGEST_USERNAME and username.isascii() and username.isprintable()):
        raise InvalidInput("USERNAME_INVALID", f"用户名应为 1 至 {LONGEST_USERNAME} 个英文字符", "username")
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        raise InvalidInput(
            "PASSWORD_INVALID", f"密码应有 {SHORTEST_PASSWORD} 至 {LONGEST_PASSWORD} 个字符", "password"
        )
    try:
        pyotp.TOTP(totp_secret).generate_otp(1)
    except (ValueError, TypeError):
        raise InvalidInput(
            "TOTP_INVALID", "动态口令密钥应为 Base32 文字，至少 23 个字符", "totp_secret"
        ) from None
    if role not in set(Role):
        raise InvalidInput("ROLE_INVALID", f"岗位应为其中之一：{'、'.join(Role)}", "role")
    if unknown := [d for d in districts if d not in DISTRICTS]:
        raise InvalidInput("DISTRICT_INVALID", f"没有这个区：{'、'.join(unknown)}", "districts")


@cache
def _hasher() -> PasswordHasher:
    return PasswordHasher()


@cache
def _nobodys_hash() -> str:
    """The hash of a password that nobody has, so that an unknown name costs as long as a known one."""
    return _hasher().hash(secrets.token_urlsafe(32))


def _verifies(hashed: str, password: str) -> bool:
    try:
        return _hasher().verify(hashed, password.encode(errors="replace"))
    except (Argon2Error, InvalidHashError):
        return False


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode(errors="replace")).digest()
