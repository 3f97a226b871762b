"""A report in the hand: made on the phone, in large type, printed at a service hall, checked by whoever holds it."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.builders import Builders
from tests.pages.conftest import Opener
from tests.pages.member import Find, join, well_made

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("demo_world")]


def make_report(page: Page) -> str:
    """Through the pages, from 我的; returns the code on it."""
    page.get_by_role("link", name="我的", exact=True).click()
    page.get_by_role("link", name="公共信用报告").click()
    page.get_by_role("button", name="生成报告").click()
    page.wait_for_url(re.compile(r"/m/reports/\d+$"))
    return page.locator("dd.code").inner_text()


def test_an_elderly_person_gets_a_report_in_large_type_and_anybody_can_check_it(
    page: Page, open_page: Opener, a: Builders, resident_of: Find
) -> None:
    join(page)
    a.record(resident_of(), "D01", quantity=140, issuer="市文明办")
    page.get_by_role("button", name="大字模式").click()
    page.goto("/m/reports")
    well_made(page, "m-reports-large")
    page.goto("/m")
    code = make_report(page)
    expect(page.get_by_text("市文明办").first).to_be_visible()
    expect(page.get_by_role("button", name="打印")).to_be_visible()
    well_made(page, "m-report-large")
    with page.expect_download() as download:
        page.get_by_role("link", name="下载 PDF").click()
    assert download.value.path().read_bytes().startswith(b"%PDF")
    other = open_page()
    other.goto("/verify")
    well_made(other, "verify")
    other.get_by_label("报告上的验证码").fill(code.lower())
    other.get_by_role("button", name="核对").click()
    expect(other.get_by_text("是真的")).to_be_visible()
    expect(other.get_by_text("李*")).to_be_visible()
    assert other.get_by_text("李华").count() == 0
    well_made(other, "verify-genuine")
    other.get_by_label("报告上的验证码").fill("0" * 20)
    other.get_by_role("button", name="核对").click()
    expect(other.get_by_text("没有这份报告")).to_be_visible()
    well_made(other, "verify-wrong")
    other.goto("/")
    other.goto(f"/verify#{code}")
    expect(other.get_by_text("是真的")).to_be_visible()
    assert code not in other.url


def test_the_printer_of_a_service_hall_gets_the_report_and_nothing_else(page: Page) -> None:
    join(page)
    make_report(page)
    page.emulate_media(media="print")
    well_made(page, "m-report-print")
    expect(page.get_by_text("天津市个人公共信用报告")).to_be_visible()
    for gone in ("下载 PDF", "大字模式", "首页"):
        expect(page.get_by_text(gone).first).to_be_hidden()


def test_after_leaving_the_account_can_go_too(page: Page) -> None:
    join(page)
    page.goto("/m/leave")
    page.get_by_role("button", name="确认退出").click()
    page.get_by_role("button", name="连账号一起注销").click()
    expect(page.get_by_role("heading", name="账号已注销")).to_be_visible()
    well_made(page, "m-account-deleted")
    page.goto("/m")
    page.wait_for_url("**/m/login*")


def test_a_strangers_report_is_not_found(page: Page) -> None:
    join(page)
    for path in ("/m/reports/1", "/m/reports/1.pdf"):
        answer = page.goto(path)
        assert answer is not None
        assert answer.status == 404
