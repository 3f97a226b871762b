"""Notices over HTTP: endpoints, the log of deliveries, and a receiver as a merchant's engineer would write one."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from joserfc.jwk import ECKey, KeySet, RSAKey

from haihe.outside.webhooks import WebhookSender
from haihe.storage.db import transaction
from haihe.usecases.context import Context
from haihe.usecases.telling_merchants import tell_merchant
from haihe.usecases.webhook_endpoints import MOST_ENDPOINTS, register_webhook_host, withdraw_webhook_host
from haihe.web.context import EXTENSION
from tests.builders import Builders, MerchantClient
from tests.receiver import Receiver, receiver
from tests.usecases.test_deliver_events import deliver
from tests.usecases.test_telling_merchants import order_of
from tests.web.merchant.test_orders import bearer

WEBHOOKS = "/v1/merchant/webhooks"
EXAMPLE = Path(__file__).parents[3] / "docs" / "examples" / "notice_receiver.py"
HOOK = "https://pay.example.cn/hook"


@pytest.fixture
def merchant(a: Builders, ctx: Context) -> MerchantClient:
    made = a.merchant("XYZ-07", scopes=("webhook",))
    register_webhook_host(made.merchant_id, "pay.example.cn", "test", ctx.now())
    return made


@pytest.fixture
def key(client: FlaskClient, merchant: MerchantClient) -> dict[str, str]:
    return bearer(client, merchant)


@pytest.fixture
def other(client: FlaskClient, a: Builders) -> dict[str, str]:
    return bearer(client, a.merchant("XYZ-07", scopes=("webhook",)))


@pytest.fixture
def local(app: Flask, ctx: Context) -> Iterator[Context]:
    """The whole application with local development switched on."""
    sender = WebhookSender(local_allowed=True)
    changed = replace(ctx, messenger=sender)
    app.extensions[EXTENSION] = changed
    yield changed
    app.extensions[EXTENSION] = ctx
    sender.close()


@pytest.fixture
def server() -> Iterator[Receiver]:
    with receiver() as held:
        yield held


def test_an_endpoint_is_registered_changed_and_deleted(client: FlaskClient, key: dict[str, str]) -> None:
    made = client.post(WEBHOOKS, json={"url": HOOK}, headers=key)
    again = client.post(WEBHOOKS, json={"url": "https://PAY.example.cn:443/hook"}, headers=key)
    one = f"{WEBHOOKS}/{made.get_json()['id']}"
    changed = client.put(one, json={"url": "https://pay.example.cn/other"}, headers=key)

    assert (made.status_code, again.status_code, changed.status_code) == (201, 201, 200)
    assert again.get_json() == made.get_json()
    assert client.get(WEBHOOKS, headers=key).get_json()["items"] == [changed.get_json()]
    assert client.delete(one, headers=key).status_code == 204
    assert client.get(one, headers=key).status_code == 404
    assert client.get(WEBHOOKS, headers=key).get_json()["items"] == []


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("https://elsewhere.example.cn/hook", "WEBHOOK_HOST_NOT_REGISTERED"),
        ("https://pay.example.cn:8443/hook", "WEBHOOK_HOST_NOT_REGISTERED"),
        ("https://pay.example.cn.evil.cn/hook", "WEBHOOK_HOST_NOT_REGISTERED"),
        ("http://pay.example.cn/hook", "WEBHOOK_URL_INVALID"),
        ("http://127.0.0.1/hook", "WEBHOOK_URL_INVALID"),
        ("https://pay.example.cn/hook?a=1", "WEBHOOK_URL_INVALID"),
        ("", "REQUEST_INVALID"),
        (7, "REQUEST_INVALID"),
    ],
)
def test_an_address_that_may_not_be_is_refused(
    client: FlaskClient, key: dict[str, str], url: Any, code: str
) -> None:
    answer = client.post(WEBHOOKS, json={"url": url}, headers=key)
    assert (answer.status_code, answer.get_json()["code"]) == (422, code)


EC, RSA = ECKey.generate_key("P-256"), RSAKey.generate_key(2048)


@pytest.mark.parametrize(
    "jwk",
    [
        {},
        {"kty": "oct", "k": "AAAA"},
        {"kty": "EC"},
        {"kty": ["EC"]},
        EC.as_dict(private=True),
        {**EC.as_dict(private=False), "use": "sig"},
        {**EC.as_dict(private=False), "x": "AAAA"},
        {**EC.as_dict(private=False), "y": EC.as_dict(private=False)["x"]},
        {**EC.as_dict(private=False), "crv": "P-999"},
        {**EC.as_dict(private=False), "kid": 7},
        ECKey.generate_key("secp256k1").as_dict(private=False),
        {**RSA.as_dict(private=False), "n": RSA.as_dict(private=False)["n"][:171]},
        {**RSA.as_dict(private=False), "n": 7},
        {**RSA.as_dict(private=False), "e": ""},
        {**RSA.as_dict(private=False), "x5c": []},
    ],
)
def test_a_key_that_is_no_good_public_key_is_refused(
    client: FlaskClient, key: dict[str, str], jwk: dict[str, Any]
) -> None:
    answer = client.post(WEBHOOKS, json={"url": HOOK, "encryption_key": jwk}, headers=key)
    assert (answer.status_code, answer.get_json()["code"]) == (422, "ENCRYPTION_KEY_INVALID")


def test_there_is_an_end_to_endpoints_and_one_address_is_one_endpoint(
    client: FlaskClient, key: dict[str, str]
) -> None:
    for n in range(MOST_ENDPOINTS):
        client.post(WEBHOOKS, json={"url": f"{HOOK}/{n}"}, headers=key)
    first = client.get(WEBHOOKS, headers=key).get_json()["items"][0]["id"]
    jwk = {**EC.as_dict(private=False)}

    many = client.post(WEBHOOKS, json={"url": HOOK}, headers=key)
    same = client.post(WEBHOOKS, json={"url": f"{HOOK}/0", "encryption_key": jwk}, headers=key)
    onto = client.put(f"{WEBHOOKS}/{first}", json={"url": f"{HOOK}/1"}, headers=key)

    assert (many.status_code, many.get_json()["code"]) == (409, "WEBHOOKS_TOO_MANY")
    assert (same.status_code, same.get_json()["code"]) == (409, "WEBHOOK_URL_USED")
    assert (onto.status_code, onto.get_json()["code"]) == (409, "WEBHOOK_URL_USED")


def test_another_merchants_endpoints_and_deliveries_do_not_exist(
    client: FlaskClient, key: dict[str, str], other: dict[str, str]
) -> None:
    one = f"{WEBHOOKS}/{client.post(WEBHOOKS, json={'url': HOOK}, headers=key).get_json()['id']}"
    sent = f"{WEBHOOKS}/deliveries/{client.post(f'{one}/test', headers=key).get_json()['id']}"
    none = f"{WEBHOOKS}/999999"

    for method, path, nobody in (
        ("GET", one, none),
        ("DELETE", one, none),
        ("POST", f"{one}/test", f"{none}/test"),
        ("GET", sent, f"{WEBHOOKS}/deliveries/999999"),
        ("POST", f"{sent}/replay", f"{WEBHOOKS}/deliveries/999999/replay"),
    ):
        theirs = client.open(path, method=method, headers=other)
        nothing = client.open(nobody, method=method, headers=other)
        assert theirs.status_code == 404
        assert theirs.get_json() == nothing.get_json()
    assert client.get(f"{WEBHOOKS}/deliveries", headers=other).get_json()["items"] == []
    assert client.get(sent, headers=key).status_code == 200


def test_without_the_scope_the_door_stays_shut(client: FlaskClient, a: Builders) -> None:
    answer = client.get(WEBHOOKS, headers=bearer(client, a.merchant("XYZ-07", scopes=("order",))))
    assert (answer.status_code, answer.get_json()["code"]) == (403, "INSUFFICIENT_SCOPE")


def test_a_test_event_is_delivered_logged_and_replayed_under_the_same_id(
    client: FlaskClient, key: dict[str, str], local: Context, server: Receiver
) -> None:
    one = client.post(WEBHOOKS, json={"url": server.url}, headers=key).get_json()["id"]

    first = client.post(f"{WEBHOOKS}/{one}/test", headers=key)
    twice = client.post(f"{WEBHOOKS}/{one}/test", headers=key)
    deliver(local)
    again = client.post(f"{WEBHOOKS}/deliveries/{first.get_json()['id']}/replay", headers=key)
    deliver(local)

    assert (first.status_code, twice.status_code, again.status_code) == (202, 409, 202)
    assert [e["type"] for e in server.events] == ["webhook.test"] * 2
    assert server.events[0] == server.events[1]
    log = client.get(f"{WEBHOOKS}/deliveries", headers=key).get_json()["items"]
    assert [(d["replay"], d["state"], d["event_id"]) for d in log] == [
        (True, "DELIVERED", server.events[0]["id"]),
        (False, "DELIVERED", server.events[0]["id"]),
    ]
    assert [(t["status"], t["failure"], t["excerpt"]) for t in log[0]["attempts"]] == [(200, None, "ok")]


def test_the_log_is_narrowed_by_order_and_state_and_read_page_by_page(
    client: FlaskClient,
    key: dict[str, str],
    merchant: MerchantClient,
    local: Context,
    a: Builders,
    server: Receiver,
) -> None:
    client.post(WEBHOOKS, json={"url": server.url}, headers=key)
    orders = [order_of(local, merchant.merchant_id, a.resident(), f"A-{n}") for n in range(2)]
    for n in range(60):
        with transaction():
            tell_merchant(orders[n % 2], "order.changed", local.now())
    path = f"{WEBHOOKS}/deliveries"

    first = client.get(path, headers=key).get_json()
    rest = client.get(path, query_string={"before": first["next_before"]}, headers=key).get_json()
    narrow = client.get(path, query_string={"out_order_no": "A-1", "state": "WAITING"}, headers=key)

    assert (len(first["items"]), len(rest["items"]), rest["next_before"]) == (50, 10, None)
    assert {d["out_order_no"] for d in narrow.get_json()["items"]} == {"A-1"}
    assert client.get(path, query_string={"state": "LOST"}, headers=key).status_code == 422
    assert client.get(path, query_string={"before": "0"}, headers=key).status_code == 422


def example() -> Any:
    spec = importlib.util.spec_from_file_location("notice_receiver", EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_example_receiver_opens_what_we_send_and_nothing_else(
    client: FlaskClient, key: dict[str, str], local: Context, server: Receiver
) -> None:
    one = client.post(WEBHOOKS, json={"url": server.url}, headers=key).get_json()["id"]
    client.post(f"{WEBHOOKS}/{one}/test", headers=key)
    deliver(local)
    (headers, body) = server.got[0]
    keys = KeySet.import_key_set(client.get("/v1/notice-keys").get_json())
    opened, now = example().open_notice, local.now().timestamp()

    assert opened("POST", headers["host"], "/hook", headers, body, keys, now=now)["type"] == "webhook.test"
    for wrong in (
        ("POST", headers["host"], "/hook", headers, body + b" "),
        ("PUT", headers["host"], "/hook", headers, body),
        ("POST", "elsewhere.cn", "/hook", headers, body),
        ("POST", headers["host"], "/other", headers, body),
        ("POST", headers["host"], "/hook", {**headers, "haihe-event-id": "evt_0"}, body),
        ("POST", headers["host"], "/hook", {**headers, "content-type": "text/plain"}, body),
        ("POST", headers["host"], "/hook", {**headers, "signature-input": "haihe=()"}, body),
    ):
        with pytest.raises(ValueError, match=r"."):
            opened(*wrong, keys, now=now)
    with pytest.raises(ValueError, match="五分钟"):
        opened("POST", headers["host"], "/hook", headers, body, keys, now=now + 301)


@pytest.mark.parametrize("private", [EC, RSA], ids=["EC", "RSA"])
def test_a_sealed_notice_is_opened_with_the_merchants_own_key(
    client: FlaskClient, key: dict[str, str], local: Context, server: Receiver, private: ECKey | RSAKey
) -> None:
    jwk = {**private.as_dict(private=False), "kid": "mine-1"}
    made = client.post(WEBHOOKS, json={"url": server.url, "encryption_key": jwk}, headers=key)
    client.post(f"{WEBHOOKS}/{made.get_json()['id']}/test", headers=key)
    deliver(local)
    headers, body = server.got[0]
    keys = KeySet.import_key_set(client.get("/v1/notice-keys").get_json())

    assert headers["content-type"] == "application/jose"
    assert b"webhook.test" not in body
    event = example().open_notice(
        "POST", headers["host"], "/hook", headers, body, keys, private, now=local.now().timestamp()
    )
    assert event["type"] == "webhook.test"


def test_a_host_that_was_withdrawn_can_be_registered_no_more(
    client: FlaskClient, key: dict[str, str], merchant: MerchantClient, ctx: Context
) -> None:
    withdraw_webhook_host(merchant.merchant_id, "pay.example.cn", "test", ctx.now())

    answer = client.post(WEBHOOKS, json={"url": HOOK}, headers=key)

    assert answer.get_json()["code"] == "WEBHOOK_HOST_NOT_REGISTERED"
