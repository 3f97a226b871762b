"""Events arrive at least once and in order, whatever the merchant's server and our own workers do meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from haihe.outside.webhooks import WebhookSender
from haihe.storage.db import db, transaction
from haihe.storage.decisions import Order
from haihe.storage.deliveries import take_due
from haihe.storage.notices import Delivery, DeliveryAttempt, WebhookEndpoint
from haihe.usecases.context import Context
from haihe.usecases.deliver_events import LEASE, Deliverer
from haihe.usecases.delivery_log import forget_old_deliveries
from haihe.usecases.telling_merchants import tell_merchant
from tests.builders import Builders
from tests.conftest import Clock
from tests.receiver import Receiver, receiver
from tests.usecases.test_telling_merchants import endpoint_of, order_of


@pytest.fixture
def server() -> Iterator[Receiver]:
    with receiver() as held:
        yield held


@pytest.fixture
def local(ctx: Context) -> Iterator[Context]:
    """A context that may send to this machine."""
    sender = WebhookSender(local_allowed=True)
    yield replace(ctx, messenger=sender)
    sender.close()


def told(ctx: Context, order: Order, *types: str) -> None:
    for event_type in types:
        with transaction():
            tell_merchant(order, event_type, ctx.now())


def deliver(ctx: Context, senders: int = 8) -> None:
    """Everything that is due now, and what becomes due by it."""
    deliverer = Deliverer(ctx, senders)
    while deliverer.turn() or deliverer.busy:
        if deliverer.busy:
            deliverer.rest(1)
    deliverer.finish()


def states() -> list[str]:
    db.session.rollback()
    return list(db.session.execute(select(Delivery.state).order_by(Delivery.id)).scalars())


def test_the_events_of_an_order_arrive_once_each_and_in_their_order(
    local: Context, a: Builders, server: Receiver
) -> None:
    merchant = a.merchant("XYZ-07").merchant_id
    endpoint_of(merchant, local.now(), server.url)
    orders = [order_of(local, merchant, a.resident(), f"A-{n}") for n in range(3)]
    for order in orders:
        told(local, order, "order.opened", "order.changed", "order.completed")

    deliver(local)

    assert set(states()) == {"DELIVERED"}
    for order in orders:
        mine = [e for e in server.events if e["order"]["out_order_no"] == order.out_order_no]
        assert [e["sequence"] for e in mine] == [1, 2, 3]
    assert len({e["id"] for e in server.events}) == 9


def test_a_later_event_waits_for_the_earlier_which_is_tried_again_by_the_ladder(
    local: Context, a: Builders, server: Receiver, clock: Clock
) -> None:
    merchant = a.merchant("XYZ-07").merchant_id
    endpoint_of(merchant, local.now(), server.url)
    told(local, order_of(local, merchant, a.resident()), "order.opened", "order.completed")
    server.answers = lambda _event, _handler: 500

    deliver(local)
    assert [e["sequence"] for e in server.events] == [1]
    clock.forward(seconds=14)
    deliver(local)
    assert len(server.got) == 1
    clock.forward(seconds=1)
    server.answers = lambda _event, _handler: 202
    deliver(local)

    assert [e["sequence"] for e in server.events] == [1, 1, 2]
    assert states() == ["DELIVERED", "DELIVERED"]
    log = db.session.execute(
        select(DeliveryAttempt).order_by(DeliveryAttempt.delivery_id, DeliveryAttempt.number)
    ).scalars()
    assert [(one.number, one.status, one.excerpt) for one in log] == [
        (1, 500, "ok"),
        (2, 202, "ok"),
        (1, 202, "ok"),
    ]


def test_after_three_days_an_event_is_given_up_and_the_next_gets_its_turn(
    local: Context, a: Builders, server: Receiver, clock: Clock
) -> None:
    merchant = a.merchant("XYZ-07").merchant_id
    endpoint_of(merchant, local.now(), server.url)
    told(local, order_of(local, merchant, a.resident()), "order.opened", "order.completed")
    server.answers = lambda _event, _handler: 503

    for _ in range(90):
        deliver(local)
        if states()[0] == "GIVEN_UP":
            break
        clock.forward(hours=1)
    server.answers = lambda _event, _handler: 200
    clock.forward(hours=1)
    deliver(local)

    assert states() == ["GIVEN_UP", "DELIVERED"]
    assert timedelta(days=2, hours=22) < clock.now - local_start(local) < timedelta(days=3, hours=2)


def local_start(_ctx: Context) -> Any:
    return db.session.execute(select(Delivery.created_at).order_by(Delivery.id)).scalars().first()


def test_a_merchant_that_hangs_delays_nobody_else(local: Context, a: Builders) -> None:
    let_go = threading.Event()
    with receiver() as dead, receiver() as quick:

        def hang(_event: dict[str, Any], _handler: Any) -> int:
            let_go.wait(4)
            return 200

        dead.answers = hang
        hanging, other = a.merchant("XYZ-07").merchant_id, a.merchant("XYZ-07").merchant_id
        endpoint_of(hanging, local.now(), dead.url)
        endpoint_of(other, local.now(), quick.url)
        resident = a.resident()
        for n in range(40):
            told(local, order_of(local, hanging, resident, f"H-{n}"), "order.opened")
        for n in range(10):
            told(local, order_of(local, other, resident, f"Q-{n}"), "order.opened")

        deliverer = Deliverer(local, senders=8)
        while len(quick.got) < 10:
            deliverer.turn()
            deliverer.rest(0.05)
        seen_by_dead = len(dead.got)
        let_go.set()
        deliverer.finish()

    assert len(quick.got) == 10
    assert seen_by_dead <= 4


def test_of_an_endpoint_that_fails_one_event_at_a_time_is_tried(
    local: Context, a: Builders, server: Receiver
) -> None:
    merchant = a.merchant("XYZ-07").merchant_id
    endpoint = endpoint_of(merchant, local.now(), server.url)
    resident = a.resident()
    for n in range(5):
        told(local, order_of(local, merchant, resident, f"A-{n}"), "order.opened")
    with transaction():
        db.session.get_one(WebhookEndpoint, endpoint).failing_since = local.now()

    with transaction():
        first = take_due(local.now(), local.now() + LEASE, 10, 4, 10)
    with transaction():
        second = take_due(local.now(), local.now() + LEASE, 10, 4, 10)

    assert (len(first), len(second)) == (1, 0)


def test_two_workers_at_once_send_each_event_once_and_in_order(
    app: Flask, local: Context, a: Builders, server: Receiver
) -> None:
    merchant = a.merchant("XYZ-07").merchant_id
    endpoint_of(merchant, local.now(), server.url)
    resident = a.resident()
    for n in range(10):
        told(local, order_of(local, merchant, resident, f"A-{n}"), "order.opened", "order.completed")

    def work() -> None:
        with app.app_context():
            while "WAITING" in states():
                deliver(local)

    workers = [threading.Thread(target=work) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()

    assert len(server.got) == 20
    for n in range(10):
        assert [e["sequence"] for e in server.events if e["order"]["out_order_no"] == f"A-{n}"] == [1, 2]


def test_what_a_dead_worker_had_taken_is_sent_by_another_once_its_lease_is_over(
    local: Context, a: Builders, server: Receiver, clock: Clock
) -> None:
    merchant = a.merchant("XYZ-07").merchant_id
    endpoint_of(merchant, local.now(), server.url)
    told(local, order_of(local, merchant, a.resident()), "order.opened", "order.completed")
    with transaction():
        assert len(take_due(local.now(), local.now() + LEASE, 10, 4, 10)) == 1

    deliver(local)
    assert server.got == []
    clock.forward(seconds=LEASE.total_seconds() + 1)
    deliver(local)

    assert [e["sequence"] for e in server.events] == [1, 2]


def test_a_host_that_is_no_longer_registered_gets_nothing(ctx: Context, a: Builders) -> None:
    merchant = a.merchant("XYZ-07").merchant_id
    endpoint_of(merchant, ctx.now(), "https://pay.example.cn/hook")
    told(ctx, order_of(ctx, merchant, a.resident()), "order.opened")

    deliver(ctx)

    assert db.session.execute(select(DeliveryAttempt.failure)).scalars().all() == ["HOST_NOT_REGISTERED"]


def test_a_notice_says_nothing_of_the_resident(local: Context, a: Builders, server: Receiver) -> None:
    merchant = a.merchant("XYZ-07").merchant_id
    endpoint_of(merchant, local.now(), server.url)
    told(local, order_of(local, merchant, a.resident()), "order.opened")

    deliver(local)

    (event,) = server.events
    assert set(event) == {"id", "type", "created_at", "sequence", "order"}
    seen = set(event["order"])
    assert not seen & {"resident_id", "points", "grade", "name", "id_number", "subject"}


def test_what_was_settled_long_ago_is_forgotten_and_what_waits_is_not(
    local: Context, a: Builders, server: Receiver, clock: Clock
) -> None:
    merchant = a.merchant("XYZ-07").merchant_id
    endpoint_of(merchant, local.now(), server.url)
    order = order_of(local, merchant, a.resident(), "A-1")
    told(local, order, "order.opened")
    deliver(local)
    told(local, order, "order.changed")
    clock.forward(days=90)
    assert forget_old_deliveries(clock.now) == 0
    clock.forward(seconds=1)
    assert forget_old_deliveries(clock.now) == 1
    assert states() == ["WAITING"]
    assert db.session.execute(select(DeliveryAttempt)).all() == []
