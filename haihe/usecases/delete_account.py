"""注销账号: after leaving, the account itself goes (个人信息保护法 第四十七条). What the law keeps is told with its reason."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import delete, select

from haihe.domain.errors import Conflict
from haihe.storage.audit import write_audit
from haihe.storage.copies import lock_residents
from haihe.storage.db import db, transaction
from haihe.storage.decisions import Order
from haihe.storage.helping import end_helpings_of
from haihe.storage.reading import JOIN
from haihe.storage.residents import Account
from haihe.usecases.consents import consents_in_force
from haihe.usecases.context import Context
from haihe.usecases.leave import ACCOUNT, RUNNING, Kept, what_is_kept
from haihe.usecases.sessions import end_sessions


def delete_account(ctx: Context, account_id: int, resident_id: int, at: datetime) -> tuple[Kept, ...]:
    """Unbind and delete the account, and end its sessions; returns what stays.

    STILL_JOINED before leaving; ORDERS_RUNNING while an order is still to be kept, which its resident has to be able to see.
    """
    with transaction():
        lock_residents([resident_id])
        if JOIN in consents_in_force(resident_id):
            raise Conflict("STILL_JOINED", "请先退出海河分，再注销账号")
        running = select(Order.id).where(Order.resident_id == resident_id, Order.state.in_(RUNNING)).limit(1)
        if db.session.execute(running).first() is not None:
            raise Conflict("ORDERS_RUNNING", "还有没完结的订单，完结后即可注销账号")
        kept = tuple(one for one in what_is_kept(ctx, resident_id, at) if one is not ACCOUNT)
        end_sessions([account_id])
        end_helpings_of(resident_id, at, also_as_helper=True)
        db.session.execute(delete(Account).where(Account.id == account_id))
        write_audit(at, f"account:{account_id}", "delete_account", f"resident:{resident_id}")
    return kept
