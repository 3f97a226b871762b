"""Walking through the residents' pages as a resident does."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import Page

from tests.builders import id_number
from tests.pages.conftest import faults_of_access, overflow, picture, small_targets

Find = Callable[[], int]


def join(page: Page, account: str = "demo-lihua", name: str = "李华", number: str = id_number(1)) -> Page:
    """Walk in as a newcomer does, and end at home."""
    page.goto("/m")
    page.get_by_label("演示账号").fill(account)
    page.get_by_role("button", name="进入").click()
    page.get_by_label("姓名").fill(name)
    page.get_by_label("居民身份证号码").fill(number)
    page.get_by_role("button", name="核验").click()
    page.get_by_role("button", name="我已阅读并同意").click()
    page.wait_for_url("**/m")
    return page


def well_made(page: Page, name: str) -> None:
    """What every page has to be: readable by everybody, touchable, no wider than the screen. A picture of it is kept."""
    picture(page, name)
    assert faults_of_access(page) == []
    assert small_targets(page) == []
    assert overflow(page) <= 0
