"""管理台: what a manager sees, on a phone and on a desk, before the approval and after."""

from __future__ import annotations

import json

import pyotp
import pytest
from joserfc.jwk import ECKey
from playwright.sync_api import Page, expect

from haihe.storage.db import db
from haihe.storage.partners import Merchant
from haihe.usecases.context import Context
from haihe.usecases.sandbox import open_sandbox
from tests.builders import Builders, MerchantClient
from tests.conftest import Clock
from tests.pages.conftest import Opener, faults_of_access, overflow, picture, small_targets
from tests.pages.merchant import PASSWORD, log_in, person
from tests.usecases.test_telling_merchants import order_of

pytestmark = pytest.mark.browser
TABS = ["", "/orders", "/statements", "/deliveries", "/keys", "/people", "/sandbox", "/documents"]


@pytest.fixture
def shop(ctx: Context, a: Builders) -> MerchantClient:
    """A shop with somebody who answers for it."""
    merchant = a.merchant("XYZ-07", "XYZ-14")
    person(ctx, merchant.merchant_id)
    return merchant


def sound(page: Page) -> None:
    assert faults_of_access(page) == []
    assert small_targets(page) == []
    assert overflow(page) <= 0


@pytest.mark.parametrize("width", [320, 1280])
def test_every_tab_is_sound(open_page: Opener, ctx: Context, shop: MerchantClient, width: int) -> None:
    page = open_page(viewport={"width": width, "height": 800})
    log_in(page, ctx, path="/merchant/desk")
    for tab in TABS:
        page.goto(f"/merchant/desk{tab}")
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        sound(page)
        picture(page, f"desk-{width}-{tab.strip('/') or 'overview'}")


def test_an_applicant_registers_a_key_of_their_own_and_shows_a_code(
    page: Page, ctx: Context, shop: MerchantClient
) -> None:
    db.session.get_one(Merchant, shop.merchant_id).state = "APPLIED"
    db.session.commit()
    key = ECKey.generate_key("P-256", {"kid": "mine"})
    log_in(page, ctx, path="/merchant/desk/sandbox")
    page.get_by_label("登记自己的公钥").fill("不是 JSON")
    page.get_by_role("button", name="登记沙箱客户端").click()
    expect(page.get_by_role("alert")).to_contain_text("公钥应为 JSON")
    page.get_by_label("登记自己的公钥").fill(json.dumps(key.as_dict(private=False)))
    page.get_by_role("button", name="登记沙箱客户端").click()
    expect(page.get_by_role("status")).to_contain_text("已登记")
    page.get_by_role("button", name="出示信用码").click()
    expect(page.get_by_role("heading", name="eligible 的信用码")).to_be_visible()
    sound(page)
    picture(page, "desk-sandbox-code")


def test_a_revoked_key_is_worth_nothing(page: Page, ctx: Context, shop: MerchantClient) -> None:
    log_in(page, ctx, path="/merchant/desk/keys")
    page.get_by_text("吊销…").click()
    page.get_by_role("button", name="确认吊销").click()
    expect(page.get_by_text("已吊销")).to_be_visible()
    assert ctx.rules.up_to_date().partner(shop.client_id) is None


def test_a_cashier_is_not_let_in(page: Page, ctx: Context, shop: MerchantClient, clock: Clock) -> None:
    person(ctx, shop.merchant_id, "cashier", "dian-yuan")
    log_in(page, ctx, "dian-yuan")
    page.goto("/merchant/desk")
    expect(page.get_by_text("只有店长可以使用")).to_be_visible()
    page.get_by_role("link", name="返回").click()
    expect(page.get_by_role("heading", name="柜台核验")).to_be_attached()


def test_a_manager_opens_an_account_that_works_and_closes_it(
    page: Page, open_page: Opener, ctx: Context, shop: MerchantClient
) -> None:
    log_in(page, ctx, path="/merchant/desk/people")
    page.get_by_label("用户名").fill("xin-dian-yuan")
    page.get_by_label("初始密码").fill("short")
    page.locator("form[action='/merchant/desk/people']").evaluate("form => form.noValidate = true")
    page.get_by_role("button", name="开立").click()
    expect(page.get_by_role("alert")).to_contain_text("密码应有 12")
    sound(page)
    page.get_by_label("初始密码").fill(PASSWORD)
    page.get_by_role("button", name="开立").click()
    expect(page.get_by_role("heading", name="账号已开立")).to_be_visible()
    sound(page)
    picture(page, "desk-person-opened")
    secret = page.locator(".code").inner_text()
    cashier = open_page()
    cashier.goto("/merchant")
    cashier.get_by_label("用户名").fill("xin-dian-yuan")
    cashier.get_by_label("密码").fill(PASSWORD)
    cashier.get_by_label("动态口令").fill(pyotp.TOTP(secret).at(ctx.now()))
    cashier.get_by_role("button", name="登录").click()
    expect(cashier.get_by_role("heading", name="柜台核验")).to_be_attached()

    page.get_by_role("link", name="已扫好").click()
    page.get_by_text("停用…").click()
    page.get_by_role("button", name="确认停用 xin-dian-yuan").click()
    expect(page.get_by_text("xin-dian-yuan")).to_have_count(0)
    cashier.reload()
    expect(cashier.get_by_role("button", name="登录")).to_be_visible()


def test_an_applicant_hands_in_a_licence_and_nothing_else(
    page: Page, ctx: Context, shop: MerchantClient
) -> None:
    db.session.get_one(Merchant, shop.merchant_id).state = "APPLIED"
    db.session.commit()
    log_in(page, ctx, path="/merchant/desk")
    page.get_by_role("link", name="补充营业执照等材料").click()
    for name, content, told in (
        ("x.html", b"<script>alert(1)</script>", "PDF、JPEG 或 PNG"),
        ("big.pdf", b"%PDF-" + bytes(4 << 20), "4 MB"),
    ):
        page.get_by_label("营业执照等材料").set_input_files(
            {"name": name, "mimeType": "application/pdf", "buffer": content}
        )
        page.get_by_role("button", name="上传").click()
        expect(page.get_by_role("alert")).to_contain_text(told)
    licence = {"name": "执照.pdf", "mimeType": "application/pdf", "buffer": b"%PDF-" + bytes(2 << 20)}
    page.get_by_label("营业执照等材料").set_input_files(licence)
    page.get_by_role("button", name="上传").click()
    expect(page.get_by_role("status")).to_contain_text("已收到")
    expect(page.get_by_text("执照.pdf")).to_be_visible()
    sound(page)
    picture(page, "desk-documents")


def test_an_admitted_merchant_registers_a_client_of_its_own(
    page: Page, ctx: Context, shop: MerchantClient
) -> None:
    key = ECKey.generate_key("P-256", {"kid": "mine"})
    log_in(page, ctx, path="/merchant/desk/keys")
    page.get_by_label("自己的公钥").fill(json.dumps(key.as_dict(private=True)))
    page.get_by_role("button", name="登记正式客户端").click()
    expect(page.get_by_role("alert")).to_contain_text("请只登记公钥")
    page.get_by_label("自己的公钥").fill(json.dumps(key.as_dict(private=False)))
    page.get_by_role("button", name="登记正式客户端").click()
    made = page.get_by_role("status").locator(".code").inner_text()
    partner = ctx.rules.up_to_date().partner(made)
    assert partner is not None
    assert (partner.merchant_id, partner.sandbox) == (shop.merchant_id, False)
    db.session.get_one(Merchant, shop.merchant_id).state = "SUSPENDED"
    db.session.commit()
    page.goto("/merchant/desk/keys")
    expect(page.get_by_text("准入之后即可登记")).to_be_visible()


def test_the_sandboxs_orders_are_seen_apart_from_the_citys(
    page: Page, ctx: Context, shop: MerchantClient, a: Builders
) -> None:
    second = open_sandbox(ctx, shop.merchant_id, ctx.now(), "operator:test")
    order_of(ctx, shop.merchant_id, a.resident(), "CITY-1")
    order_of(ctx, second, a.resident(), "TRY-1")
    log_in(page, ctx, path="/merchant/desk/orders")
    expect(page.get_by_text("CITY-1")).to_be_visible()
    expect(page.get_by_text("TRY-1")).to_have_count(0)
    page.get_by_role("link", name="看沙箱的").click()
    expect(page.get_by_text("TRY-1")).to_be_visible()
    expect(page.get_by_text("CITY-1")).to_have_count(0)
    sound(page)
    page.goto("/merchant/desk/deliveries?of=sandbox")
    expect(page.get_by_role("heading", name="沙箱的回调投递")).to_be_visible()
