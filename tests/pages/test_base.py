"""What every page has in common, seen on the one page that belongs to nobody: the one that says what went wrong."""

from __future__ import annotations

import re

import pytest
from flask.testing import FlaskClient
from playwright.sync_api import Page, expect

from tests.pages.conftest import Opener, faults_of_access, overflow, picture, small_targets

pytestmark = pytest.mark.browser


def refused(page: Page) -> None:
    """A form that is none of ours: the page that says so is as good a page as any."""
    page.goto("/healthz")
    page.evaluate("""() => {
        const form = document.createElement('form')
        form.method = 'post'; form.action = '/look'
        document.body.append(form); form.submit()
    }""")
    page.wait_for_selector("h1")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 390, 1280])
def test_it_is_readable_by_everybody_on_every_screen(open_page: Opener, scheme: str, width: int) -> None:
    page = open_page(color_scheme=scheme, viewport={"width": width, "height": 800})
    refused(page)

    assert page.get_by_role("heading", level=1).inner_text() == "没能完成"
    assert page.evaluate("document.documentElement.lang") == "zh-CN"
    assert page.evaluate("getComputedStyle(document.body).fontSize") == "16px"
    assert faults_of_access(page) == []
    assert small_targets(page) == []
    assert overflow(page) <= 0
    picture(page, f"base-{scheme}-{width}")


def test_large_type_is_twenty_pixels_and_is_remembered(page: Page) -> None:
    refused(page)
    page.get_by_role("button", name="大字模式").click()
    page.wait_for_load_state()
    refused(page)

    assert page.evaluate("getComputedStyle(document.body).fontSize") == "20px"
    expect(page.get_by_role("button", name="普通字号")).to_be_visible()
    picture(page, "base-large-type")


def test_the_keyboard_reaches_the_main_content_first_and_shows_where_it_is(page: Page) -> None:
    refused(page)
    page.keyboard.press("Tab")

    focused = page.locator(":focus")
    assert focused.inner_text() == "跳到主要内容"
    assert focused.evaluate("e => getComputedStyle(e).outlineStyle") == "solid"


def test_pages_allow_no_foreign_scripts_frames_or_referrers(client: FlaskClient) -> None:
    answer = client.post("/look")

    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert answer.headers["X-Frame-Options"] == "DENY"
    assert answer.headers["Referrer-Policy"] == "same-origin"
    assert answer.headers["Cache-Control"] == "no-store"


def test_files_are_kept_for_good_under_the_hash_of_their_content(client: FlaskClient) -> None:
    body = client.post("/look").get_data(as_text=True)
    addresses = re.findall(r'(?:src|href)="(/static/[^"#]+)', body)

    assert len(addresses) >= 3
    for address in addresses:
        assert "immutable" in kept(client, address)
    assert "immutable" not in kept(client, "/static/haihe.css?v=old")
    assert client.get("/static/nothing.css?v=old").status_code == 404


def kept(client: FlaskClient, address: str) -> str:
    with client.get(address) as answer:
        return answer.headers["Cache-Control"]


def test_the_first_page_shows_the_way_to_each_face(page: Page) -> None:
    page.goto("/")
    for path in ("/m", "/merchant", "/console", "/verify", "/docs/"):
        expect(page.locator(f"a[href='{path}']")).to_be_visible()
    assert faults_of_access(page) == []
    assert small_targets(page) == []
    picture(page, "welcome")
