"""商户员工: who may act for a merchant. A 店长 opens and closes the accounts of the shop; the city opens the first."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import delete, select

from haihe.domain.errors import Conflict, InvalidInput, NotFound
from haihe.storage.audit import write_audit
from haihe.storage.db import db, transaction
from haihe.storage.onboarding import MerchantSession, MerchantStaff
from haihe.usecases.context import Context
from haihe.usecases.two_factors import check_credentials, kept_factors

MOST_PEOPLE = 200
USERNAME = re.compile(r"[0-9A-Za-z_.-]{3,64}")


class MerchantRole(StrEnum):
    """店员 asks and opens orders at the counter; 店长 does that too, and looks after the desk."""

    CASHIER = "cashier"
    MANAGER = "manager"


@dataclass(frozen=True, slots=True)
class NewPerson:
    """An account to be opened; `totp_secret` is what the person's authenticator app was given."""

    username: str
    password: str
    totp_secret: str
    role: str


def check_person(person: NewPerson) -> None:
    """May such an account be opened? InvalidInput says what is wrong."""
    if not USERNAME.fullmatch(person.username):
        raise InvalidInput("USERNAME_INVALID", "用户名应为 3 至 64 个字母、数字或 _.-", "username")
    check_credentials(person.username, person.password, person.totp_secret)
    if person.role not in set(MerchantRole):
        raise InvalidInput("ROLE_INVALID", "岗位应为 cashier（店员）或 manager（店长）", "role")


def kept_person(ctx: Context, person: NewPerson, at: datetime) -> dict[str, Any]:
    """The columns of an account but for the merchant. Slow: not to be called inside a transaction."""
    factors = kept_factors(ctx, person.password, person.totp_secret)
    return {"username": person.username, "role": person.role, "created_at": at, **factors}


def open_person(ctx: Context, merchant_id: int, person: NewPerson, at: datetime, actor: str) -> None:
    """Open an account for somebody of this merchant; Conflict USERNAME_TAKEN, for names are the whole city's."""
    check_person(person)
    kept = kept_person(ctx, person, at)
    with transaction():
        if len(people_of(merchant_id)) >= MOST_PEOPLE:
            raise Conflict("PEOPLE_TOO_MANY", f"最多 {MOST_PEOPLE} 个员工账号，请先停用不用的")
        if db.session.get(MerchantStaff, person.username) is not None:
            raise Conflict("USERNAME_TAKEN", "这个用户名已有人使用，请换一个", "username")
        db.session.add(MerchantStaff(merchant_id=merchant_id, **kept))
        write_audit(at, actor, "open_merchant_staff", f"merchant_staff:{person.username}", role=person.role)


def close_person(merchant_id: int, username: str, at: datetime, actor: str) -> None:
    """Close an account of this merchant for good; its sessions end with it."""
    with transaction():
        person = db.session.get(MerchantStaff, username, with_for_update=True)
        if person is None or person.merchant_id != merchant_id:
            raise NotFound("PERSON_NOT_FOUND", "没有这个员工账号", "username")
        if person.closed_at is not None:
            return
        if actor == f"merchant_staff:{username}":
            raise Conflict("PERSON_IS_YOU", "不能停用自己正在使用的账号", "username")
        person.closed_at = at
        db.session.execute(delete(MerchantSession).where(MerchantSession.username == username))
        write_audit(at, actor, "close_merchant_staff", f"merchant_staff:{username}")


def people_of(merchant_id: int) -> list[MerchantStaff]:
    """The accounts of a merchant that are not closed."""
    query = (
        select(MerchantStaff)
        .where(MerchantStaff.merchant_id == merchant_id, MerchantStaff.closed_at.is_(None))
        .order_by(MerchantStaff.username)
    )
    return list(db.session.execute(query).scalars())
