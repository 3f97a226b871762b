"""登录: who holds this phone? A session is a random token; only its hash is kept."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from haihe.domain.errors import Unauthenticated
from haihe.storage.audit import write_audit
from haihe.storage.db import db, transaction
from haihe.storage.reading import JOIN
from haihe.storage.residents import Account, Consent, Session
from haihe.usecases.context import Context

# A mini-program logs in silently, so a short life costs the resident nothing; a lost phone costs a week at most, and
# nobody stays in for ever by being used every day.
IDLE = timedelta(days=7)
LONGEST = timedelta(days=30)
PROLONGED_AFTER = timedelta(days=1)
TOKEN_BYTES = 32


@dataclass(frozen=True, slots=True)
class Caller:
    """Who is asking: an account, and the person behind it once the real name is bound. `helping_id` says that they have
    switched to acting for somebody; whether they may, is for the lock to ask."""

    account_id: int
    resident_id: int | None
    helping_id: int | None = None


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """What the mini-program is handed at login, with what is still to be done."""

    token: str
    expires_at: datetime
    real_name_bound: bool
    joined: bool


def log_in(ctx: Context, js_code: str, at: datetime) -> LoggedIn:
    """Open a session for the account behind a mini-program's one-time code; the account is made at its first login."""
    index = ctx.vault.index(ctx.wechat.openid(js_code), "openid")
    token = secrets.token_urlsafe(TOKEN_BYTES)
    with transaction():
        account = _account(index, at)
        db.session.execute(delete(Session).where(Session.account_id == account.id, Session.expires_at <= at))
        db.session.add(
            Session(
                token_hash=hash_of_token(token), account_id=account.id, created_at=at, expires_at=at + IDLE
            )
        )
        write_audit(at, f"account:{account.id}", "log_in", f"account:{account.id}")
        resident_id = account.resident_id
        joined = resident_id is not None and _has_joined(resident_id)
    return LoggedIn(token, at + IDLE, resident_id is not None, joined)


def open_session(account_id: int, at: datetime) -> str:
    """A session for a page that the account's own mini-program opens; returns its token."""
    token = secrets.token_urlsafe(TOKEN_BYTES)
    with transaction():
        db.session.add(
            Session(
                token_hash=hash_of_token(token), account_id=account_id, created_at=at, expires_at=at + IDLE
            )
        )
        write_audit(at, f"account:{account_id}", "open_page", f"account:{account_id}")
    return token


def caller_of(token: str, at: datetime) -> Caller:
    """Who holds this token; a session in use is prolonged once a day, up to thirty days in all."""
    row = db.session.execute(
        select(
            Session.account_id,
            Session.created_at,
            Session.expires_at,
            Session.helping_id,
            Account.resident_id,
        )
        .join(Account, Account.id == Session.account_id)
        .where(Session.token_hash == hash_of_token(token), Session.expires_at > at)
    ).one_or_none()
    if row is None:
        raise Unauthenticated("SESSION_INVALID", "登录已过期或已退出，请重新登录")
    later = min(at + IDLE, row.created_at + LONGEST)
    if later - row.expires_at >= PROLONGED_AFTER:
        with transaction():
            db.session.execute(
                update(Session).where(Session.token_hash == hash_of_token(token)).values(expires_at=later)
            )
    return Caller(row.account_id, row.resident_id, row.helping_id)


def log_out(token: str, at: datetime) -> None:
    """End this session; one that has ended already stays so."""
    with transaction():
        ended = (
            delete(Session).where(Session.token_hash == hash_of_token(token)).returning(Session.account_id)
        )
        account_id = db.session.execute(ended).scalar()
        if account_id is not None:
            write_audit(at, f"account:{account_id}", "log_out", f"account:{account_id}")


def end_sessions(account_ids: list[int]) -> None:
    """Log these accounts out everywhere; call inside the deed's transaction."""
    db.session.execute(delete(Session).where(Session.account_id.in_(account_ids)))


def _account(index: bytes, at: datetime) -> Account:
    # Two first logins at once meet at the unique index, and both then find the same account.
    db.session.execute(upsert(Account).values(openid_index=index, created_at=at).on_conflict_do_nothing())
    return db.session.execute(select(Account).where(Account.openid_index == index)).scalar_one()


def _has_joined(resident_id: int) -> bool:
    in_force = select(Consent.id).where(
        Consent.resident_id == resident_id, Consent.purpose == JOIN, Consent.withdrawn_at.is_(None)
    )
    return db.session.execute(in_force).first() is not None


def hash_of_token(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
