"""Orders over HTTP: opened with a yes, once, within the quota, and nobody else's business."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.builders import Builders, MerchantClient
from tests.conftest import Clock

BIKE = "XYZ-07"
RENTAL = "XYZ-16"


def bearer(client: FlaskClient, merchant: MerchantClient) -> dict[str, str]:
    answer = client.post(
        "/oauth/token",
        data={"grant_type": "client_credentials"},
        auth=(merchant.client_id, merchant.client_secret),
    )
    return {"Authorization": f"Bearer {answer.get_json()['access_token']}"}


def good_resident(a: Builders) -> int:
    """Enough points for every scenario that asks for no more than 600."""
    resident = a.resident()
    a.record(resident, "A01", level="L3")
    a.record(resident, "D01", quantity=80)
    a.record(resident, "D02", level="市级")
    return resident


def decided(client: FlaskClient, key: dict[str, str], code: str, scenario: str = BIKE) -> dict[str, Any]:
    body = {
        "subject": {"type": "pass", "id": code},
        "action": {"name": "use"},
        "resource": {"type": "scenario", "id": scenario},
    }
    answer: dict[str, Any] = client.post("/access/v1/evaluation", json=body, headers=key).get_json()
    return answer


def opened(client: FlaskClient, key: dict[str, str], number: str, decision_id: str) -> Any:
    return client.post(
        "/v1/merchant/orders", json={"out_order_no": number, "decision_id": decision_id}, headers=key
    )


def test_an_order_is_opened_with_a_yes_and_completed(client: FlaskClient, a: Builders) -> None:
    key = bearer(client, a.merchant(BIKE))
    decision = decided(client, key, a.shown_pass(good_resident(a), BIKE))["context"]

    first = opened(client, key, "A-1", decision["decision_id"])
    again = opened(client, key, "A-1", decision["decision_id"])
    done = client.post("/v1/merchant/orders/A-1/complete", headers=key)

    assert first.status_code == again.status_code == 201
    assert first.get_json() == again.get_json()
    assert first.get_json()["benefit"] == decision["benefit"]
    assert done.get_json()["state"] == "COMPLETED"
    assert client.get("/v1/merchant/orders/A-1", headers=key).get_json() == done.get_json()


@pytest.mark.parametrize(("deed", "state"), [("complete", "COMPLETED"), ("cancel", "REVOKED")])
def test_ending_an_order_twice_changes_nothing_and_otherwise_is_refused(
    client: FlaskClient, a: Builders, deed: str, state: str
) -> None:
    key = bearer(client, a.merchant(BIKE))
    opened(
        client,
        key,
        "A-1",
        decided(client, key, a.shown_pass(good_resident(a), BIKE))["context"]["decision_id"],
    )

    first = client.post(f"/v1/merchant/orders/A-1/{deed}", headers=key)
    again = client.post(f"/v1/merchant/orders/A-1/{deed}", headers=key)
    other = client.post(
        f"/v1/merchant/orders/A-1/{'cancel' if deed == 'complete' else 'complete'}", headers=key
    )

    assert first.get_json() == again.get_json()
    assert first.get_json()["state"] == state
    assert (other.status_code, other.get_json()["code"]) == (409, "ORDER_STATE")


def test_a_no_a_stranger_and_an_old_yes_open_nothing(client: FlaskClient, a: Builders, clock: Clock) -> None:
    mine, other = bearer(client, a.merchant(BIKE)), bearer(client, a.merchant(BIKE))
    no = decided(client, mine, a.shown_pass(a.resident(), BIKE))["context"]["decision_id"]
    yes = decided(client, mine, a.shown_pass(good_resident(a), BIKE))["context"]["decision_id"]

    assert opened(client, mine, "A-1", no).get_json()["code"] == "DECISION_NOT_YES"
    assert opened(client, other, "A-1", yes).get_json()["code"] == "DECISION_NOT_FOUND"
    clock.forward(minutes=11)
    assert opened(client, mine, "A-1", yes).get_json()["code"] == "DECISION_EXPIRED"


def test_one_yes_opens_one_order_and_one_number_stands_for_one_yes(client: FlaskClient, a: Builders) -> None:
    key = bearer(client, a.merchant(BIKE))
    resident = good_resident(a)
    first = decided(client, key, a.shown_pass(resident, BIKE))["context"]["decision_id"]
    second = decided(client, key, a.shown_pass(resident, BIKE))["context"]["decision_id"]
    opened(client, key, "A-1", first)

    assert opened(client, key, "A-2", first).get_json()["code"] == "DECISION_USED"
    changed = opened(client, key, "A-1", second)
    assert (changed.status_code, changed.get_json()["code"]) == (409, "OUT_ORDER_NO_USED")
    assert changed.get_json()["field"] == "decision_id"


def test_another_merchants_order_does_not_exist(client: FlaskClient, a: Builders) -> None:
    mine, other = bearer(client, a.merchant(BIKE)), bearer(client, a.merchant(BIKE))
    opened(
        client,
        mine,
        "A-1",
        decided(client, mine, a.shown_pass(good_resident(a), BIKE))["context"]["decision_id"],
    )

    for path in ("/v1/merchant/orders/A-1", "/v1/merchant/orders/NEVER"):
        answer = client.get(path, headers=other)
        assert (answer.status_code, answer.get_json()["code"]) == (404, "ORDER_NOT_FOUND")


def test_a_quota_is_never_oversold_by_codes_shown_at_the_same_time(
    client: FlaskClient, a: Builders, app: Flask
) -> None:
    key = bearer(client, a.merchant(RENTAL))
    resident = good_resident(a)
    decisions = [decided(client, key, a.shown_pass(resident, RENTAL), RENTAL)["context"] for _ in range(6)]
    assert {d["code"] for d in decisions} == {"OK"}

    def open_one(numbered: tuple[int, dict[str, Any]]) -> int:
        number, decision = numbered
        with app.app_context():
            return int(opened(app.test_client(), key, f"A-{number}", decision["decision_id"]).status_code)

    with ThreadPoolExecutor(6) as pool:
        answers = sorted(pool.map(open_one, enumerate(decisions)))

    assert answers == [201, 409, 409, 409, 409, 409]


def test_one_number_for_two_residents_at_the_same_time_opens_one_order(
    client: FlaskClient, a: Builders, app: Flask
) -> None:
    key = bearer(client, a.merchant(BIKE))
    decisions = [
        decided(client, key, a.shown_pass(good_resident(a), BIKE))["context"]["decision_id"] for _ in range(4)
    ]

    def open_one(decision_id: str) -> int:
        with app.app_context():
            return int(opened(app.test_client(), key, "A-1", decision_id).status_code)

    with ThreadPoolExecutor(4) as pool:
        answers = sorted(pool.map(open_one, decisions))

    assert answers == [201, 409, 409, 409]


def test_a_cancelled_order_frees_the_quota(client: FlaskClient, a: Builders) -> None:
    key = bearer(client, a.merchant(RENTAL))
    resident = good_resident(a)
    opened(
        client,
        key,
        "A-1",
        decided(client, key, a.shown_pass(resident, RENTAL), RENTAL)["context"]["decision_id"],
    )
    assert decided(client, key, a.shown_pass(resident, RENTAL), RENTAL)["context"]["code"] == "QUOTA_USED_UP"

    client.post("/v1/merchant/orders/A-1/cancel", headers=key)

    assert decided(client, key, a.shown_pass(resident, RENTAL), RENTAL)["decision"] is True


@pytest.mark.parametrize("number", ["", "a" * 33, "中文", "a b", "a\x00"])
def test_an_order_number_of_another_form_is_refused(client: FlaskClient, a: Builders, number: str) -> None:
    key = bearer(client, a.merchant(BIKE))

    answer = opened(client, key, number, "d1")

    assert (answer.status_code, answer.mimetype) == (422, "application/problem+json")


def test_that_nobody_came_is_said_over_http_and_another_merchant_learns_nothing(
    client: FlaskClient, a: Builders, clock: Clock
) -> None:
    key, other = bearer(client, a.merchant(BIKE)), bearer(client, a.merchant(BIKE))
    decision = decided(client, key, a.shown_pass(good_resident(a), BIKE))["context"]["decision_id"]
    until = (clock.now + timedelta(minutes=30)).isoformat()
    body = {"out_order_no": "A-1", "decision_id": decision, "held_until": until}
    assert client.post("/v1/merchant/orders", json=body, headers=key).status_code == 201

    early = client.post("/v1/merchant/orders/A-1/no-show", headers=key)
    clock.forward(minutes=31)
    strange = client.post("/v1/merchant/orders/A-1/no-show", headers=other)
    said = client.post("/v1/merchant/orders/A-1/no-show", headers=key)

    assert (early.status_code, early.get_json()["code"]) == (409, "NO_SHOW_TOO_EARLY")
    assert (strange.status_code, strange.get_json()["code"]) == (404, "ORDER_NOT_FOUND")
    assert (said.status_code, said.get_json()["no_show_on"]) == (200, "2026-11-20")
