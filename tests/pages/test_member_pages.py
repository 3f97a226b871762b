"""A resident's pages on a phone: in, joined, the points, and why; readable by everybody, usable before any script."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from haihe.usecases.context import Context
from tests.builders import Builders, id_number
from tests.pages.conftest import Opener
from tests.pages.member import Find, join, well_made

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("demo_world")]


def test_a_newcomer_joins_in_two_steps_each_with_one_thing_to_do(page: Page) -> None:
    page.goto("/m")
    well_made(page, "m-login")
    page.get_by_label("演示账号").fill("demo-lihua")
    page.get_by_role("button", name="进入").click()
    well_made(page, "m-join-name")
    page.get_by_label("姓名").fill("李华")
    page.get_by_label("居民身份证号码").fill("120100199005040011")
    page.get_by_role("button", name="核验").click()
    assert page.get_by_label("姓名").input_value() == "李华"
    assert page.get_by_label("居民身份证号码").input_value() == ""
    well_made(page, "m-join-name-wrong")
    page.get_by_label("居民身份证号码").fill(id_number(1))
    page.get_by_role("button", name="核验").click()
    well_made(page, "m-join-consent")
    page.get_by_role("button", name="我已阅读并同意").click()
    page.wait_for_url("**/m")
    expect(page.get_by_role("img", name="海河分 510 分")).to_be_visible()
    well_made(page, "m-home")


@pytest.mark.parametrize("look", ["light", "dark", "large", "narrow"])
def test_the_points_and_their_reasons_are_readable_by_everybody(
    open_page: Opener, a: Builders, resident_of: Find, look: str
) -> None:
    page = open_page(
        color_scheme="dark" if look == "dark" else "light",
        viewport={"width": 320 if look == "narrow" else 390, "height": 844},
    )
    join(page)
    if look == "large":
        page.get_by_role("button", name="大字模式").click()
    a.record(resident_of(), "B14", document_no="津市监罚〔2026〕1号", severity="一般", issuer="市市场监管委")
    a.record(resident_of(), "D01", quantity=60)
    for path, name in (("/m", "home"), ("/m/points", "points"), ("/m/ledger", "ledger")):
        page.goto(path)
        if name == "points":
            for line in page.locator("details.line summary").all():
                line.click()
        well_made(page, f"m-{name}-{look}")


def test_every_line_on_the_page_adds_up_to_the_total(page: Page, a: Builders, resident_of: Find) -> None:
    join(page)
    a.record(resident_of(), "B14", document_no="津罚1号", severity="一般")
    a.record(resident_of(), "D01", quantity=60)
    page.goto("/m/points")
    lines = page.locator("details.line summary .points").all_inner_texts()
    assert sum(int(text) for text in lines) == int(page.locator(".figure").inner_text()) == 530


def test_without_any_script_everything_is_there(open_page: Opener) -> None:
    page = join(open_page(java_script_enabled=False))
    for path in ("/m", "/m/points", "/m/ledger"):
        page.goto(path)
        assert page.locator("main h1").count() == 1


def test_the_first_view_weighs_less_than_a_hundred_kilobytes(open_page: Opener) -> None:
    page = open_page()
    join(page)
    weight = 0

    def weigh(answer: object) -> None:
        nonlocal weight
        weight += len(answer.body())  # type: ignore[attr-defined]

    page.on("response", weigh)
    page.goto("/m")
    page.wait_for_load_state("networkidle")
    assert 0 < weight < 100_000


def test_whoever_logs_out_is_out_and_comes_back_to_where_they_wanted_to_go(page: Page) -> None:
    join(page)
    page.context.clear_cookies()
    page.goto("/m/ledger")
    assert "/m/login?next=" in page.url
    page.get_by_label("演示账号").fill("demo-lihua")
    page.get_by_role("button", name="进入").click()
    page.wait_for_url("**/m/ledger")


@pytest.mark.parametrize("elsewhere", ["https://evil.example/", "//evil.example", "/merchant", "/m\\evil"])
def test_the_way_back_never_leads_elsewhere(page: Page, elsewhere: str) -> None:
    join(page)
    page.context.clear_cookies()
    page.goto(f"/m/login?next={elsewhere}")
    page.get_by_label("演示账号").fill("demo-lihua")
    page.get_by_role("button", name="进入").click()
    page.wait_for_url("**/m")


def test_outside_the_demo_city_the_only_way_in_is_the_mini_program(
    page: Page, ctx: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(ctx.__dict__, "demo", False)
    page.goto("/m")
    expect(page.get_by_text("请从海河分小程序进入")).to_be_visible()
    assert page.get_by_label("演示账号").count() == 0
