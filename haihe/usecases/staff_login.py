"""管理人员登录: a session of half an hour for whoever shows both factors (see two_factors.py)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import delete, func, select, update

from haihe.domain.districts import DISTRICTS
from haihe.domain.errors import Conflict, InvalidInput, Unauthenticated
from haihe.storage.audit import write_audit
from haihe.storage.db import db, transaction
from haihe.storage.office import Staff, StaffSession
from haihe.usecases.context import Context
from haihe.usecases.two_factors import check_credentials, draw_token, enter, hash_of_token, kept_factors

SESSION = timedelta(minutes=30)
# However often somebody is seen at the console, they log in again on the next working day.
WORKING_DAY = timedelta(hours=12)
# Nobody keeps a password longer than this.
PASSWORD_LASTS = timedelta(days=90)
# How exactly we know when somebody was last there: not every glance at a page is worth a write.
SEEN_STEP = timedelta(minutes=1)


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
    # The password is to be changed before anything else is done.
    must_change: bool = False

    @property
    def actor(self) -> str:
        """How the audit trail calls them."""
        return f"staff:{self.username}"


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
    first: bool = False,
) -> None:
    """An account that can be used at once, made by whoever runs the machine; at the console two administrators are needed
    for it (staff_accounts.py). `totp_secret` is what the person's authenticator app was given; `first` says that the
    password is to be changed at the first login.
    """
    check_credentials(username, password, totp_secret)
    check_post(role, districts)
    factors = kept_factors(ctx, password, totp_secret)
    with transaction():
        if db.session.get(Staff, username) is not None:
            raise Conflict("STAFF_EXISTS", "已有这个用户名", "username")
        db.session.add(
            Staff(
                username=username,
                role=role,
                districts=districts,
                state="OPEN",
                proposed_by=actor,
                password_expires_at=at if first else at + PASSWORD_LASTS,
                created_at=at,
                **factors,
            )
        )
        write_audit(at, actor, "create_staff", f"staff:{username}", role=role, districts=districts)


def log_in_staff(ctx: Context, username: str, password: str, totp: str, at: datetime) -> StaffLoggedIn:
    """Open a session of half an hour; Unauthenticated LOGIN_FAILED whatever is wrong."""
    token = draw_token()

    def open_session(staff: Staff) -> None:
        db.session.execute(
            delete(StaffSession).where(StaffSession.username == username, StaffSession.expires_at <= at)
        )
        db.session.add(
            StaffSession(
                token_hash=hash_of_token(token), username=username, created_at=at, expires_at=at + SESSION
            )
        )

    staff = enter(ctx, Staff, "staff", username, password, totp, at, open_session)
    return StaffLoggedIn(token, at + SESSION, Role(staff.role))


def staff_of(token: str, at: datetime) -> StaffCaller:
    """Whose session this is; Unauthenticated if it has ended."""
    row = db.session.execute(
        select(
            Staff.username,
            Staff.role,
            Staff.districts,
            StaffSession.expires_at,
            Staff.password_expires_at <= at,
        )
        .join(Staff, Staff.username == StaffSession.username)
        .where(
            StaffSession.token_hash == hash_of_token(token),
            StaffSession.expires_at > at,
            Staff.state == "OPEN",
        )
    ).one_or_none()
    if row is None:
        raise Unauthenticated("SESSION_INVALID", "登录已过期或已退出，请重新登录")
    username, role, districts, expires_at, must_change = row
    return StaffCaller(username, Role(role), frozenset(districts), expires_at, must_change)


def keep_staff_session(caller: StaffCaller, token: str, at: datetime) -> StaffCaller:
    """Somebody is at work in the console: half an hour from now, but no longer than a working day in all."""
    if caller.expires_at - at > SESSION - SEEN_STEP:
        return caller
    with transaction():
        longest = StaffSession.created_at + WORKING_DAY
        renewed = db.session.execute(
            update(StaffSession)
            .where(StaffSession.token_hash == hash_of_token(token))
            .values(expires_at=func.least(longest, at + SESSION))
            .returning(StaffSession.expires_at)
        ).scalar()
    return replace(caller, expires_at=renewed or caller.expires_at)


def record_refusal(caller: StaffCaller, door: str, code: str, at: datetime) -> None:
    """Somebody tried what is not theirs to do."""
    with transaction():
        write_audit(at, caller.actor, "staff_refused", caller.actor, door=door, code=code, role=caller.role)


def log_out_staff(token: str, at: datetime) -> None:
    """End a session; one that has ended already stays so."""
    with transaction():
        ended = delete(StaffSession).where(StaffSession.token_hash == hash_of_token(token))
        username = db.session.execute(ended.returning(StaffSession.username)).scalar()
        if username is not None:
            write_audit(at, f"staff:{username}", "staff_log_out", f"staff:{username}")


def end_staff_sessions(username: str, but: bytes = b"") -> None:
    """Put somebody out wherever they are logged in, but for the session with this hash; inside a transaction."""
    theirs = (StaffSession.username == username) & (StaffSession.token_hash != but)
    db.session.execute(delete(StaffSession).where(theirs))


def check_post(role: str, districts: list[str]) -> None:
    """Is there such a post? InvalidInput otherwise."""
    if role not in set(Role):
        raise InvalidInput("ROLE_INVALID", f"岗位应为其中之一：{'、'.join(Role)}", "role")
    if unknown := [d for d in districts if d not in DISTRICTS]:
        raise InvalidInput("DISTRICT_INVALID", f"没有这个区：{'、'.join(unknown)}", "districts")
