"""The counter page as a cashier uses it: with a thumb, with a camera, and with scripts that failed."""

from __future__ import annotations

from datetime import timedelta

import pytest
import segno
from playwright.sync_api import Page, expect
from sqlalchemy import select

from haihe.storage.db import db
from haihe.storage.decisions import Order
from haihe.usecases.context import Context
from haihe.usecases.counter import ask_at_counter
from haihe.usecases.keep_copies import Keeper
from haihe.usecases.open_order import Wish, open_order
from haihe.usecases.run_order import confirm_order
from tests.builders import Builders, MerchantClient
from tests.conftest import Clock
from tests.pages.conftest import Opener, faults_of_access, overflow, picture, small_targets
from tests.pages.merchant import log_in, person

pytestmark = pytest.mark.browser
SCENARIO = "XYZ-07"

# A browser that reads codes by itself and sees this one; and a browser that cannot, before whose camera a picture is held.
SEES = """window.BarcodeDetector = class {
    static getSupportedFormats() { return Promise.resolve(['qr_code']) }
    detect() { return Promise.resolve([{rawValue: 'WHAT'}]) }
}"""
SHOWS = """delete window.BarcodeDetector;
navigator.mediaDevices.getUserMedia = async () => {
    const picture = new Image();
    picture.src = 'WHAT';
    await picture.decode();
    const canvas = document.createElement('canvas');
    canvas.width = canvas.height = 400;
    const brush = canvas.getContext('2d');
    setInterval(() => {
        brush.fillStyle = 'white';
        brush.fillRect(0, 0, 400, 400);
        brush.drawImage(picture, 60, 60);
    }, 50);
    return canvas.captureStream(20);
}"""


@pytest.fixture
def shop(ctx: Context, a: Builders) -> MerchantClient:
    """A shop with two benefits, and somebody who may serve."""
    merchant = a.merchant(SCENARIO, "XYZ-14")
    person(ctx, merchant.merchant_id, "cashier", "dian-yuan")
    return merchant


@pytest.fixture
def good_resident(a: Builders) -> int:
    """Somebody with more than enough points."""
    resident = a.resident()
    a.record(resident, "A01", level="L3")
    a.record(resident, "D01", quantity=80)
    a.record(resident, "D02", level="市级")
    return resident


def sound(page: Page) -> None:
    assert faults_of_access(page) == []
    assert small_targets(page) == []
    assert overflow(page) <= 0


def ask(page: Page, code: str) -> None:
    page.get_by_label("或输入信用码").fill(code)
    page.get_by_role("button", name="核验").click()


def test_a_yes_is_large_and_becomes_an_order_that_is_completed(
    page: Page, ctx: Context, a: Builders, shop: MerchantClient, good_resident: int
) -> None:
    log_in(page, ctx, "dian-yuan")
    sound(page)
    picture(page, "counter-waiting")
    page.get_by_label("哪项优惠").select_option(SCENARIO)
    ask(page, a.shown_pass(good_resident, SCENARIO))

    word = page.get_by_role("heading", name="可以", exact=True)
    expect(word).to_be_visible()
    assert word.evaluate("e => parseFloat(getComputedStyle(e).fontSize)") >= 70
    expect(page.get_by_text("免押金骑行")).to_be_visible()
    expect(page.get_by_text("199 元")).to_be_visible()
    expect(page).to_have_title("可以 · 海河分")
    sound(page)
    picture(page, "counter-yes")

    page.get_by_role("button", name="开立订单").click()
    expect(page.get_by_text("进行中", exact=True)).to_be_visible()
    sound(page)
    picture(page, "counter-order")
    page.get_by_role("link", name="下一位").click()
    expect(page.get_by_role("heading", name="进行中的订单")).to_be_visible()
    sound(page)
    picture(page, "counter-running-orders")
    page.locator("td a").click()
    page.get_by_role("button", name="完成订单").click()
    expect(page.get_by_text("已完成", exact=True)).to_be_visible()


def test_an_order_that_waits_for_its_resident_says_so_and_goes_on_by_itself(
    page: Page, ctx: Context, a: Builders, shop: MerchantClient, good_resident: int, clock: Clock
) -> None:
    log_in(page, ctx, "dian-yuan")
    a.record(good_resident, "D01", quantity=120)
    for indicator in ("C01", "C02", "C03", "E02"):
        a.record(good_resident, indicator, quantity=24)
    page.get_by_label("哪项优惠").select_option("XYZ-14")
    ask(page, a.shown_pass(good_resident, "XYZ-14"))
    page.get_by_role("button", name="开立订单").click()
    expect(page.get_by_text("请居民在手机上确认")).to_be_visible()
    sound(page)
    picture(page, "counter-unconfirmed")

    order = db.session.execute(select(Order)).scalar_one()
    confirm_order(ctx, good_resident, order.id, clock.now)
    expect(page.get_by_role("button", name="完成订单")).to_be_visible()
    expect(page.get_by_text("请居民在手机上确认")).to_be_hidden()


def test_a_booking_is_started_when_somebody_comes_and_said_to_be_missed_when_nobody_does(
    page: Page, ctx: Context, a: Builders, shop: MerchantClient, good_resident: int, clock: Clock
) -> None:
    partner = ctx.rules.up_to_date().partner(shop.client_id)
    assert partner is not None
    for number in ("A-1", "A-2"):
        code = a.shown_pass(good_resident, SCENARIO)
        told = ask_at_counter(ctx, partner, SCENARIO, code, clock.now)
        Keeper(ctx).turn(clock.now)
        wish = Wish(told.decision_id, held_until=clock.now + timedelta(minutes=10))
        open_order(ctx, partner, number, wish, clock.now)
    log_in(page, ctx, "dian-yuan", "/merchant/orders/A-1")
    page.goto("/merchant/orders/A-1")
    sound(page)
    picture(page, "counter-booked")
    page.get_by_role("button", name="到场了，开始").click()
    expect(page.get_by_text("进行中", exact=True)).to_be_visible()

    clock.forward(minutes=11)
    page.goto("/merchant/orders/A-2")
    page.get_by_role("button", name="到时间没有人来").click()
    expect(page.get_by_text("的预订没有人到场")).to_be_visible()
    sound(page)
    picture(page, "counter-no-show")
    page.get_by_role("button", name="报告有误，撤销").click()
    expect(page.get_by_text("已撤销", exact=True)).to_be_visible()


def test_a_no_says_no_more_than_no_and_what_to_do_instead(
    page: Page, ctx: Context, a: Builders, shop: MerchantClient
) -> None:
    log_in(page, ctx, "dian-yuan")
    ask(page, a.shown_pass(a.resident(joined=False), SCENARIO))

    expect(page.get_by_role("heading", name="不可以")).to_be_visible()
    expect(page.get_by_text("交纳押金后即可骑行")).to_be_visible()
    assert "分" not in page.locator("#counter").inner_text().replace("海河分", "")
    sound(page)
    picture(page, "counter-no")


def test_a_code_that_is_over_is_to_be_shown_again(
    page: Page, ctx: Context, a: Builders, shop: MerchantClient, good_resident: int, clock: Clock
) -> None:
    code = a.shown_pass(good_resident, SCENARIO)
    clock.forward(minutes=2)
    log_in(page, ctx, "dian-yuan")
    ask(page, code)
    expect(page.get_by_role("heading", name="请再出示")).to_be_visible()
    sound(page)
    picture(page, "counter-again")


def test_yes_and_no_differ_in_shape_and_word_and_not_in_colour_alone(
    open_page: Opener, ctx: Context, a: Builders, shop: MerchantClient, good_resident: int, clock: Clock
) -> None:
    shapes, words = [], []
    for resident in (good_resident, a.resident(joined=False)):
        page = open_page(color_scheme="dark", viewport={"width": 320, "height": 640})
        log_in(page, ctx, "dian-yuan")
        ask(page, a.shown_pass(resident, SCENARIO))
        page.wait_for_selector("#verdict")
        shapes.append(page.locator("#verdict svg").inner_html())
        words.append(page.locator("#verdict h1").inner_text())
        sound(page)
        picture(page, f"counter-dark-small-{len(words)}")
        clock.forward(seconds=30)
    assert shapes[0] != shapes[1]
    assert words == ["可以", "不可以"]


def test_it_all_works_when_scripts_fail(
    open_page: Opener, ctx: Context, a: Builders, shop: MerchantClient, good_resident: int
) -> None:
    page = open_page(java_script_enabled=False)
    log_in(page, ctx, "dian-yuan")
    expect(page.get_by_role("button", name="扫信用码")).to_be_hidden()
    ask(page, a.shown_pass(good_resident, SCENARIO))
    expect(page.get_by_role("heading", name="可以", exact=True)).to_be_visible()
    page.get_by_role("button", name="开立订单").click()
    page.get_by_role("button", name="没有使用，撤销订单").click()
    expect(page.get_by_text("已撤销", exact=True)).to_be_visible()


def test_a_code_held_before_the_camera_is_asked_at_once(
    page: Page, ctx: Context, a: Builders, shop: MerchantClient, good_resident: int
) -> None:
    code = a.shown_pass(good_resident, SCENARIO)
    page.add_init_script(SEES.replace("WHAT", code))
    log_in(page, ctx, "dian-yuan")
    page.get_by_role("button", name="扫信用码").click()
    expect(page.get_by_role("heading", name="可以", exact=True)).to_be_visible()


def test_where_the_browser_reads_no_codes_our_own_reader_does(
    page: Page, ctx: Context, a: Builders, shop: MerchantClient, good_resident: int
) -> None:
    code = a.shown_pass(good_resident, SCENARIO)
    drawn = segno.make(code, error="m", micro=False).png_data_uri(scale=8, border=4)
    page.add_init_script(SHOWS.replace("WHAT", drawn))
    log_in(page, ctx, "dian-yuan")
    page.get_by_role("button", name="扫信用码").click()
    expect(page.get_by_role("heading", name="可以", exact=True)).to_be_visible()


def test_a_slip_of_the_thumb_is_told_and_nothing_is_asked(
    page: Page, ctx: Context, shop: MerchantClient
) -> None:
    log_in(page, ctx, "dian-yuan")
    page.evaluate("document.querySelector('#question').noValidate = true")
    ask(page, "1234")
    expect(page.get_by_role("alert")).to_contain_text("18 位数字")
    sound(page)
    picture(page, "counter-slip")


def test_wrong_logins_are_told_alike_and_lock_the_account(
    page: Page, ctx: Context, shop: MerchantClient
) -> None:
    page.goto("/merchant/counter")
    sound(page)
    picture(page, "merchant-login")
    for username in ["nobody", *["dian-yuan"] * 5]:
        page.get_by_label("用户名").fill(username)
        page.get_by_label("密码").fill("wrong wrong wrong")
        page.get_by_label("动态口令").fill("000000")
        page.get_by_role("button", name="登录").click()
        expect(page.get_by_role("alert")).to_contain_text("用户名、密码或动态口令不正确")
    picture(page, "merchant-login-refused")
    sound(page)


def test_half_an_hour_away_ends_the_session(
    page: Page, ctx: Context, shop: MerchantClient, clock: Clock
) -> None:
    log_in(page, ctx, "dian-yuan")
    clock.forward(minutes=29)
    page.goto("/merchant/counter")
    clock.forward(minutes=29)
    page.goto("/merchant/counter")
    expect(page.get_by_role("heading", name="柜台核验")).to_be_attached()
    clock.forward(minutes=30)
    page.goto("/merchant/counter")
    expect(page.get_by_role("heading", name="商户登录")).to_be_visible()


def test_large_type_fits_the_smallest_screen(
    open_page: Opener, ctx: Context, a: Builders, shop: MerchantClient, good_resident: int
) -> None:
    page = open_page(viewport={"width": 320, "height": 640})
    log_in(page, ctx, "dian-yuan")
    page.get_by_role("button", name="大字模式").click()
    page.wait_for_load_state()
    sound(page)
    picture(page, "counter-large-type")
    ask(page, a.shown_pass(good_resident, SCENARIO))
    page.wait_for_selector("#verdict")
    sound(page)
    picture(page, "counter-yes-large-type")
