"""Only our own pages can send forms to us."""

from __future__ import annotations

import re

import pytest
from flask.testing import FlaskClient

TOKEN = re.compile(r'name="form_token" value="([0-9a-f]{64})"')


@pytest.fixture
def token(client: FlaskClient) -> str:
    """What a form shown in this browser carries."""
    found = TOKEN.search(client.post("/look").get_data(as_text=True))
    assert found is not None
    return found[1]


def test_a_form_of_ours_is_taken(client: FlaskClient, token: str) -> None:
    answer = client.post("/look", data={"form_token": token, "type": "large", "back": "/merchant"})
    assert (answer.status_code, answer.location) == (303, "/merchant")


def test_a_form_without_its_token_or_with_another_browsers_is_refused(
    client: FlaskClient, token: str
) -> None:
    for data in ({}, {"form_token": "0" * 64}, {"form_token": "密"}):
        answer = client.post("/look", data=data)
        assert answer.status_code == 403
        assert "FORM_FOREIGN" in answer.get_data(as_text=True)
    stranger = client.application.test_client()
    assert stranger.post("/look", data={"form_token": token}).status_code == 403


@pytest.mark.parametrize(
    "headers", [{"Origin": "https://elsewhere.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}]
)
def test_a_form_sent_from_another_site_is_refused(
    client: FlaskClient, token: str, headers: dict[str, str]
) -> None:
    assert client.post("/look", data={"form_token": token}, headers=headers).status_code == 403


@pytest.mark.parametrize(
    "back", ["//elsewhere.example", "https://elsewhere.example", "/\\elsewhere.example", "/a\r\nb"]
)
def test_the_way_back_leads_nowhere_else(client: FlaskClient, token: str, back: str) -> None:
    assert client.post("/look", data={"form_token": token, "back": back}).location == "/"
