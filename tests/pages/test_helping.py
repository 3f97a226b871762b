"""亲情代办 in a real browser: an elderly person invites, a daughter accepts on her own phone, and the two are never confused."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.builders import id_number
from tests.pages.member import join, well_made

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("demo_world")]


def test_a_daughter_shows_a_code_for_her_mother_and_the_mother_is_told(
    open_page: Callable[..., Page],
) -> None:
    mother = join(open_page())
    mother.goto("/m/me")
    mother.get_by_role("link", name="亲情代办").click()
    mother.get_by_label("亲友的姓名").fill("王芳")
    mother.get_by_role("button", name="我已阅读并同意").click()
    expect(mother.get_by_text("请至少勾选一项")).to_be_visible()
    expect(mother.get_by_label("亲友的姓名")).to_have_value("王芳")
    well_made(mother, "m-helpers-wrong")
    mother.get_by_role("checkbox", name="出示信用码").check()
    mother.get_by_role("checkbox", name="查看积分与消息").check()
    mother.get_by_role("button", name="我已阅读并同意").click()
    expect(mother.get_by_role("heading", name="请 王芳 扫码或输入")).to_be_visible()
    well_made(mother, "m-helper-invited")
    digits = re.sub(r"\D", "", mother.locator(".digits").inner_text())

    daughter = join(open_page(), "demo-wangfang", "王芳", id_number(2))
    daughter.goto(f"/m/helping?code={digits}")
    well_made(daughter, "m-helping")
    daughter.get_by_role("button", name="看看邀请我办什么").click()
    expect(daughter.get_by_role("heading", name="李* 请您代办")).to_be_visible()
    well_made(daughter, "m-helping-accept")
    daughter.get_by_role("button", name="接受，为家人代办").click()
    daughter.get_by_role("button", name="为 李* 办理").click()
    expect(daughter.get_by_role("status").first).to_contain_text("正在为 李* 办理")
    well_made(daughter, "m-helping-now")
    daughter.goto("/m/benefits/XYZ-15")
    daughter.get_by_role("button", name="出示信用码").click()
    expect(daughter.get_by_text("正在为 李* 办理")).to_be_visible()
    well_made(daughter, "m-helping-pass")
    daughter.goto("/m/orders")
    expect(daughter.get_by_role("heading", name="这一项不能代办")).to_be_visible()
    well_made(daughter, "m-helping-refused")

    mother.goto("/m/messages")
    expect(mother.get_by_text(re.compile("王\\*（子女）代您出示了"))).to_be_visible()
    well_made(mother, "m-helping-told")
    mother.goto("/m/helpers")
    well_made(mother, "m-helpers")
    mother.get_by_role("button", name="结束代办").click()
    expect(mother.get_by_text("还没有请人代办")).to_be_visible()
    daughter.goto("/m")
    expect(daughter.get_by_text("这项代办已经结束")).to_be_visible()
    daughter.get_by_role("button", name="回到自己").click()
    daughter.goto("/m")
    expect(daughter.get_by_role("img", name="海河分 510 分")).to_be_visible()
