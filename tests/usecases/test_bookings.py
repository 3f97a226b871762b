"""What is counted at each merchant, and bookings to which nobody came: told at once, counted later, never points."""

from __future__ import annotations

from datetime import date, timedelta

import orjson
import pytest

from haihe.cli.rules import parse, shipped_scenarios
from haihe.domain.errors import Conflict
from haihe.domain.orders import DisputeReason
from haihe.storage.db import db, transaction
from haihe.storage.decisions import Order
from haihe.storage.records import RecordRow
from haihe.usecases.answer_question import answer_question
from haihe.usecases.answer_questions import answer_about_linked
from haihe.usecases.asking import Asker, Question
from haihe.usecases.consent_texts import link_text
from haihe.usecases.context import Context
from haihe.usecases.dispute_order import answer_dispute, dispute_order
from haihe.usecases.gather_facts import gather_facts
from haihe.usecases.keep_copies import Keeper
from haihe.usecases.links import give_link
from haihe.usecases.look_after_orders import look_after_orders
from haihe.usecases.open_order import Wish, open_order
from haihe.usecases.publish_rules import publish_scenario
from haihe.usecases.report_no_show import report_no_show
from haihe.usecases.rules_in_force import Partner
from haihe.usecases.run_order import cancel_booking, cancel_order, start_order
from tests.builders import Builders
from tests.conftest import Clock

BIKE = "XYZ-07"


def shop(ctx: Context, a: Builders) -> Partner:
    made = a.merchant(BIKE)
    found = ctx.rules.up_to_date().partner(made.client_id)
    assert found is not None
    # The rules have a newer generation now, and Redis vouches for it.
    Keeper(ctx).turn(ctx.now())
    return found


@pytest.fixture
def resident(a: Builders) -> int:
    resident = a.resident()
    a.record(resident, "A01", level="L3")
    a.record(resident, "D01", quantity=80)
    a.record(resident, "D02", level="市级")
    return resident


def publish(ctx: Context, clock: Clock, **changed: object) -> None:
    (body,) = (b for b in map(parse, shipped_scenarios()) if b["code"] == BIKE)
    publish_scenario(ctx, {**body, **changed}, clock.now, "test")


def ask(ctx: Context, a: Builders, partner: Partner, resident: int) -> tuple[str, str]:
    Keeper(ctx).turn(ctx.now())
    code = a.shown_pass(resident, BIKE)
    told = orjson.loads(answer_question(ctx, Question(Asker(partner.client_id), code, BIKE, ctx.now())))
    return told["context"]["code"], told["context"]["decision_id"]


def booked(ctx: Context, a: Builders, partner: Partner, resident: int, number: str) -> Order:
    """An order held for two hours."""
    code, decision_id = ask(ctx, a, partner, resident)
    assert code == "OK"
    wish = Wish(decision_id, held_until=ctx.now() + timedelta(hours=2))
    return open_order(ctx, partner, number, wish, ctx.now())


def no_shows(ctx: Context, resident: int, on: date) -> dict[str, int]:
    return dict(gather_facts([resident], ctx.rules.up_to_date().rulebook(on), on)[resident].facts.no_shows)


def test_a_quota_at_each_merchant_is_used_up_at_one_and_not_at_another(
    ctx: Context, a: Builders, resident: int, clock: Clock
) -> None:
    publish(
        ctx,
        clock,
        quotas=[{"period": "YEAR", "at_most": 1, "each_merchant": True}],
        offers=[{"label": "骑行", "ceiling_fen": 100}],
    )
    here, there = shop(ctx, a), shop(ctx, a)
    with transaction():
        names = {
            p.merchant_id: give_link(
                ctx, resident, p.merchant_id or 0, (BIKE,), link_text(), ctx.now()
            ).pairwise_id
            for p in (here, there)
        }
    code, decision_id = ask(ctx, a, here, resident)
    second, unused = ask(ctx, a, here, resident)
    open_order(ctx, here, "A-1", Wish(decision_id), clock.now)

    assert (code, second) == ("OK", "OK")
    with pytest.raises(Conflict) as refused:
        open_order(ctx, here, "A-2", Wish(unused), clock.now)
    assert refused.value.code == "NOT_AVAILABLE"
    assert ask(ctx, a, here, resident)[0] == "QUOTA_USED_UP"
    assert ask(ctx, a, there, resident)[0] == "OK"
    for partner, code in ((here, "QUOTA_USED_UP"), (there, "OK")):
        name = names[partner.merchant_id]
        told = answer_about_linked(ctx, Asker(partner.client_id), name, BIKE, clock.now)
        assert orjson.loads(told)["context"]["code"] == code

    cancel_order(ctx, here, "A-1", None, clock.now)
    assert ask(ctx, a, here, resident)[0] == "OK"


def test_a_no_show_is_told_at_once_and_counts_only_after_the_time_to_dispute_it(
    ctx: Context, a: Builders, resident: int, clock: Clock
) -> None:
    publish(ctx, clock, criteria={"all": [{"no_shows_at_most": 0}]})
    partner = shop(ctx, a)
    order_id = booked(ctx, a, partner, resident, "A-1").id
    with pytest.raises(Conflict) as early:
        report_no_show(ctx, partner, "A-1", clock.now)
    assert early.value.code == "NO_SHOW_TOO_EARLY"

    clock.forward(hours=3)
    look_after_orders(ctx, clock.now)
    for _ in range(2):
        reported = report_no_show(ctx, partner, "A-1", clock.now)
    assert (reported.state, reported.no_show_on) == ("EXPIRED", date(2026, 11, 20))
    look_after_orders(ctx, clock.now + timedelta(days=7))
    assert no_shows(ctx, resident, clock.today) == {}
    assert ask(ctx, a, partner, resident)[0] == "OK"

    # Five working days after Friday 20 November are over on Saturday the 28th.
    clock.forward(days=8)
    for _ in range(2):
        look_after_orders(ctx, clock.now)
    assert no_shows(ctx, resident, clock.today) == {BIKE: 1}
    assert ask(ctx, a, partner, resident)[0] == "NOT_AVAILABLE"
    assert no_shows(ctx, resident, date(2027, 1, 1)) == {}
    assert db.session.query(RecordRow).where(RecordRow.source == "ORDERS").count() == 0

    dispute_order(ctx, resident, order_id, DisputeReason.CAME, clock.now)
    assert ask(ctx, a, partner, resident)[0] == "OK"
    answer_dispute(ctx, partner, "A-1", clock.now)
    assert no_shows(ctx, resident, clock.today) == {}
    clock.forward(days=9)
    look_after_orders(ctx, clock.now)
    assert no_shows(ctx, resident, clock.today) == {BIKE: 1}

    assert cancel_order(ctx, partner, "A-1", "弄错了", clock.now).state == "REVOKED"
    assert ask(ctx, a, partner, resident)[0] == "OK"


def test_a_booking_that_is_not_yet_run_out_by_the_worker_is_run_out_by_the_report(
    ctx: Context, a: Builders, resident: int, clock: Clock
) -> None:
    publish(ctx, clock)
    partner = shop(ctx, a)
    booked(ctx, a, partner, resident, "A-1")
    clock.forward(hours=3)

    assert report_no_show(ctx, partner, "A-1", clock.now).state == "EXPIRED"
    with pytest.raises(Conflict):
        start_order(ctx, partner, "A-1", clock.now)


def test_what_is_no_booking_or_long_ago_cannot_be_missed(
    ctx: Context, a: Builders, resident: int, clock: Clock
) -> None:
    publish(ctx, clock)
    partner = shop(ctx, a)
    open_order(ctx, partner, "A-1", Wish(ask(ctx, a, partner, resident)[1]), clock.now)
    booked(ctx, a, partner, resident, "A-2")
    cancelled = booked(ctx, a, partner, resident, "A-3")
    for _ in range(2):
        assert cancel_booking(ctx, resident, cancelled.id, clock.now).state == "REVOKED"
    clock.forward(days=3, hours=3)

    codes = []
    for number in ("A-1", "A-2", "A-3"):
        with pytest.raises(Conflict) as refused:
            report_no_show(ctx, partner, number, clock.now)
        codes.append(refused.value.code)
    assert codes == ["ORDER_STATE", "NO_SHOW_TOO_LATE", "ORDER_STATE"]


def test_a_booking_is_cancelled_by_its_resident_only_in_time(
    ctx: Context, a: Builders, resident: int, clock: Clock
) -> None:
    publish(ctx, clock)
    order = booked(ctx, a, shop(ctx, a), resident, "A-1")
    clock.forward(hours=3)

    with pytest.raises(Conflict) as refused:
        cancel_booking(ctx, resident, order.id, clock.now)
    assert refused.value.code == "ORDER_STATE"
