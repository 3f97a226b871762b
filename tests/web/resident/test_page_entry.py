"""From the mini-program to a page: a one-time address that opens one of our own pages, and nothing else."""

from __future__ import annotations

import pytest

from tests.web.resident.phone import Phone


def address(phone: Phone, url: str) -> str:
    answer = phone.post("/v1/me/pages", {"url": url})
    assert answer.status_code == 200, answer.json
    return str(answer.json["url"]).removeprefix("http://127.0.0.1:8000")


@pytest.mark.parametrize("page", ["/m", "/m/points", "/m/benefits/XYZ-15?x=1"])
def test_the_address_opens_the_page_that_was_asked_for_logged_in(member: Phone, page: str) -> None:
    entered = member.client.get(address(member, page))
    assert (entered.status_code, entered.location) == (303, page)
    assert "HttpOnly" in entered.headers["Set-Cookie"]
    assert member.client.get(page).status_code == 200


def test_it_opens_once(member: Phone) -> None:
    entry = address(member, "/m")
    assert member.client.get(entry).status_code == 303
    assert member.client.get(entry).status_code == 401


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/m",
        "//evil.example/m",
        "/merchant",
        "/mm",
        "/v1/me/points",
        "/m\\x",
        "/m#x",
        "/m x",
        "/m/\n",
        "",
        5,
    ],
)
def test_only_our_own_pages_are_opened(member: Phone, url: object) -> None:
    assert member.post("/v1/me/pages", {"url": url}).status_code == 422


def test_a_stranger_gets_no_address(member: Phone) -> None:
    assert member.client.post("/v1/me/pages", json={"url": "/m"}).status_code == 401
