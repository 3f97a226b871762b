"""A client authenticates with its own key as RFC 7523 says, and an assertion serves once."""

from __future__ import annotations

import threading
import warnings
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from authlib.deprecate import AuthlibDeprecationWarning
from authlib.oauth2.rfc7523 import PrivateKeyJWT
from flask import Flask
from flask.testing import FlaskClient
from joserfc.jwk import ECKey, OctKey

from haihe.storage.db import db
from haihe.usecases.client_registrations import Registration, change_client
from haihe.usecases.context import Context
from haihe.usecases.oauth_clients import revoke_client
from tests.builders import Builders
from tests.conftest import Clock
from tests.web.merchant.standard import ASSERTION_TYPE, KEYS, Shop, is_error, open_shop, public_keys

with warnings.catch_warnings():
    # Authlib announces a successor to httpx; the client is the same.
    warnings.simplefilter("ignore", AuthlibDeprecationWarning)
    from authlib.integrations.httpx_client import OAuth2Client

TOKEN = "/oauth/token"


@pytest.fixture
def shop(client: FlaskClient, ctx: Context, a: Builders) -> Shop:
    """A merchant whose client has a key of every kind."""
    return open_shop(client, ctx, a, auth_method="private_key_jwt", jwks=public_keys())


def ask(shop: Shop, assertion: str, **more: str) -> Any:
    form = {
        "grant_type": "client_credentials",
        "client_assertion_type": ASSERTION_TYPE,
        "client_assertion": assertion,
        **more,
    }
    return shop.http.post(TOKEN, data=form)


@pytest.mark.filterwarnings("ignore:EdDSA is deprecated")
@pytest.mark.parametrize("alg", KEYS)
@pytest.mark.parametrize("by_kid", [True, False])
def test_a_standard_client_authenticates_with_its_key(
    app: Flask, ctx: Context, client: FlaskClient, a: Builders, clock: Clock, alg: str, by_kid: bool
) -> None:
    shop = open_shop(client, ctx, a, auth_method="private_key_jwt", jwks=public_keys(alg))
    # The standard client reads the real clock, and writes an hour into `exp` unless it is told otherwise.
    clock.now = datetime.now(UTC)
    header = {"kid": KEYS[alg].kid} if by_kid else None
    with OAuth2Client(
        shop.client_id,
        KEYS[alg],
        token_endpoint_auth_method="private_key_jwt",
        transport=httpx.WSGITransport(app=app),
    ) as standard_client:
        standard_client.register_client_auth_method(PrivateKeyJWT(alg=alg, headers=header))
        endpoint = f"{ctx.base_url}{TOKEN}"
        for _ in range(2):
            token = standard_client.fetch_token(endpoint, grant_type="client_credentials")

    assert shop.door(token["access_token"]).status_code == 404


def test_an_assertion_serves_once(shop: Shop) -> None:
    assertion = shop.assertion()

    assert ask(shop, assertion).status_code == 200
    is_error(ask(shop, assertion), 401, "invalid_client")
    assert ask(shop, shop.assertion()).status_code == 200


def test_of_two_that_come_at_once_one_is_the_first(app: Flask, shop: Shop) -> None:
    assertion, statuses, together = shop.assertion(), [], threading.Barrier(4)

    def one() -> None:
        with app.app_context():
            together.wait()
            statuses.append(ask(Shop(app.test_client(), shop.ctx, "", 0, None), assertion).status_code)
            db.session.remove()

    threads = [threading.Thread(target=one) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [200, 401, 401, 401]


def test_an_assertion_cannot_come_back_when_it_has_been_forgotten(shop: Shop, clock: Clock) -> None:
    now = int(clock.now.timestamp())
    assertion = shop.assertion(exp=now + 3600)
    assert ask(shop, assertion).status_code == 200

    for _ in range(8):
        clock.forward(seconds=60)
        is_error(ask(shop, assertion), 401, "invalid_client")


@pytest.mark.parametrize(
    "audience", ["", TOKEN, [""], ["", TOKEN]], ids=["issuer", "endpoint", "list", "both"]
)
def test_the_audience_is_our_issuer_or_token_endpoint(shop: Shop, audience: str | list[str]) -> None:
    base = shop.ctx.base_url
    named = [base + one for one in audience] if isinstance(audience, list) else base + audience

    assert ask(shop, shop.assertion(aud=named)).status_code == 200


@pytest.mark.parametrize(
    "wrong",
    [
        {"iss": "somebody-else"},
        {"iss": None},
        {"aud": "https://elsewhere.example"},
        {"aud": None},
        {"aud": []},
        {"aud": 7},
        {"aud": ["https://elsewhere.example"]},
        {"jti": None},
        {"jti": ""},
        {"jti": 7},
        {"jti": "x" * 300},
        {"exp": None},
        {"exp": "soon"},
        {"exp": True},
        {"exp": -1},
        {"iat": "now"},
    ],
)
def test_a_wrong_claim_is_an_invalid_client_and_is_told_to_the_owner_of_the_key(
    shop: Shop, wrong: dict[str, Any]
) -> None:
    answer = ask(shop, shop.assertion(**wrong))

    is_error(answer, 401, "invalid_client")
    assert "Client authentication failed" not in answer.get_json()["error_description"]


@pytest.mark.parametrize(
    ("iat", "exp", "nbf", "good"),
    [
        (0, 60, None, True),
        (0, 3600, None, True),
        (20, 60, None, True),
        (-299, 3600, None, True),
        (None, 300, None, True),
        (0, 60, 20, True),
        (0, 0, None, False),
        (-400, 60, None, False),
        (60, 120, None, False),
        (None, 3600, None, False),
        (0, 60, 60, False),
    ],
)
def test_an_assertion_is_fresh(shop: Shop, iat: int | None, exp: int, nbf: int | None, good: bool) -> None:
    now = int(shop.ctx.now().timestamp())
    times = {
        name: None if value is None else now + value
        for name, value in {"iat": iat, "exp": exp, "nbf": nbf}.items()
    }

    assert (ask(shop, shop.assertion(**times)).status_code == 200) is good


def test_who_cannot_sign_with_a_registered_key_is_told_nothing(
    shop: Shop, ctx: Context, client: FlaskClient, a: Builders
) -> None:
    revoked = open_shop(client, ctx, a, auth_method="private_key_jwt", jwks=public_keys())
    revoke_client(ctx, revoked.client_id, ctx.now(), "test")
    by_secret = open_shop(client, ctx, a)
    stranger = ECKey.generate_key("P-256", {"kid": "ec"})
    good = shop.assertion()
    head, body, _signature = good.split(".")
    tried = [
        shop.assertion(stranger),
        shop.assertion(ECKey.generate_key("P-256", {"kid": "other"})),
        shop.assertion(sub="m-unknown", iss="m-unknown"),
        shop.assertion(sub=None),
        shop.assertion(sub=7),
        revoked.assertion(),
        by_secret.assertion(),
        shop.assertion(OctKey.generate_key(256), "HS256"),
        f"{head}.{body}.",
        f"{head}.{body}",
        good[:-4] + "AAAA",
        "x",
        "..",
        "x" * 9000,
        "海河分",
    ]

    answers = [ask(shop, one) for one in tried]

    for answer in answers:
        is_error(answer, 401, "invalid_client")
        answer.headers.remove("X-Request-ID")
    assert len({(answer.get_data(), str(answer.headers)) for answer in answers}) == 1


def test_a_client_authenticates_in_one_way_and_the_one_it_registered(
    shop: Shop, client: FlaskClient, ctx: Context, a: Builders
) -> None:
    by_secret = open_shop(client, ctx, a)
    twice = {"client_assertion_type": ASSERTION_TYPE, "client_assertion": shop.assertion()}
    is_error(by_secret.token(**twice), 400, "invalid_request")
    is_error(ask(shop, shop.assertion(), client_id="somebody-else"), 400, "invalid_request")
    is_error(ask(shop, shop.assertion(), client_secret="x"), 400, "invalid_request")
    is_error(ask(shop, shop.assertion(), client_assertion_type="urn:other"), 401, "invalid_client")
    assert ask(shop, shop.assertion(), client_id=shop.client_id).status_code == 200

    assertion = shop.assertion()
    change_client(ctx, shop.client_id, Registration("client_secret_basic", ("check",)), ctx.now(), "test")
    is_error(ask(shop, assertion), 401, "invalid_client")
