"""The life of orders over time: holds run out, quotas come back, reminders come before records, and nothing happens twice."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, text, update

from haihe.cli.rules import parse, shipped_scenarios
from haihe.domain.errors import Conflict, HaiheError, InvalidInput
from haihe.domain.orders import DisputeReason, Item
from haihe.domain.passes import SHOWN_FOR
from haihe.storage.db import db, transaction
from haihe.storage.decisions import DecisionRow, Order, Pass
from haihe.storage.notifications import Notification
from haihe.storage.orders import OrderEvent, QuotaCounter, miscounted, places_taken
from haihe.storage.records import RecordRow
from haihe.storage.scores import LedgerEntry
from haihe.usecases.complete_order import complete_order, settle_order
from haihe.usecases.context import Context
from haihe.usecases.dispute_order import answer_dispute, dispute_order, withdraw_dispute
from haihe.usecases.links import withdraw_link
from haihe.usecases.look_after_orders import look_after_orders
from haihe.usecases.open_order import Wish, open_order
from haihe.usecases.own_orders import show_own_order
from haihe.usecases.publish_rules import publish_scenario
from haihe.usecases.rules_in_force import Partner
from haihe.usecases.run_order import (
    cancel_order,
    confirm_breach,
    confirm_order,
    lower_order,
    start_order,
)
from tests.builders import Builders
from tests.conftest import Clock
from tests.usecases.dying_while_opening import READY

BIKE, HOUSE, CHARGE = "XYZ-07", "XYZ-02", "XYZ-16"
Yes = Callable[..., str]


@pytest.fixture
def partner(ctx: Context, a: Builders) -> Partner:
    """A merchant admitted to what these tests use."""
    made = a.merchant(BIKE, HOUSE, CHARGE)
    found = ctx.rules.up_to_date().partner(made.client_id)
    assert found is not None
    return found


@pytest.fixture
def yes(ctx: Context, a: Builders, partner: Partner) -> Yes:
    """A decision that a resident may have the benefit, and the pass it owns, as they stand in PostgreSQL."""

    def decide(scenario: str = BIKE, resident: int | None = None, merchant: int | None = None) -> str:
        n, at = next(a.numbers), ctx.now()
        resident = resident or good_resident(a)
        with transaction():
            db.session.add(
                Pass(
                    code_hash=n.to_bytes(32),
                    resident_id=resident,
                    scenario=scenario,
                    issued_at=at,
                    expires_at=at + SHOWN_FOR,
                    decision_id=f"d{n:032d}",
                )
            )
            db.session.add(
                DecisionRow(
                    decision_id=f"d{n:032d}",
                    at=at,
                    merchant_id=merchant or partner.merchant_id,
                    resident_id=resident,
                    pass_hash=n.to_bytes(32),
                    scenario=scenario,
                    revision=1,
                    rulebook="HH-2026.1",
                    code="OK",
                    offer=0,
                )
            )
        return f"d{n:032d}"

    return decide


def good_resident(a: Builders) -> int:
    resident = a.resident()
    a.record(resident, "A01", level="L3")
    a.record(resident, "D01", quantity=200)
    a.record(resident, "D02", level="市级")
    a.record(resident, "C01", quantity=24)
    a.record(resident, "C02", quantity=24)
    return resident


def events_of(order: Order) -> list[tuple[str, str]]:
    query = select(OrderEvent).where(OrderEvent.order_id == order.id).order_by(OrderEvent.sequence)
    return [(e.what, e.state) for e in db.session.execute(query).scalars()]


def records() -> list[tuple[str, str, date | None]]:
    query = select(RecordRow).where(RecordRow.source == "ORDERS").order_by(RecordRow.indicator)
    return [(r.indicator, r.state, r.valid_to) for r in db.session.execute(query).scalars()]


def told() -> list[str]:
    return list(db.session.execute(select(Notification.kind).order_by(Notification.id)).scalars())


def live(ctx: Context, clock: Clock, days: int) -> None:
    """Let days pass with a worker that looks once a day, twice at the same moment."""
    for _ in range(days):
        clock.forward(days=1)
        look_after_orders(ctx, clock.now)
        look_after_orders(ctx, clock.now)


def test_an_order_that_must_be_confirmed_waits_for_the_resident_and_runs_out(
    ctx: Context, partner: Partner, yes: Yes, clock: Clock
) -> None:
    confirmed = open_order(ctx, partner, "A-1", Wish(yes(HOUSE)), clock.now)
    forgotten = open_order(ctx, partner, "A-2", Wish(yes(HOUSE)), clock.now)
    assert (confirmed.state, told()) == ("CREATED", ["ORDER_TO_CONFIRM"] * 2)
    with pytest.raises(Conflict, match="待居民确认"):
        start_order(ctx, partner, "A-1", clock.now)

    for _ in range(2):
        confirm_order(ctx, confirmed.resident_id, confirmed.id, clock.now)
    clock.forward(minutes=31)
    with pytest.raises(Conflict, match="预留时间已过"):
        confirm_order(ctx, forgotten.resident_id, forgotten.id, clock.now)
    for _ in range(2):
        look_after_orders(ctx, clock.now)

    assert events_of(confirmed) == [("opened", "CREATED"), ("confirmed", "DOING")]
    assert events_of(forgotten) == [("opened", "CREATED"), ("expired", "EXPIRED")]


def test_an_order_held_is_started_by_the_merchant(
    ctx: Context, partner: Partner, yes: Yes, clock: Clock
) -> None:
    until = clock.now + timedelta(hours=2)
    order = open_order(ctx, partner, "A-1", Wish(yes(), held_until=until), clock.now)
    assert order.state == "CREATED"
    for _ in range(2):
        assert start_order(ctx, partner, "A-1", clock.now).state == "DOING"
    clock.forward(hours=3)
    assert look_after_orders(ctx, clock.now) == 0
    assert events_of(order) == [("opened", "CREATED"), ("started", "DOING")]


def test_the_same_again_is_the_same_and_what_differs_is_named(
    ctx: Context, partner: Partner, yes: Yes, clock: Clock
) -> None:
    wish = Wish(yes(), amount_fen=900)
    order = open_order(ctx, partner, "A-1", wish, clock.now)
    assert open_order(ctx, partner, "A-1", wish, clock.now).id == order.id
    with pytest.raises(Conflict) as other:
        open_order(ctx, partner, "A-1", Wish(wish.decision_id, amount_fen=901), clock.now)
    assert (other.value.code, other.value.field) == ("OUT_ORDER_NO_USED", "amount_fen")

    paid = [Item("骑行费", 500)]
    for _ in range(2):
        complete_order(ctx, partner, "A-1", paid, [], True, clock.now)
    with pytest.raises(Conflict) as changed:
        complete_order(ctx, partner, "A-1", [Item("骑行费", 501)], [], True, clock.now)
    assert (changed.value.code, changed.value.field) == ("ORDER_DIFFERS", "payments")
    assert [e for e, _s in events_of(order)] == ["opened", "completed"]


def test_amounts_only_go_down_and_the_last_fen_lowered_settles(
    ctx: Context, partner: Partner, yes: Yes, clock: Clock
) -> None:
    order = open_order(ctx, partner, "A-1", Wish(yes()), clock.now)
    lower_order(ctx, partner, "A-1", 1000, clock.now)
    with pytest.raises(InvalidInput):
        lower_order(ctx, partner, "A-1", 1001, clock.now)
    with pytest.raises(InvalidInput):
        complete_order(ctx, partner, "A-1", [Item("费用", 1001)], [], True, clock.now)
    complete_order(ctx, partner, "A-1", [Item("费用", 1000)], [Item("券", 1)], True, clock.now)
    lower_order(ctx, partner, "A-1", 500, clock.now)
    with pytest.raises(Conflict, match="不能撤销"):
        cancel_order(ctx, partner, "A-1", None, clock.now)
    done = lower_order(ctx, partner, "A-1", 0, clock.now)

    paid, off = (sum(i["amount_fen"] for i in items) for items in (done.payments, done.discounts))
    assert (paid - off, done.total_fen, done.settled_at) == (0, 0, clock.now)
    assert events_of(order)[-1] == ("lowered", "COMPLETED")


def test_an_order_kept_becomes_points_at_once(ctx: Context, partner: Partner, yes: Yes, clock: Clock) -> None:
    order = open_order(ctx, partner, "A-1", Wish(yes()), clock.now)
    complete_order(ctx, partner, "A-1", [Item("骑行费", 150)], [], True, clock.now)
    assert records() == []
    for _ in range(2):
        settle_order(ctx, partner, "A-1", None, clock.now)

    assert [r[0] for r in records()] == ["E01", "E02", "E04"]
    entries = db.session.execute(
        select(LedgerEntry.part, LedgerEntry.cause, LedgerEntry.delta).where(
            LedgerEntry.resident_id == order.resident_id, LedgerEntry.part.like("E0%")
        )
    ).all()
    assert sorted(map(tuple, entries)) == [("E01", "NEW", 2), ("E02", "NEW", 1), ("E04", "NEW", 2)]


def test_nothing_counts_before_three_reminders_an_announcement_and_the_time_to_object(
    ctx: Context, partner: Partner, yes: Yes, clock: Clock
) -> None:
    open_order(ctx, partner, "A-1", Wish(yes()), clock.now)
    # Completed on Friday 20 November, to be paid by Friday the 27th.
    complete_order(ctx, partner, "A-1", [Item("骑行费", 150)], [], True, clock.now)
    live(ctx, clock, 21)
    reminders = ["ORDER_REMIND_BEFORE", "ORDER_REMIND_ON_THE_DAY", "ORDER_REMIND_AFTER"]
    assert told() == [*reminders, "ORDER_ANNOUNCE_OVERDUE"]
    assert (clock.today, records()) == (date(2026, 12, 11), [])

    live(ctx, clock, 1)
    assert records() == [("E11", "EFFECTIVE", None)]
    live(ctx, clock, 60)
    assert len(told()) == 5

    settle_order(ctx, partner, "A-1", None, clock.now)
    assert records() == [("E11", "EFFECTIVE", clock.today - timedelta(days=1))]


def test_a_confirmed_breach_takes_the_place_of_the_overdue_order(
    ctx: Context, partner: Partner, yes: Yes, clock: Clock
) -> None:
    open_order(ctx, partner, "A-1", Wish(yes()), clock.now)
    complete_order(ctx, partner, "A-1", [Item("骑行费", 150)], [], True, clock.now)
    live(ctx, clock, 30)
    with pytest.raises(Conflict, match="三十日"):
        confirm_breach(ctx, partner, "A-1", "证-1", clock.now)
    live(ctx, clock, 8)
    for _ in range(2):
        confirm_breach(ctx, partner, "A-1", "证-1", clock.now)
    live(ctx, clock, 20)
    assert [(r[0], r[2] is None) for r in records()] == [("E11", False), ("E12", True)]


def test_a_dispute_stops_every_clock_until_it_is_answered(
    ctx: Context, partner: Partner, yes: Yes, clock: Clock
) -> None:
    order = open_order(ctx, partner, "A-1", Wish(yes()), clock.now)
    complete_order(ctx, partner, "A-1", [Item("骑行费", 150)], [], True, clock.now)
    live(ctx, clock, 17)
    for _ in range(2):
        dispute_order(ctx, order.resident_id, order.id, DisputeReason.PAID, clock.now)
    before = told()
    live(ctx, clock, 40)
    assert (told(), records()) == (before, [])

    for _ in range(2):
        answer_dispute(ctx, partner, "A-1", clock.now)
    live(ctx, clock, 2)
    assert told()[len(before) :] == ["ORDER_DISPUTE_ANSWERED", "ORDER_ANNOUNCE_OVERDUE"]
    assert records() == []


@pytest.fixture
def scarce(ctx: Context, clock: Clock) -> None:
    """The bike scenario with five places in all, three of them running at one merchant."""
    (body,) = (b for b in map(parse, shipped_scenarios()) if b["code"] == BIKE)
    quotas = [
        {"period": "MONTH", "at_most": 5},
        {"period": "RUNNING", "at_most": 3, "each_merchant": True},
    ]
    publish_scenario(ctx, {**body, "shared_quotas": quotas}, clock.now, "test")


@pytest.fixture
def dying(partner: Partner, yes: Yes, scarce: None, clock: Clock) -> Iterator[subprocess.Popen[str]]:
    """Another process that has taken a place, written its order and not committed anything."""
    command = [sys.executable, "-m", "tests.usecases.dying_while_opening"]
    arguments = [partner.client_id, "A-DYING", yes(), clock.now.isoformat()]
    process = subprocess.Popen([*command, *arguments], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline().strip() == READY
    yield process
    process.kill()
    process.communicate()


def wait_until_somebody_waits() -> None:
    """Until a session of PostgreSQL waits for another's lock."""
    waiting = text("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
    for _ in range(300):
        if db.session.execute(waiting).scalar_one():
            return
        db.session.rollback()
        time.sleep(0.01)
    raise AssertionError("nobody waits")


def test_shared_quotas_are_never_oversold_by_many_hands_though_one_is_killed(
    ctx: Context,
    app: Flask,
    partner: Partner,
    yes: Yes,
    clock: Clock,
    dying: subprocess.Popen[str],
) -> None:
    decisions = [yes() for _ in range(12)]

    def open_one(n: int) -> str:
        with app.app_context():
            try:
                return open_order(ctx, partner, f"A-{n}", Wish(decisions[n]), clock.now).state
            except HaiheError as error:
                return error.code
            finally:
                db.session.remove()

    with ThreadPoolExecutor(6) as pool:
        answers = [pool.submit(open_one, n) for n in range(12)]
        wait_until_somebody_waits()
        assert not any(answer.done() for answer in answers)
        dying.kill()
        opened = [n for n, answer in enumerate(answers) if answer.result() == "DOING"]

    # The killed one left no order and no place; the three places went to three others.
    assert sorted(answer.result() for answer in answers) == ["DOING"] * 3 + ["QUOTA_USED_UP"] * 9
    orders = db.session.execute(select(Order.out_order_no)).scalars()
    assert sorted(orders) == sorted(f"A-{n}" for n in opened)
    assert miscounted() == []
    scenario = ctx.rules.up_to_date().scenario(BIKE)
    assert scenario is not None
    assert ctx.rules.used_up(scenario, partner, clock.today)

    cancel_order(ctx, partner, f"A-{opened[0]}", None, clock.now)
    complete_order(ctx, partner, f"A-{opened[1]}", [], [], True, clock.now)
    assert not ctx.rules.up_to_date().used_up(scenario, partner, clock.today)
    rows = db.session.execute(select(QuotaCounter)).scalars()
    used = {counter.period: counter.used for counter in rows}
    assert used == {"MONTH": 2, "RUNNING": 1}
    assert miscounted() == []


def test_an_opening_that_is_taken_back_leaves_no_full_quota_in_anybodys_memory(
    ctx: Context,
    partner: Partner,
    yes: Yes,
    scarce: None,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for n in range(2):
        open_order(ctx, partner, f"A-{n}", Wish(yes()), clock.now)

    def break_down(*_: Any) -> None:
        # Whatever is read now is read while the third place is taken by this very transaction.
        ctx.rules.at_generation(ctx.rules.generation + 1)
        raise RuntimeError("something is wrong")

    monkeypatch.setattr("haihe.usecases.open_order.rescore", break_down)
    with pytest.raises(RuntimeError):
        open_order(ctx, partner, "A-2", Wish(yes()), clock.now)

    scenario = ctx.rules.scenario(BIKE)
    assert scenario is not None
    assert not ctx.rules.used_up(scenario, partner, clock.today)


def test_quotas_of_months_gone_by_are_not_read_any_more(
    ctx: Context, partner: Partner, yes: Yes, scarce: None, clock: Clock
) -> None:
    open_order(ctx, partner, "A-1", Wish(yes()), clock.now)
    assert {key for _s, _m, _p, key in places_taken(clock.today)} == {"2026-11", ""}
    assert {key for _s, _m, _p, key in places_taken(clock.today + timedelta(days=31))} == {""}


def test_a_yes_about_a_linked_resident_opens_nothing_once_the_link_is_taken_back(
    ctx: Context, a: Builders, yes: Yes, clock: Clock
) -> None:
    merchant, resident = a.merchant(BIKE, HOUSE), good_resident(a)
    partner = ctx.rules.up_to_date().partner(merchant.client_id)
    assert partner is not None
    a.link(resident, merchant, BIKE)
    linked = [yes(code, resident, merchant.merchant_id) for code in (BIKE, HOUSE, BIKE)]
    with db.session.begin():
        db.session.execute(update(DecisionRow).values(pass_hash=None))

    assert open_order(ctx, partner, "A-1", Wish(linked[0]), clock.now).state == "DOING"
    with pytest.raises(Conflict) as not_covered:
        open_order(ctx, partner, "A-2", Wish(linked[1]), clock.now)
    withdraw_link(ctx, resident, merchant.merchant_id, clock.now)
    with pytest.raises(Conflict) as withdrawn:
        open_order(ctx, partner, "A-3", Wish(linked[2]), clock.now)
    assert {not_covered.value.code, withdrawn.value.code} == {"NOT_AVAILABLE"}


def test_disputing_again_and_again_comes_to_an_end(
    ctx: Context, partner: Partner, yes: Yes, clock: Clock
) -> None:
    order = open_order(ctx, partner, "A-1", Wish(yes()), clock.now)
    complete_order(ctx, partner, "A-1", [Item("骑行费", 150)], [], True, clock.now)
    for left in (2, 1, 0):
        dispute_order(ctx, order.resident_id, order.id, DisputeReason.OTHER, clock.now)
        clock.forward(days=1)
        withdraw_dispute(ctx, order.resident_id, order.id, clock.now)
        assert show_own_order(ctx, order.resident_id, order.id).disputes_left == left
    # Due on the 27th, and three days given back.
    assert order.due_on == date(2026, 11, 30)
    with pytest.raises(Conflict, match="3 次"):
        dispute_order(ctx, order.resident_id, order.id, DisputeReason.OTHER, clock.now)
    assert not show_own_order(ctx, order.resident_id, order.id).may_dispute


def test_two_workers_at_once_do_everything_once(
    ctx: Context, app: Flask, partner: Partner, yes: Yes, clock: Clock
) -> None:
    for n in range(6):
        open_order(ctx, partner, f"A-{n}", Wish(yes(HOUSE)), clock.now)
    later = datetime(2026, 11, 21, tzinfo=UTC)

    def work(_n: int) -> None:
        with app.app_context():
            look_after_orders(ctx, later)
            db.session.remove()

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(work, range(3)))
    expired = db.session.execute(select(OrderEvent.order_id).where(OrderEvent.what == "expired")).all()
    assert len(expired) == 6
