"""A benefit in three taps, the code that says by itself what became of it, and everything that stays in one's own hands."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from haihe.usecases.answer_question import answer_question
from haihe.usecases.asking import Asker, Question
from haihe.usecases.context import Context
from haihe.usecases.keep_copies import Keeper
from tests.builders import Builders, MerchantClient
from tests.conftest import Clock
from tests.pages.conftest import Opener
from tests.pages.member import Find, join, well_made

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("demo_world")]


def scan(ctx: Context, page: Page, merchant: MerchantClient, clock: Clock) -> None:
    """The merchant scans what the page shows."""
    code = re.sub(r"\s", "", page.locator(".digits").inner_text())
    assert re.fullmatch(r"\d{18}", code)
    answer_question(ctx, Question(Asker(merchant.client_id), code, "XYZ-15", clock.now))
    Keeper(ctx).turn(clock.now)


def test_a_benefit_is_used_in_three_taps_and_the_page_says_what_happened(
    page: Page, a: Builders, ctx: Context, clock: Clock, resident_of: Find
) -> None:
    join(page)
    a.record(resident_of(), "D01", quantity=140)
    merchant = a.merchant("XYZ-15")
    page.get_by_role("link", name="优惠", exact=True).click()
    well_made(page, "m-benefits")
    page.locator("a[href='/m/benefits/XYZ-15']").click()
    well_made(page, "m-benefit-yes")
    page.get_by_role("button", name="出示信用码").click()
    well_made(page, "m-pass")
    scan(ctx, page, merchant, clock)
    page.get_by_text("核验：可以").wait_for()
    well_made(page, "m-pass-used")
    page.get_by_role("link", name="查看这次查询").click()
    expect(page.get_by_text("当时的理由")).to_be_visible()
    well_made(page, "m-question")
    page.get_by_role("link", name="谁查过我").first.click()
    well_made(page, "m-questions")


def test_somebody_short_of_points_finds_the_step_and_a_no_is_told_kindly(
    page: Page, a: Builders, ctx: Context, clock: Clock
) -> None:
    join(page)
    page.goto("/m/benefits/XYZ-15")
    expect(page.get_by_text("还差 40 分").first).to_be_visible()
    expect(page.get_by_text(re.compile("参加志愿服务 \\d+ 小时"))).to_be_visible()
    well_made(page, "m-benefit-almost")
    page.get_by_role("button", name="出示信用码").click()
    scan(ctx, page, a.merchant("XYZ-15"), clock)
    page.get_by_text("得到的回答是“不可以”").wait_for()
    well_made(page, "m-pass-no")


def test_without_any_script_the_code_is_there_and_can_be_renewed(open_page: Opener) -> None:
    page = join(open_page(java_script_enabled=False))
    page.goto("/m/benefits/XYZ-15")
    page.get_by_role("button", name="出示信用码").click()
    first = page.locator(".digits").inner_text()
    page.get_by_role("button", name="换一个码").click()
    assert page.locator(".digits").inner_text() != first
    assert page.locator("img.qr").get_attribute("src").startswith("data:image/svg+xml")  # type: ignore[union-attr]


def test_a_wrong_record_is_objected_to_and_stops_counting(page: Page, a: Builders, resident_of: Find) -> None:
    join(page)
    a.record(resident_of(), "B14", document_no="津罚1号", severity="一般", issuer="市市场监管委")
    page.goto("/m/points")
    page.get_by_text("一般行政处罚").click()
    page.get_by_role("link", name="认为有误").click()
    well_made(page, "m-objection-new")
    page.get_by_label("实际情况").fill("<b>不是我的车</b>\n已卖出")
    picture = {"name": "卖车合同.png", "mimeType": "image/png", "buffer": b"\x89PNG\r\n\x1a\n"}
    page.get_by_label("证明材料").set_input_files({**picture, "buffer": b"<script>"})
    page.get_by_role("button", name="提出异议").click()
    page.get_by_text("材料应为 PDF、JPEG 或 PNG 文件").wait_for()
    assert page.get_by_label("实际情况").input_value().startswith("<b>不是我的车</b>")
    well_made(page, "m-objection-file-wrong")
    page.get_by_label("证明材料").set_input_files(picture)
    page.get_by_role("button", name="提出异议").click()
    page.wait_for_url(re.compile(r"/m/objections/\d+"))
    page.get_by_label("补充一份").set_input_files(
        {**picture, "name": "一份名字很长很长很长很长很长的收据.png"}
    )
    page.get_by_role("button", name="上传").click()
    page.get_by_text("很长的收据.png").wait_for()
    with page.expect_download() as download:
        page.get_by_role("link", name="卖车合同.png").click()
    assert download.value.path().read_bytes().startswith(b"\x89PNG")
    expect(page.get_by_text("<b>不是我的车</b>")).to_be_visible()
    expect(page.get_by_text("还剩 5 个工作日")).to_be_visible()
    well_made(page, "m-objection")
    page.goto("/m")
    expect(page.get_by_role("img", name="海河分 510 分")).to_be_visible()
    page.goto("/m/objections")
    well_made(page, "m-objections")


def test_consents_are_read_given_and_taken_back_with_one_tap(page: Page) -> None:
    join(page)
    page.get_by_role("link", name="我的", exact=True).click()
    well_made(page, "m-me")
    page.get_by_role("link", name="授权与关联的商户").click()
    well_made(page, "m-consents")
    page.goto("/m/consents/SENSITIVE:MEDICAL")
    well_made(page, "m-consent")
    page.get_by_role("button", name="我已阅读并同意").click()
    page.get_by_role("button", name="撤回").click()
    expect(page.get_by_role("button", name="撤回")).to_have_count(0)


def test_leaving_says_what_stays_and_coming_back_starts_clean(page: Page) -> None:
    join(page)
    page.goto("/m/leave")
    well_made(page, "m-leave")
    page.get_by_role("button", name="确认退出").click()
    expect(page.get_by_role("heading", name="已退出海河分")).to_be_visible()
    well_made(page, "m-left")
    page.get_by_role("link", name="重新开通").click()
    page.get_by_role("button", name="我已阅读并同意").click()
    page.wait_for_url("**/m")
    expect(page.get_by_role("img", name="海河分 510 分")).to_be_visible()


def test_a_strangers_addresses_are_not_found(page: Page, a: Builders) -> None:
    join(page)
    other = a.resident()
    record = a.record(other, "B14", document_no="津罚2号", severity="一般")
    for path in (
        f"/m/objections/new?record={record}",
        "/m/objections/1",
        "/m/questions/d" + "0" * 32,
        "/m/benefits/XYZ-99",
    ):
        answer = page.goto(path)
        assert answer is not None
        assert answer.status == 404
        expect(page.get_by_role("heading", level=1)).to_be_visible()
