"""投递日志: what was tried for a merchant and how it went, and having something sent again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Select, delete, select

from haihe.domain.errors import Conflict, NotFound
from haihe.storage.audit import write_audit
from haihe.storage.db import among, db, transaction
from haihe.storage.decisions import Order
from haihe.storage.notices import Delivery, DeliveryAttempt, MerchantEvent, WebhookEndpoint
from haihe.usecases.rules_in_force import Partner
from haihe.usecases.telling_merchants import new_event_id
from haihe.usecases.webhook_endpoints import find_endpoint

# 投递日志保留 90 天: long enough for any question about a month's statement.
KEPT = timedelta(days=90)
TEST_EVENT = "webhook.test"
PAGE = 50


@dataclass(frozen=True, slots=True)
class Told:
    """One delivery as its merchant sees it, with its attempts, the first first."""

    delivery: Delivery
    event: MerchantEvent
    url: str
    out_order_no: str | None
    attempts: list[DeliveryAttempt]


def deliveries_of(
    partner: Partner, state: str | None = None, out_order_no: str | None = None, before: int | None = None
) -> list[Told]:
    """The merchant's deliveries, the newest first, at most PAGE; `before` is the id of the last one already seen."""
    query = _query(partner)
    if state is not None:
        query = query.where(Delivery.state == state)
    if out_order_no is not None:
        query = query.where(Order.out_order_no == out_order_no)
    if before is not None:
        query = query.where(Delivery.id < before)
    return _told(query.order_by(Delivery.id.desc()).limit(PAGE))


def find_delivery(partner: Partner, delivery_id: int) -> Told:
    """One of the merchant's own deliveries; another's is as good as none."""
    found = _told(_query(partner).where(Delivery.id == delivery_id))
    if not found:
        raise NotFound("DELIVERY_NOT_FOUND", "没有这次投递")
    return found[0]


def replay(partner: Partner, delivery_id: int, at: datetime) -> Told:
    """Send an event once more, to where it went before. One that still waits is tried at once."""
    with transaction():
        old = find_delivery(partner, delivery_id).delivery
        find_endpoint(partner, old.endpoint_id)
        again = db.session.execute(
            select(Delivery)
            .where(
                Delivery.event_no == old.event_no,
                Delivery.endpoint_id == old.endpoint_id,
                Delivery.state == "WAITING",
            )
            .with_for_update()
        ).scalar_one_or_none()
        if again is None:
            again = Delivery(
                event_no=old.event_no,
                endpoint_id=old.endpoint_id,
                merchant_id=old.merchant_id,
                order_id=old.order_id,
                replay=True,
                created_at=at,
                due_at=at,
            )
            db.session.add(again)
        again.due_at = at
        db.session.flush()
        write_audit(at, f"client:{partner.client_id}", "replay_notice", f"delivery:{again.id}")
        again_id = again.id
    return find_delivery(partner, again_id)


def send_test(partner: Partner, endpoint_id: int, at: datetime) -> Told:
    """Put a test event on its way to one endpoint; it speaks of no order."""
    with transaction():
        endpoint = find_endpoint(partner, endpoint_id)
        if _tests_waiting(endpoint.id):
            raise Conflict("TEST_WAITING", "上一次测试通知还没有送达，请先查看投递日志")
        event = MerchantEvent(
            event_id=new_event_id(),
            merchant_id=endpoint.merchant_id,
            sequence=0,
            type=TEST_EVENT,
            body={},
            created_at=at,
        )
        db.session.add(event)
        db.session.flush()
        delivery = Delivery(
            event_no=event.id,
            endpoint_id=endpoint.id,
            merchant_id=endpoint.merchant_id,
            created_at=at,
            due_at=at,
        )
        db.session.add(delivery)
        db.session.flush()
        write_audit(at, f"client:{partner.client_id}", "test_webhook", f"webhook:{endpoint.id}")
        delivery_id = delivery.id
    return find_delivery(partner, delivery_id)


def _tests_waiting(endpoint_id: int) -> bool:
    query = (
        select(Delivery.id)
        .join(MerchantEvent, MerchantEvent.id == Delivery.event_no)
        .where(
            Delivery.endpoint_id == endpoint_id,
            Delivery.state == "WAITING",
            MerchantEvent.type == TEST_EVENT,
        )
    )
    return db.session.execute(query.limit(1)).first() is not None


def _query(partner: Partner) -> Select[Any]:
    return (
        select(Delivery, MerchantEvent, WebhookEndpoint.url, Order.out_order_no)
        .join(MerchantEvent, MerchantEvent.id == Delivery.event_no)
        .join(WebhookEndpoint, WebhookEndpoint.id == Delivery.endpoint_id)
        .outerjoin(Order, Order.id == Delivery.order_id)
        .where(Delivery.merchant_id == partner.merchant_id)
    )


def _told(query: Select[Any]) -> list[Told]:
    rows = db.session.execute(query.execution_options(populate_existing=True)).all()
    attempts: dict[int, list[DeliveryAttempt]] = {row[0].id: [] for row in rows}
    tried = select(DeliveryAttempt).where(among(DeliveryAttempt.delivery_id, attempts))
    for one in db.session.execute(
        tried.order_by(DeliveryAttempt.delivery_id, DeliveryAttempt.number)
    ).scalars():
        attempts[one.delivery_id].append(one)
    return [Told(row[0], row[1], row[2], row[3], attempts[row[0].id]) for row in rows]


def forget_old_deliveries(at: datetime, most: int = 5000) -> int:
    """Delete what was settled longer ago than it is kept, with its attempts, at most so much at a time; returns how much."""
    old = select(Delivery.id).where(Delivery.settled_at < at - KEPT).order_by(Delivery.id).limit(most)
    with transaction():
        ids = list(db.session.execute(old.with_for_update(skip_locked=True)).scalars())
        db.session.execute(delete(Delivery).where(among(Delivery.id, ids)))
    return len(ids)
