"""两道门: a password, then a code from the second factor that nobody can use twice. For staff and for merchants' people alike.

An unknown name, a wrong password, a wrong code and a locked account are all told alike and take as long.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import cache
from typing import Any, TypeVar

import pyotp
from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError
from sqlalchemy import select

from haihe.domain.errors import InvalidInput, Unauthenticated
from haihe.storage.accounts import TwoFactors
from haihe.storage.audit import write_audit
from haihe.storage.db import db, transaction
from haihe.storage.vault import Vault
from haihe.usecases.context import Context

MOST_FAILURES = 5
LOCKED_FOR = timedelta(minutes=15)
TOTP_PURPOSE = "totp"
TOTP_SECONDS = 30
# A clock may be off by one step either way.
TOTP_DRIFT = (-1, 0, 1)
SHORTEST_PASSWORD = 12
LONGEST_USERNAME, LONGEST_PASSWORD = 64, 256
TOKEN_BYTES = 32

A = TypeVar("A", bound=TwoFactors)


def check_credentials(username: str, password: str, totp_secret: str) -> None:
    """May an account be opened with these? InvalidInput says what is wrong."""
    if not (0 < len(username) <= LONGEST_USERNAME and username.isascii() and username.isprintable()):
        raise InvalidInput("USERNAME_INVALID", f"用户名应为 1 至 {LONGEST_USERNAME} 个英文字符", "username")
    check_password(password)
    try:
        pyotp.TOTP(totp_secret).generate_otp(1)
    except (ValueError, TypeError):
        raise InvalidInput(
            "TOTP_INVALID", "动态口令密钥应为 Base32 文字，至少 23 个字符", "totp_secret"
        ) from None


def check_password(password: str) -> None:
    """Is it long enough? InvalidInput otherwise."""
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        raise InvalidInput(
            "PASSWORD_INVALID", f"密码应有 {SHORTEST_PASSWORD} 至 {LONGEST_PASSWORD} 个字符", "password"
        )


def kept_password(password: str) -> str:
    """The column of a password. Slow on purpose: not to be called inside a transaction."""
    return _hasher().hash(password)


def kept_factors(ctx: Context, password: str, totp_secret: str) -> dict[str, Any]:
    """The columns of an account with these factors. Slow on purpose: not to be called inside a transaction."""
    sealed = ctx.vault.seal(totp_secret, TOTP_PURPOSE)
    return {
        "password_hash": kept_password(password),
        "key_id": sealed.key_id,
        "totp_sealed": sealed.ciphertext,
    }


def draw_token() -> str:
    """A session's token, of which only the hash is kept."""
    return secrets.token_urlsafe(TOKEN_BYTES)


def hash_of_token(token: str) -> bytes:
    """By what a session is found."""
    return hashlib.sha256(token.encode(errors="replace")).digest()


def enter(
    ctx: Context,
    accounts: type[A],
    kind: str,
    username: str,
    password: str,
    totp: str,
    at: datetime,
    open_session: Callable[[A], None],
) -> A:
    """Let somebody in whose password and code are right; Unauthenticated LOGIN_FAILED whatever is wrong.

    `open_session` is called inside the transaction. `kind` is how the audit trail calls these accounts.
    """
    known = db.session.execute(
        select(accounts.password_hash).where(accounts.username == username)
    ).scalar_one_or_none()
    db.session.rollback()
    # The slow part comes before any lock is taken, and for an unknown name too.
    right_password = password_verifies(known or _nobodys_hash(), password) and known is not None
    with transaction():
        account = db.session.get(accounts, username, with_for_update=True, populate_existing=True)
        opened = (
            account is not None
            and account.password_hash == known
            and _opens(ctx.vault, account, right_password, totp, at)
        )
        if account is not None and opened:
            open_session(account)
        # A name that nobody has may be a password typed into the wrong box, so it is not written down.
        actor = f"{kind}:{account.username}" if account is not None else f"{kind}:unknown"
        write_audit(at, actor, f"{kind}_log_in" if opened else f"{kind}_log_in_failed", actor)
    if account is None or not opened:
        raise Unauthenticated(
            "LOGIN_FAILED",
            f"用户名、密码或动态口令不正确，或账号暂时锁定（连续 {MOST_FAILURES} 次失败锁定 15 分钟）",
        )
    return account


def _opens(vault: Vault, account: TwoFactors, right_password: bool, totp: str, at: datetime) -> bool:
    """Password and code together; counts the failure, or uses the code up."""
    if account.barred or (account.locked_until is not None and account.locked_until > at):
        return False
    step = _step_of(vault.open(account.key_id, account.totp_sealed, TOTP_PURPOSE), totp, at)
    if right_password and step is not None and step > account.totp_last_step:
        account.totp_last_step = step
        account.failures = 0
        account.locked_until = None
        return True
    count_failure(account, at)
    return False


def count_failure(account: TwoFactors, at: datetime) -> None:
    """One wrong guess more; so many in a row lock the account for a while."""
    account.failures += 1
    if account.failures >= MOST_FAILURES:
        account.failures = 0
        account.locked_until = at + LOCKED_FOR


def _step_of(secret: str, code: str, at: datetime) -> int | None:
    """The time step whose code this is, the latest if there are two."""
    generator = pyotp.TOTP(secret)
    now = int(at.timestamp()) // TOTP_SECONDS
    found = None
    for drift in TOTP_DRIFT:
        if hmac.compare_digest(generator.generate_otp(now + drift).encode(), code.encode(errors="replace")):
            found = now + drift
    return found


@cache
def _hasher() -> PasswordHasher:
    return PasswordHasher()


@cache
def _nobodys_hash() -> str:
    """The hash of a password that nobody has, so that an unknown name costs as long as a known one."""
    return _hasher().hash(secrets.token_urlsafe(32))


def password_verifies(hashed: str, password: str) -> bool:
    """Whether this is the password. Slow on purpose: not to be called inside a transaction."""
    try:
        return _hasher().verify(hashed, password.encode(errors="replace"))
    except (Argon2Error, InvalidHashError):
        return False
