"""入驻申请: from the form to the desk, before anybody has approved anything."""

from __future__ import annotations

import pyotp
import pytest
from playwright.sync_api import Page, expect

from haihe.usecases.context import Context
from tests.pages.conftest import faults_of_access, overflow, picture, small_targets

pytestmark = pytest.mark.browser
PASSWORD = "correct horse battery"
FIELDS = {
    "执照上的名称": "海河单车",
    "行业": "单车企业",
    "联系人": "张经理",
    "联系电话": "022-60000000",
    "店长的用户名": "boss",
}


def test_a_merchant_applies_and_sees_how_it_goes(page: Page, ctx: Context) -> None:
    page.goto("/merchant/login")
    page.get_by_role("link", name="申请入驻").click()
    for label, text in FIELDS.items():
        page.get_by_label(label).fill(text)
    page.get_by_label("统一社会信用代码").fill("123")
    page.get_by_label("店长的密码").fill(PASSWORD)
    page.get_by_label("门店所在的区").select_option("120103")
    page.get_by_label("共享单车").check()
    page.get_by_role("button", name="提交申请").click()
    expect(page.get_by_role("alert")).to_contain_text("应为 18 位")
    assert (faults_of_access(page), small_targets(page), overflow(page) > 0) == ([], [], False)
    picture(page, "apply-wrong")

    page.get_by_label("统一社会信用代码").fill("91110000600037341L")
    page.get_by_label("店长的密码").fill(PASSWORD)
    page.get_by_role("button", name="提交申请").click()
    expect(page.get_by_role("heading", name="申请已提交")).to_be_visible()
    assert (faults_of_access(page), small_targets(page), overflow(page) > 0) == ([], [], False)
    picture(page, "apply-done")
    secret = page.locator(".code").inner_text()
    page.get_by_role("link", name="以 boss 登录").click()
    page.get_by_label("用户名").fill("boss")
    page.get_by_label("密码").fill(PASSWORD)
    page.get_by_label("动态口令").fill(pyotp.TOTP(secret).at(ctx.now()))
    page.get_by_role("button", name="登录").click()
    expect(page.get_by_text("审核中", exact=True)).to_be_visible()
