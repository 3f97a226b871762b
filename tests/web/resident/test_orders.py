"""A resident's own orders: confirmed and disputed by them, and nobody else's business."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from haihe.storage.db import db, transaction
from haihe.storage.decisions import Order
from haihe.usecases.context import Context, day_of
from tests.builders import Builders
from tests.web.resident.phone import Phone


def order_for(ctx: Context, a: Builders, resident_id: int, **fields: object) -> int:
    at = ctx.now()
    row: dict[str, object] = {
        "merchant_id": a.merchant("XYZ-02").merchant_id,
        "out_order_no": "A-1",
        "decision_id": f"d{next(a.numbers)}",
        "resident_id": resident_id,
        "scenario": "XYZ-02",
        "revision": 1,
        "benefit": {"label": "免收设备押金", "ceiling_fen": 500},
        "agreed_fen": 500,
        "state": "DOING",
        "opened_on": day_of(at),
        "created_at": at,
    }
    with transaction():
        order = Order(**{**row, **fields})
        db.session.add(order)
        db.session.flush()
        order_id = order.id
    return order_id


def test_an_order_is_confirmed_by_its_resident(
    ctx: Context, a: Builders, member: Phone, resident_of: Callable[[Phone], int]
) -> None:
    order_id = order_for(ctx, a, resident_of(member), state="CREATED", unconfirmed=True)
    waiting = member.get("/v1/me/orders").json["orders"]
    assert [(o["id"], o["state_words"], o["may_confirm"]) for o in waiting] == [
        (order_id, "待居民确认", True)
    ]

    first = member.post(f"/v1/me/orders/{order_id}/confirm", {})
    again = member.post(f"/v1/me/orders/{order_id}/confirm", {})

    assert first.json == again.json
    assert (first.json["state"], first.json["may_dispute"]) == ("DOING", True)


def test_a_dispute_is_made_and_taken_back(
    ctx: Context, a: Builders, member: Phone, resident_of: Callable[[Phone], int]
) -> None:
    path = f"/v1/me/orders/{order_for(ctx, a, resident_of(member))}"
    assert member.post(f"{path}/dispute", {"reason": "因为"}).status_code == 422
    disputed = member.post(f"{path}/dispute", {"reason": "RETURNED"}).json
    # Five working days after Friday 20 November.
    assert (disputed["state"], disputed["dispute_answer_by"]) == ("DOING", "2026-11-27")
    assert member.delete(f"{path}/dispute").json["disputed_at"] is None


def test_anothers_order_does_not_exist(
    ctx: Context, a: Builders, member: Phone, stranger: Phone, resident_of: Callable[[Phone], int]
) -> None:
    order_id = order_for(ctx, a, resident_of(member), state="CREATED", unconfirmed=True)
    for wanted in (order_id, 999):
        path = f"/v1/me/orders/{wanted}"
        answers = [
            stranger.get(path),
            stranger.post(f"{path}/confirm", {}),
            stranger.post(f"{path}/dispute", {"reason": "PAID"}),
            stranger.delete(f"{path}/dispute"),
        ]
        assert [(r.status_code, r.json["code"]) for r in answers] == [(404, "ORDER_NOT_FOUND")] * 4
    assert stranger.get("/v1/me/orders").json == {"orders": [], "next_before": None}
    assert stranger.get("/v1/me/notifications").json["notifications"] == []
    assert db.session.get_one(Order, order_id).state == "CREATED"


def test_a_booking_is_cancelled_by_its_resident(
    ctx: Context, a: Builders, member: Phone, stranger: Phone, resident_of: Callable[[Phone], int]
) -> None:
    held = {"state": "CREATED", "starts_later": True, "held_until": ctx.now() + timedelta(hours=1)}
    path = f"/v1/me/orders/{order_for(ctx, a, resident_of(member), **held)}"
    assert member.get(path).json["may_cancel"]
    assert stranger.post(f"{path}/cancel", {}).status_code == 404

    cancelled = member.post(f"{path}/cancel", {}).json
    assert (cancelled["state"], cancelled["may_cancel"]) == ("REVOKED", False)
