"""The page on which a resident links an online merchant, on a phone."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest
from flask.testing import FlaskClient
from playwright.sync_api import Page, Route

from haihe.usecases.context import Context
from haihe.usecases.sessions import open_session
from tests.builders import Builders
from tests.pages.conftest import Opener, faults_of_access, overflow, picture, small_targets
from tests.web.merchant.standard import a_person, asking, open_shop

pytestmark = pytest.mark.browser


@pytest.fixture
def consent_page(client: FlaskClient, ctx: Context, a: Builders, open_page: Opener, site: str) -> Page:
    """The page, in front of a resident who has joined; the merchant's own site is stood in for."""
    shop, person = open_shop(client, ctx, a), a_person(client, ctx, a)
    page = open_page()
    token = open_session(person.account_id, ctx.now())
    page.context.add_cookies([{"name": "haihe_page", "value": token, "url": site}])

    def at_the_shop(route: Route) -> None:
        route.fulfill(body="<title>shop</title>", content_type="text/html")

    page.context.route("https://shop.example/**", at_the_shop)
    page.goto(f"/oauth/authorize?{asking(shop)}")
    return page


def test_it_is_readable_by_everybody(consent_page: Page) -> None:
    assert "关联" in consent_page.get_by_role("heading", level=1).inner_text()
    assert consent_page.get_by_role("checkbox").count() == 2
    assert faults_of_access(consent_page) == []
    assert small_targets(consent_page) == []
    assert overflow(consent_page) <= 0
    picture(consent_page, "authorize-phone")
    consent_page.set_viewport_size({"width": 320, "height": 640})
    assert overflow(consent_page) <= 0
    picture(consent_page, "authorize-320")


@pytest.mark.parametrize(("button", "member"), [("同意并返回商户", "code"), ("不同意", "error")])
def test_the_decision_brings_the_resident_back_to_the_merchant(
    consent_page: Page, button: str, member: str
) -> None:
    consent_page.get_by_role("checkbox").first.uncheck()
    consent_page.get_by_role("button", name=button, exact=True).click()
    consent_page.wait_for_url("https://shop.example/**")

    told = parse_qs(urlsplit(consent_page.url).query)
    assert {member, "state", "iss"} <= told.keys()
