"""管理台: what a manager sees, on a phone and on a desk, before the approval and after."""

from __future__ import annotations

import json

import pytest
from joserfc.jwk import ECKey
from playwright.sync_api import Page, expect

from haihe.storage.db import db
from haihe.storage.partners import Merchant
from haihe.usecases.context import Context
from tests.builders import Builders, MerchantClient
from tests.conftest import Clock
from tests.pages.conftest import Opener, faults_of_access, overflow, picture, small_targets
from tests.pages.merchant import log_in, person

pytestmark = pytest.mark.browser
TABS = ["", "/orders", "/statements", "/deliveries", "/keys", "/sandbox"]


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
