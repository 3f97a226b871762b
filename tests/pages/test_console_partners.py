"""商户页 in a real browser: two managers take a shop in, its first manager gets an account, and the board is read."""

from __future__ import annotations

import pyotp
import pytest
from playwright.sync_api import expect

from haihe.storage.alarms import AlarmKind
from haihe.usecases.alarms import raise_alarm
from haihe.usecases.context import Context
from haihe.usecases.partner_health import count_uses
from haihe.usecases.staff_login import Role
from tests.builders import Builders
from tests.conftest import Clock
from tests.pages.conftest import Opener
from tests.pages.official import official, sound
from tests.web.admin.test_console_partners import applied

pytestmark = pytest.mark.browser
__all__ = ["applied"]


def test_a_shop_is_taken_in_by_two(open_page: Opener, ctx: Context, applied: int) -> None:
    first = official(open_page, ctx, Role.PARTNER_MANAGER)
    first.get_by_role("link", name="份商户申请待您审批").click()
    sound(first, "partners")
    first.goto("/console/partners/new")
    sound(first, "partner-new")
    first.go_back()
    first.get_by_role("link", name="河西便民书屋").click()
    sound(first, "partner-applied")
    with first.expect_popup() as popup:
        first.get_by_role("link", name="执照.png").click()
    assert popup.value.url.endswith("/documents/1")
    first.get_by_text("特别认可…").click()
    first.get_by_label("核对了什么").fill("执照原件与公示系统一致")
    first.get_by_role("button", name="特别认可").click()
    expect(first.get_by_text("须由另一位同事审批")).to_be_visible()
    second = official(open_page, ctx, Role.PARTNER_MANAGER, "second")
    second.goto(f"/console/partners/{applied}")
    second.get_by_label("XYZ-14").check()
    second.get_by_role("button", name="批准并准入").click()
    expect(second.get_by_role("status")).to_contain_text("已批准")
    sound(second, "partner-active")
    second.get_by_label("用户名").fill("shu-wu")
    second.get_by_label("初始密码").fill("correct horse battery")
    second.get_by_role("button", name="开立", exact=True).click()
    expect(second.get_by_role("heading", name="账号已开立")).to_be_visible()
    sound(second, "partner-person")
    secret = second.locator("#secret").inner_text()
    shop = open_page()
    shop.goto("/merchant")
    shop.get_by_label("用户名").fill("shu-wu")
    shop.get_by_label("密码").fill("correct horse battery")
    shop.get_by_label("动态口令").fill(pyotp.TOTP(secret).at(ctx.now()))
    shop.get_by_role("button", name="登录").click()
    expect(shop.get_by_role("heading", name="柜台核验")).to_be_attached()


def test_keys_and_suspension(open_page: Opener, ctx: Context, a: Builders) -> None:
    shop = a.merchant("XYZ-07")
    page = official(open_page, ctx, Role.PARTNER_MANAGER)
    page.goto(f"/console/partners/{shop.merchant_id}")
    page.get_by_text("登记客户端…").click()
    page.get_by_role("button", name="登记", exact=True).click()
    expect(page.get_by_text("只在这里显示这一次")).to_be_visible()
    sound(page, "partner-client")
    page.get_by_text("暂停商户…").click()
    page.get_by_label("为什么暂停").fill("投诉查实，停业整顿")
    page.get_by_role("button", name="暂停商户").click()
    expect(page.get_by_role("status")).to_contain_text("已暂停")
    expect(page.get_by_text("投诉查实，停业整顿")).to_be_visible()


def test_the_board_shows_the_silent_and_the_probing(
    open_page: Opener, ctx: Context, a: Builders, clock: Clock
) -> None:
    a.merchant("XYZ-07", "XYZ-14")
    probing = a.merchant("XYZ-07")
    clock.forward(days=31)
    raise_alarm(probing.merchant_id, AlarmKind.UNKNOWN_CODES, ctx.now())
    count_uses(ctx.now())
    page = official(open_page, ctx, Role.PARTNER_MANAGER)
    page.get_by_role("link", name="家商户沉默或在探测").click()
    expect(page.get_by_text("试了太多不存在的信用码")).to_be_visible()
    expect(page.get_by_text("30 天没有用过").first).to_be_visible()
    sound(page, "partner-health")
