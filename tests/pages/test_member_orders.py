"""A resident's orders on the phone: confirmed where they are asked for, followed, disputed; and what they are told."""

from __future__ import annotations

import re
from datetime import timedelta

import orjson
import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import select

from haihe.domain.orders import Item
from haihe.storage.db import db
from haihe.storage.decisions import DecisionRow
from haihe.usecases.answer_question import answer_question
from haihe.usecases.asking import Asker, Question
from haihe.usecases.complete_order import complete_order
from haihe.usecases.context import Context
from haihe.usecases.keep_copies import Keeper
from haihe.usecases.open_order import Wish, open_order
from haihe.usecases.report_no_show import report_no_show
from tests.builders import Builders
from tests.conftest import Clock
from tests.pages.member import Find, join, well_made

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("demo_world")]
HOUSE = "XYZ-02"


def test_an_order_is_confirmed_where_the_code_was_shown_and_followed_to_the_dispute(
    page: Page, a: Builders, ctx: Context, clock: Clock, resident_of: Find
) -> None:
    join(page)
    for indicator, quantity in (("D01", 200), ("C01", 24), ("C02", 24), ("C03", 24)):
        a.record(resident_of(), indicator, quantity=quantity)
    a.record(resident_of(), "D02", level="市级")
    merchant = a.merchant(HOUSE)
    partner = ctx.rules.up_to_date().partner(merchant.client_id)
    assert partner is not None
    page.goto(f"/m/benefits/{HOUSE}")
    page.get_by_role("button", name="出示信用码").click()
    code = re.sub(r"\s", "", page.locator(".digits").inner_text())
    answer_question(ctx, Question(Asker(merchant.client_id), code, HOUSE, clock.now))
    Keeper(ctx).turn(clock.now)
    page.get_by_text("商户开立订单后，这里会显示").wait_for()

    decision = db.session.execute(select(DecisionRow.decision_id)).scalar_one()
    open_order(ctx, partner, "A-1", Wish(decision), clock.now)
    page.get_by_text("等您确认").wait_for()
    well_made(page, "m-pass-confirm")
    page.get_by_role("button", name="确认订单").click()
    expect(page.get_by_text("进行中")).to_be_visible()

    complete_order(ctx, partner, "A-1", [Item("租金", 12_000)], [Item("新客", 2_000)], True, clock.now)
    page.goto("/m")
    expect(page.get_by_text("付清 100 元")).to_be_visible()
    well_made(page, "m-home-orders")
    page.get_by_role("link", name=re.compile("待付清")).click()
    page.get_by_text("认为这一单不对").click()
    well_made(page, "m-order-unpaid")
    page.get_by_label("哪里不对").select_option("PAID")
    page.get_by_role("button", name="提出争议").click()
    expect(page.get_by_text("您说：我已经付清")).to_be_visible()
    well_made(page, "m-order-disputed")
    page.get_by_role("button", name="撤回争议").click()
    page.get_by_role("link", name="我的订单").click()
    well_made(page, "m-orders")


def test_messages_are_counted_until_the_page_is_opened(
    page: Page, a: Builders, clock: Clock, resident_of: Find
) -> None:
    join(page)
    clock.forward(days=1)
    a.record(resident_of(), "D01", quantity=20)
    page.goto("/m/me")
    expect(page.get_by_text("1 条新消息")).to_be_visible()
    well_made(page, "m-me-news")
    page.get_by_role("link", name="消息").click()
    expect(page.get_by_text(re.compile("海河分 \\+"))).to_be_visible()
    well_made(page, "m-messages")
    page.goto("/m")
    expect(page.get_by_text("条新消息")).to_be_hidden()


def test_anothers_order_is_not_found(page: Page) -> None:
    join(page)
    for path in ("/m/orders/1", f"/m/orders/{2**62}"):
        answer = page.goto(path)
        assert answer is not None
        assert answer.status == 404


def test_a_booking_is_cancelled_in_time_and_one_that_was_missed_can_be_disputed(
    page: Page, a: Builders, ctx: Context, clock: Clock, resident_of: Find
) -> None:
    join(page)
    for indicator, quantity in (("D01", 200), ("C01", 24), ("C02", 24)):
        a.record(resident_of(), indicator, quantity=quantity)
    merchant = a.merchant("XYZ-07")
    partner = ctx.rules.up_to_date().partner(merchant.client_id)
    assert partner is not None
    for number in ("A-1", "A-2"):
        code = a.shown_pass(resident_of(), "XYZ-07")
        told = answer_question(ctx, Question(Asker(merchant.client_id), code, "XYZ-07", clock.now))
        decision = orjson.loads(told)["context"]["decision_id"]
        Keeper(ctx).turn(clock.now)
        wish = Wish(decision, held_until=clock.now + timedelta(hours=1))
        order = open_order(ctx, partner, number, wish, clock.now)
    page.goto(f"/m/orders/{order.id - 1}")
    well_made(page, "m-order-booked")
    page.get_by_role("button", name="来不了，取消预订").click()
    expect(page.get_by_text("已撤销")).to_be_visible()

    clock.forward(minutes=61)
    report_no_show(ctx, partner, "A-2", clock.now)
    page.goto("/m/messages")
    expect(page.get_by_text("商户说您没有到场")).to_be_visible()
    page.goto(f"/m/orders/{order.id}")
    page.get_by_text("认为这一单不对").click()
    well_made(page, "m-order-missed")
    page.get_by_label("哪里不对").select_option("CAME")
    page.get_by_role("button", name="提出争议").click()
    expect(page.get_by_text("您说：我到场了，或已经取消")).to_be_visible()
