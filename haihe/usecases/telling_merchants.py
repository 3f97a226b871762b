"""告知商户: an event is put on its way in the transaction that changed the order, so neither is ever without the other."""

from __future__ import annotations

import secrets
from datetime import datetime
from typing import Any

from sqlalchemy import func, insert, literal, select

from haihe.storage.db import db
from haihe.storage.decisions import Order
from haihe.storage.notices import Delivery, MerchantEvent, WebhookEndpoint
from haihe.usecases.context import TIANJIN

# The complete list of what a notice says of an order: what its merchant sees of it anyway. Never points, grade or who.
TOLD = (
    "out_order_no",
    "decision_id",
    "scenario",
    "state",
    "benefit",
    "agreed_fen",
    "total_fen",
    "created_at",
    "ended_at",
    "settled_at",
    "disputed_at",
)


def tell_merchant(order: Order, event_type: str, at: datetime) -> None:
    """Tell the order's merchant what happened, such as `order.completed`, at every endpoint it has.

    Call it inside the transaction that changed the order, with the order locked (or just made) and flushed: events of
    one order are then numbered and delivered in the order in which they came about.
    """
    last = select(func.max(MerchantEvent.sequence)).where(MerchantEvent.order_id == order.id)
    event = MerchantEvent(
        event_id=new_event_id(),
        merchant_id=order.merchant_id,
        order_id=order.id,
        sequence=(db.session.execute(last).scalar() or 0) + 1,
        type=event_type,
        body=order_told(order),
        created_at=at,
    )
    db.session.add(event)
    db.session.flush()
    to_every_endpoint = select(
        literal(event.id),
        WebhookEndpoint.id,
        WebhookEndpoint.merchant_id,
        literal(order.id),
        literal(at),
        literal(at),
    ).where(WebhookEndpoint.merchant_id == order.merchant_id, WebhookEndpoint.deleted_at.is_(None))
    db.session.execute(
        insert(Delivery).from_select(
            ["event_no", "endpoint_id", "merchant_id", "order_id", "created_at", "due_at"], to_every_endpoint
        )
    )


def order_told(order: Order) -> dict[str, Any]:
    """The order as its merchant reads it in a notice; times in Tianjin's."""
    return {name: _written(getattr(order, name)) for name in TOLD}


def new_event_id() -> str:
    """An id by which a receiver knows an event that it has had before."""
    return f"evt_{secrets.token_hex(16)}"


def _written(value: Any) -> Any:
    return value.astimezone(TIANJIN).isoformat(timespec="seconds") if isinstance(value, datetime) else value
