"""人员: an account from an empty form to its owner at work, by two administrators and the owner, in three browsers."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from haihe.usecases.context import Context
from haihe.usecases.staff_login import Role
from tests.conftest import Clock
from tests.pages.conftest import Opener
from tests.pages.official import log_in, official, sound

pytestmark = pytest.mark.browser


def test_an_account_is_opened_confirmed_and_its_first_password_changed(
    open_page: Opener, ctx: Context, clock: Clock
) -> None:
    system = official(open_page, ctx, Role.SYSTEM_ADMIN)
    security = official(open_page, ctx, Role.SECURITY_ADMIN)
    system.get_by_role("link", name="人员").click()
    system.get_by_label("用户名").fill("wang-min")
    system.get_by_label("岗位", exact=True).select_option(label="安全管理")
    system.get_by_label("河西区").check()
    system.get_by_role("button", name="开立").click()
    expect(system.get_by_text("全市岗位")).to_be_visible()
    expect(system.get_by_label("用户名")).to_have_value("wang-min")
    sound(system, "staff-refused")
    system.get_by_label("岗位", exact=True).select_option(label="数据管理")
    system.get_by_role("button", name="开立").click()
    password = system.locator(".figure.code").inner_text()
    sound(system, "staff-first-password")
    system.get_by_role("link", name="已交给本人").click()
    sound(system, "staff-account-system")

    security.goto("/console")
    sound(security, "home")
    security.get_by_role("link", name="个账号待您确认").click()
    sound(security, "staff")
    security.get_by_role("link", name="wang-min").click()
    sound(security, "staff-account-proposed")
    security.get_by_role("button", name="确认岗位").click()
    secret = security.locator(".code").inner_text()
    sound(security, "staff-second-factor")

    owner = open_page()
    log_in(owner, ctx, "wang-min", password, secret)
    expect(owner.get_by_role("heading", name="改密码")).to_be_visible()
    sound(owner, "own-password")
    owner.get_by_label("现在的密码").fill("not this one")
    for label in ("新密码", "再输一次新密码"):
        owner.get_by_label(label, exact=True).fill("a river runs through it")
    owner.get_by_role("button", name="改密码").click()
    expect(owner.get_by_text("现在的密码不正确")).to_be_visible()
    sound(owner)
    owner.get_by_label("现在的密码").fill(password)
    for label in ("新密码", "再输一次新密码"):
        owner.get_by_label(label, exact=True).fill("a river runs through it")
    owner.get_by_role("button", name="改密码").click()
    expect(owner.get_by_role("heading", name="待办")).to_be_visible()
    owner.goto("/console/staff")
    expect(owner.get_by_text("岗位没有这项权限")).to_be_visible()

    security.goto("/console/staff/wang-min")
    sound(security, "staff-account-open")
    security.get_by_label("理由").fill("离岗")
    security.get_by_role("button", name="锁定账号").click()
    expect(security.get_by_text("已锁定")).to_be_visible()
    owner.reload()
    expect(owner.get_by_role("button", name="登录")).to_be_visible()
    security.goto("/console/refusals")
    expect(security.get_by_text("改密码时输错")).to_be_visible()
    expect(security.get_by_text("越权被拒")).to_be_visible()
    sound(security, "refusals")


def test_accounts_are_opened_without_script_and_by_keyboard(open_page: Opener, ctx: Context) -> None:
    system = official(open_page, ctx, Role.SYSTEM_ADMIN, java_script_enabled=False)
    system.goto("/console/staff")
    system.get_by_label("用户名").focus()
    system.keyboard.type("zhao-lei")
    system.keyboard.press("Enter")
    expect(system.get_by_role("heading", name="zhao-lei 的首次密码")).to_be_visible()
