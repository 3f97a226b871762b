"""商户员工: a manager and a cashier for every shop of the demo city."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select

from haihe.demo.credentials import password, totp_secret
from haihe.demo.merchants import SHOPS, uscc
from haihe.storage.db import db
from haihe.storage.onboarding import MerchantStaff
from haihe.storage.partners import Merchant
from haihe.usecases.context import Context
from haihe.usecases.merchant_people import MerchantRole, NewPerson, open_person


def username_of(number: int, role: MerchantRole) -> str:
    """The manager or the cashier of the n-th shop, counted from 1."""
    return f"demo-{role}-{number:02d}"


def ensure_shop_people(ctx: Context, at: datetime, actor: str) -> None:
    """Open the accounts that are not there yet, each in a transaction of its own."""
    for number in range(1, len(SHOPS) + 1):
        theirs = select(Merchant.id).where(Merchant.uscc == uscc(number), Merchant.sandbox_of.is_(None))
        merchant_id = db.session.execute(theirs).scalar_one()
        for role in MerchantRole:
            username = username_of(number, role)
            if db.session.get(MerchantStaff, username) is None:
                vault = ctx.vault
                person = NewPerson(username, password(vault, username), totp_secret(vault, username), role)
                open_person(ctx, merchant_id, person, at, actor)
