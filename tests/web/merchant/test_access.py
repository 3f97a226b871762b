"""`POST /access/v1/evaluation`: AuthZEN's request, our answer, and nothing about the resident in either."""

from __future__ import annotations

import json
from typing import Any

import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from marshmallow import ValidationError

from haihe.web.merchant.questions import QUESTION, fault_in
from haihe.web.merchant.schemas import EvaluationAnswer, EvaluationRequest
from tests.builders import Builders, MerchantClient

PATH = "/access/v1/evaluation"
BIKE = "XYZ-07"


@pytest.fixture
def merchant(a: Builders) -> MerchantClient:
    """A bike company."""
    return a.merchant(BIKE)


@pytest.fixture
def bearer(client: FlaskClient, merchant: MerchantClient) -> dict[str, str]:
    """The header that opens the door."""
    answer = client.post(
        "/oauth/token",
        data={"grant_type": "client_credentials"},
        auth=(merchant.client_id, merchant.client_secret),
    )
    return {"Authorization": f"Bearer {answer.get_json()['access_token']}"}


def asked(code: str = "123456789012345678", **changes: Any) -> dict[str, Any]:
    return {
        "subject": {"type": "pass", "id": code},
        "action": {"name": "use"},
        "resource": {"type": "scenario", "id": BIKE},
    } | changes


def test_a_scanned_pass_is_answered_with_yes_or_no_and_never_the_points(
    client: FlaskClient, a: Builders, bearer: dict[str, str]
) -> None:
    resident = a.resident()
    a.record(resident, "A01", level="L3")
    a.record(resident, "D01", quantity=80)
    a.record(resident, "D02", level="市级")

    answer = client.post(PATH, json=asked(a.shown_pass(resident, BIKE)), headers=bearer)

    assert answer.status_code == 200
    assert EvaluationAnswer().validate(answer.get_json()) == {}
    assert answer.get_json()["decision"] is True
    assert "600" not in answer.get_data(as_text=True)


def test_not_joined_and_too_few_points_look_alike(
    client: FlaskClient, a: Builders, bearer: dict[str, str]
) -> None:
    told = []
    for resident in (a.resident(), a.resident(joined=False)):
        answer = client.post(PATH, json=asked(a.shown_pass(resident, BIKE)), headers=bearer)
        body = answer.get_json()
        body["context"].pop("decision_id")
        headers = {k: v for k, v in answer.headers.items() if k not in ("X-Request-ID", "RateLimit")}
        told.append((answer.status_code, body, headers, len(answer.get_data())))

    assert told[0] == told[1]


def test_unknown_members_are_ignored(client: FlaskClient, a: Builders, bearer: dict[str, str]) -> None:
    body = asked(a.shown_pass(a.resident(), BIKE), context={"till": 3}, threshold=1, nonsense=[1])
    body["subject"]["properties"] = {"points": 1000}

    answer = client.post(PATH, json=body, headers=bearer)

    assert (answer.status_code, answer.get_json()["decision"]) == (200, False)


@pytest.mark.parametrize(
    "changes",
    [
        {"subject": {"type": "resident", "id": "1"}},
        {"subject": {"type": "pass", "id": ""}},
        {"subject": {"type": "pass", "id": "\x00' OR 1=1 --"}},
        {"action": {"name": "read"}},
        {"resource": {"type": "points", "id": BIKE}},
    ],
)
def test_what_we_know_nothing_of_is_a_plain_no(
    client: FlaskClient, bearer: dict[str, str], changes: dict[str, Any]
) -> None:
    answer = client.post(PATH, json=asked(**changes), headers=bearer)

    assert (answer.status_code, answer.get_json()["decision"]) == (200, False)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b"", None),
        (b"{", None),
        (b"[]", None),
        (b'"yes"', None),
        (b'{"subject": "\\ud800"}', None),
        (b"{}", "subject"),
        (json.dumps(asked(subject={"type": "pass"})).encode(), "subject.id"),
        (json.dumps(asked(subject={"type": 1, "id": "1"})).encode(), "subject.type"),
        (json.dumps(asked(action={})).encode(), "action.name"),
        (json.dumps(asked(resource=None)).encode(), "resource"),
        (json.dumps(asked(context=[])).encode(), "context"),
    ],
)
def test_a_malformed_question_is_told_which_field_is_wrong(
    client: FlaskClient, bearer: dict[str, str], body: bytes, field: str | None
) -> None:
    answer = client.post(PATH, data=body, content_type="application/json", headers=bearer)

    assert answer.status_code == 400
    assert answer.mimetype == "application/problem+json"
    assert answer.get_json().get("field") == field


def test_only_json_is_taken(client: FlaskClient, bearer: dict[str, str]) -> None:
    answer = client.post(PATH, data=json.dumps(asked()), content_type="text/plain", headers=bearer)

    assert (answer.status_code, answer.get_json()["code"]) == (400, "UNSUPPORTED_MEDIA_TYPE")


def test_the_request_id_is_echoed(client: FlaskClient, bearer: dict[str, str]) -> None:
    answer = client.post(PATH, json=asked(), headers=bearer | {"X-Request-ID": "till-7.0042"})

    assert answer.headers["X-Request-ID"] == "till-7.0042"


def test_a_scenario_that_is_not_admitted_is_refused_loudly(
    client: FlaskClient, bearer: dict[str, str]
) -> None:
    answer = client.post(PATH, json=asked(resource={"type": "scenario", "id": "XYZ-08"}), headers=bearer)

    assert (answer.status_code, answer.get_json()["code"]) == (403, "SCENARIO_NOT_ADMITTED")


def test_the_metadata_says_where_to_ask(client: FlaskClient) -> None:
    metadata = client.get("/.well-known/authzen-configuration").get_json()

    assert metadata["access_evaluation_endpoint"].endswith(PATH)


VALUES = st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.just({}) | st.just([])
MEMBERS = st.dictionaries(st.sampled_from(["type", "id", "name", "properties", "more"]), VALUES, max_size=5)
BODIES = st.dictionaries(
    st.sampled_from(["subject", "action", "resource", "context", "more"]), MEMBERS | VALUES, max_size=5
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], max_examples=300)
@given(BODIES)
def test_the_checks_by_hand_are_those_of_the_described_schema(app: Any, body: dict[str, Any]) -> None:
    """The hot path checks by hand; the description that others read must say the same."""
    try:
        EvaluationRequest().load(body)
        described = True
    except ValidationError:
        described = False

    assert (fault_in(json.loads(json.dumps(body)), QUESTION) is None) is described
