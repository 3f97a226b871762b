"""运行与告警: counted day by day, once; who is silent and who is probing; small numbers are not told."""

from __future__ import annotations

from datetime import timedelta

from haihe.storage.alarms import AlarmKind
from haihe.storage.db import db, transaction
from haihe.storage.decisions import DecisionRow, Order
from haihe.storage.partners import Merchant
from haihe.usecases.alarms import raise_alarm
from haihe.usecases.context import Context, day_of
from haihe.usecases.judge_merchant import Judge
from haihe.usecases.partner_health import Health, alarms_to_see, count_uses, health_board
from tests.builders import Builders, MerchantClient
from tests.conftest import Clock

CITY = Judge("staff:x")


def asked(ctx: Context, shop: MerchantClient, resident: int, yes: int, no: int) -> None:
    """So many questions at this moment, and an order kept for each yes."""
    at = ctx.now()
    with transaction():
        for n in range(yes + no):
            number = f"d{at.timestamp():.0f}-{shop.merchant_id}-{n}"
            db.session.add(
                DecisionRow(
                    decision_id=number,
                    at=at,
                    merchant_id=shop.merchant_id,
                    resident_id=resident,
                    scenario="XYZ-07",
                    revision=1,
                    rulebook="HH-2026.1",
                    code="OK" if n < yes else "NOT_AVAILABLE",
                    offer=0 if n < yes else None,
                )
            )
            if n < yes:
                db.session.add(
                    Order(
                        merchant_id=shop.merchant_id,
                        out_order_no=number[-32:],
                        decision_id=number,
                        resident_id=resident,
                        scenario="XYZ-07",
                        revision=1,
                        benefit={"label": "x", "ceiling_fen": 1},
                        state="COMPLETED",
                        opened_on=day_of(at),
                        created_at=at,
                        settled_on=day_of(at),
                        settled_at=at,
                        late=n == 0,
                    )
                )


def of(rows: list[Health], shop: MerchantClient) -> tuple[int | None, ...]:
    [h] = [h for h in rows if h.merchant_id == shop.merchant_id and h.scenario == "XYZ-07"]
    return h.asked, h.eligible, h.opened, h.kept


def test_thirty_days_are_counted_and_small_numbers_are_not_told(
    ctx: Context, a: Builders, clock: Clock
) -> None:
    shop, small = a.merchant("XYZ-07"), a.merchant("XYZ-07")
    resident = a.resident()
    asked(ctx, shop, resident, 30, 10)
    clock.forward(days=3)
    asked(ctx, shop, resident, 25, 5)
    asked(ctx, small, resident, 1, 2)
    assert health_board(ctx, CITY, ctx.now()).counted_at is None
    assert count_uses(ctx.now()) == 31
    board = health_board(ctx, CITY, ctx.now())
    assert of(board.merchants, shop) == (70, 55, 55, 53)
    assert of(board.merchants, small) == (None, None, None, 0)
    assert [(h.asked, h.kept) for h in board.scenarios if h.scenario == "XYZ-07"] == [(73, 53)]
    clock.forward(days=29)
    count_uses(ctx.now())
    assert of(health_board(ctx, CITY, ctx.now()).merchants, shop) == (30, 25, 25, 24)


def test_a_day_that_is_over_is_counted_once_and_today_every_ten_minutes(ctx: Context, clock: Clock) -> None:
    count_uses(ctx.now())
    assert count_uses(ctx.now()) == 0
    clock.forward(minutes=11)
    assert count_uses(ctx.now()) == 1
    clock.forward(days=1)
    assert count_uses(ctx.now()) == 2


def test_who_is_silent_and_who_is_probing(ctx: Context, a: Builders, clock: Clock) -> None:
    silent, busy = a.merchant("XYZ-07"), a.merchant("XYZ-07", district="120104")
    clock.forward(days=31)
    new = a.merchant("XYZ-07")
    asked(ctx, busy, a.resident(), 1, 0)
    raise_alarm(busy.merchant_id, AlarmKind.UNKNOWN_CODES, ctx.now())
    clock.forward(days=1)
    raise_alarm(busy.merchant_id, AlarmKind.UNKNOWN_CODES, ctx.now())
    raise_alarm(busy.merchant_id, AlarmKind.UNKNOWN_CODES, ctx.now())
    count_uses(ctx.now())
    board = health_board(ctx, CITY, ctx.now())
    assert [h.merchant_id for h in board.silent] == [silent.merchant_id]
    assert [(p.merchant_id, p.count, p.days) for p in board.probing] == [(busy.merchant_id, 3, 2)]
    assert alarms_to_see(ctx, CITY, ctx.now()) == 2
    hexi = health_board(ctx, Judge("staff:y", frozenset({"120103"})), ctx.now())
    assert {h.merchant_id for h in hexi.merchants} == {silent.merchant_id, new.merchant_id}
    assert hexi.probing == []


def test_whoever_is_suspended_is_not_called_silent(ctx: Context, a: Builders, clock: Clock) -> None:
    shop = a.merchant("XYZ-07")
    with transaction():
        db.session.get_one(Merchant, shop.merchant_id).state = "SUSPENDED"
    clock.now += timedelta(days=40)
    assert health_board(ctx, CITY, ctx.now()).silent == []
