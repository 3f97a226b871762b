"""An event is put on its way with the change itself, numbered within its order, and says nothing of the resident."""

from __future__ import annotations

from datetime import datetime

import pytest
from sqlalchemy import select

from haihe.storage.db import db, transaction
from haihe.storage.decisions import Order
from haihe.storage.notices import Delivery, MerchantEvent, WebhookEndpoint
from haihe.usecases.context import Context
from haihe.usecases.telling_merchants import TOLD, tell_merchant
from tests.builders import Builders


def order_of(ctx: Context, merchant_id: int, resident_id: int, number: str = "A-1") -> Order:
    order = Order(
        merchant_id=merchant_id,
        out_order_no=number,
        decision_id=f"d{number}{merchant_id}",
        resident_id=resident_id,
        scenario="XYZ-07",
        revision=1,
        benefit={"label": "免押金", "ceiling_fen": 19900},
        state="DOING",
        opened_on=ctx.now().date(),
        created_at=ctx.now(),
    )
    with transaction():
        db.session.add(order)
    return order


def endpoint_of(merchant_id: int, at: datetime, url: str = "https://shop.example/hook") -> int:
    with transaction():
        endpoint = WebhookEndpoint(merchant_id=merchant_id, url=url, created_at=at, changed_at=at)
        db.session.add(endpoint)
        db.session.flush()
        endpoint_id = endpoint.id
    return endpoint_id


def test_events_of_an_order_are_numbered_and_go_to_every_endpoint_of_its_merchant_alone(
    ctx: Context, a: Builders
) -> None:
    merchant, other = a.merchant("XYZ-07"), a.merchant("XYZ-07")
    mine = {endpoint_of(merchant.merchant_id, ctx.now()), endpoint_of(merchant.merchant_id, ctx.now())}
    endpoint_of(other.merchant_id, ctx.now())
    order = order_of(ctx, merchant.merchant_id, a.resident())

    for event_type in ("order.opened", "order.completed"):
        with transaction():
            tell_merchant(order, event_type, ctx.now())

    events = db.session.execute(select(MerchantEvent).order_by(MerchantEvent.id)).scalars().all()
    assert [(e.type, e.sequence) for e in events] == [("order.opened", 1), ("order.completed", 2)]
    assert set(events[0].body) == set(TOLD)
    assert "resident_id" not in events[0].body
    sent = db.session.execute(select(Delivery.endpoint_id, Delivery.event_no)).all()
    assert sorted(sent) == sorted((endpoint, event.id) for endpoint in mine for event in events)


def test_a_change_that_fails_tells_nobody(ctx: Context, a: Builders) -> None:
    merchant = a.merchant("XYZ-07")
    endpoint_of(merchant.merchant_id, ctx.now())
    order = order_of(ctx, merchant.merchant_id, a.resident())

    with pytest.raises(ValueError, match="no"), transaction():
        tell_merchant(order, "order.completed", ctx.now())
        raise ValueError("no")

    assert db.session.execute(select(MerchantEvent.id)).all() == []
    assert db.session.execute(select(Delivery.id)).all() == []
