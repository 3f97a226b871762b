"""What residents are told: everything once, read from where it is written down, and new until it has been read."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select, update

from haihe.domain.errors import InvalidInput
from haihe.domain.objections import ObjectionState
from haihe.domain.orders import Item
from haihe.storage.db import db, transaction
from haihe.storage.decisions import DecisionRow
from haihe.storage.notifications import Notification
from haihe.storage.objections import Objection
from haihe.usecases.complete_order import complete_order, settle_order
from haihe.usecases.context import Context
from haihe.usecases.inbox import count_new, list_messages, read_messages
from haihe.usecases.objections import file_objection
from haihe.usecases.open_order import Wish, open_order
from haihe.usecases.rules_in_force import Partner
from tests.builders import Builders
from tests.conftest import Clock
from tests.usecases.test_orders import Yes, good_resident
from tests.usecases.test_orders import partner as partner
from tests.usecases.test_orders import yes as yes


def titles(ctx: Context, resident: int) -> list[str]:
    return [m.told.title for m in list_messages(ctx, resident, None, 50)[0]]


def test_a_change_of_points_is_told_once_with_its_cause_and_the_first_score_is_not(
    ctx: Context, a: Builders, clock: Clock
) -> None:
    resident = a.resident()
    assert titles(ctx, resident) == []
    clock.forward(days=1)
    a.record(resident, "A01", level="L3")

    (message,) = list_messages(ctx, resident, None, 50)[0]
    assert (message.told.kind, message.told.path) == ("POINTS_CHANGED", "/m/ledger")
    assert message.told.title == "海河分 +10：500 → 510"
    assert "新的记录：实名核验等级" in message.told.text
    # Nothing is stored for it, however many residents it happens to.
    assert db.session.execute(select(func.count(Notification.id))).scalar_one() == 0


def test_what_becomes_of_an_order_is_told_and_so_is_the_question(
    ctx: Context, a: Builders, partner: Partner, yes: Yes, clock: Clock
) -> None:
    resident = good_resident(a)
    clock.forward(days=1)
    decision = yes(resident=resident)
    for deed in (
        lambda: open_order(ctx, partner, "A-1", Wish(decision), clock.now),
        lambda: complete_order(ctx, partner, "A-1", [Item("骑行费", 150)], [], True, clock.now),
        lambda: settle_order(ctx, partner, "A-1", None, clock.now),
    ):
        clock.forward(minutes=1)
        deed()

    told = titles(ctx, resident)[:5]
    assert told[0].startswith("海河分 +5")
    assert told[1:] == [
        "订单已结清",
        "订单已完成，待付 1.50 元",
        "订单已开始",
        "测试商户1查询了“信易行·共享单车与电单车”",
    ]


def test_messages_are_new_until_they_are_read(ctx: Context, a: Builders, clock: Clock) -> None:
    resident = a.resident()
    for indicator in ("D07", "D07", "D07"):
        clock.forward(days=1)
        a.record(resident, indicator)
    assert count_new(resident) == 3
    read_messages(resident, clock.now)
    assert count_new(resident) == 0
    clock.forward(days=1)
    a.record(resident, "D07")
    assert [m.new for m in list_messages(ctx, resident, None, 50)[0]] == [True, False, False, False]


def test_pages_follow_each_other_without_a_gap_even_within_one_moment(
    ctx: Context, a: Builders, yes: Yes, clock: Clock
) -> None:
    resident = good_resident(a)
    for _ in range(7):
        yes(resident=resident)
    together = [m.id for m in list_messages(ctx, resident, None, 50)[0]]
    one_by_one, cursor = [], None
    while True:
        page, cursor = list_messages(ctx, resident, cursor, 2)
        one_by_one += [m.id for m in page]
        if cursor is None:
            break
    assert one_by_one == together
    assert len(together) >= 7
    with pytest.raises(InvalidInput):
        list_messages(ctx, resident, "1-x-1", 2)


def test_an_answer_to_an_objection_is_told(ctx: Context, a: Builders, clock: Clock) -> None:
    resident = a.resident()
    record = a.record(resident, "B14", document_no="津罚1号", severity="一般")
    clock.forward(days=1)
    filed = file_objection(ctx, resident, record, "不是我", clock.now)
    clock.forward(days=1)
    answered = {
        "state": ObjectionState.UPHELD,
        "answered_by": "x",
        "answered_at": clock.now,
        "answer": "无误",
    }
    with transaction():
        db.session.execute(update(Objection).values(**answered))
    newest = list_messages(ctx, resident, None, 50)[0][0]
    assert (newest.told.title, newest.told.path) == ("您的异议有了答复", f"/m/objections/{filed.id}")


def test_nobody_is_told_of_somebody_else(ctx: Context, a: Builders, yes: Yes, clock: Clock) -> None:
    yes(resident=good_resident(a))
    other = a.resident()
    assert titles(ctx, other) == []
    theirs = db.session.execute(select(DecisionRow.decision_id)).scalar_one()
    cursor = f"{2**50}-q-{theirs}"
    assert list_messages(ctx, other, cursor, 50)[0] == []
