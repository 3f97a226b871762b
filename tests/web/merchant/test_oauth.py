"""A machine gets its token as RFC 6749 says, and anybody can verify it as RFC 9068 says."""

from __future__ import annotations

import base64
import json
import re
import warnings
from typing import Any

import httpx
import pytest
from authlib.deprecate import AuthlibDeprecationWarning
from authlib.integrations.base_client import OAuthError
from authlib.oauth2.rfc8414 import AuthorizationServerMetadata
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import update
from werkzeug.test import TestResponse

from haihe.storage.db import db, transaction
from haihe.storage.partners import Merchant, OAuthClient
from haihe.usecases.context import Context
from haihe.usecases.oauth_clients import revoke_client
from tests.builders import Builders, MerchantClient
from tests.conftest import Clock

with warnings.catch_warnings():
    # Authlib announces a successor to httpx; the client is the same.
    warnings.simplefilter("ignore", AuthlibDeprecationWarning)
    from authlib.integrations.httpx_client import OAuth2Client

TOKEN = "/oauth/token"
GRANT = {"grant_type": "client_credentials"}
RFC_6749_ERRORS = {
    "invalid_request",
    "invalid_client",
    "invalid_grant",
    "unauthorized_client",
    "unsupported_grant_type",
    "invalid_scope",
}


def basic(client_id: str, client_secret: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{client_id}:{client_secret}".encode()).decode()}


def ask(client: FlaskClient, merchant: MerchantClient, **parameters: str) -> TestResponse:
    credentials = basic(merchant.client_id, merchant.client_secret)
    return client.post(TOKEN, data={**GRANT, **parameters}, headers=credentials)


def segment(token: str, number: int) -> bytes:
    part = token.split(".")[number]
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def is_refused(answer: TestResponse, status: int, error: str) -> None:
    assert (answer.status_code, answer.get_json()["error"]) == (status, error)
    assert answer.mimetype == "application/json"
    assert answer.headers["Cache-Control"] == "no-store"
    challenge = answer.headers.get("WWW-Authenticate", "")
    assert challenge.startswith('Basic realm="') if status == 401 else not challenge


def test_a_standard_client_gets_a_token_and_is_let_in_with_it(app: Flask, ctx: Context, a: Builders) -> None:
    merchant = a.merchant("XYZ-07")
    with OAuth2Client(
        merchant.client_id,
        merchant.client_secret,
        scope="order",
        token_endpoint=f"{ctx.base_url}/oauth/token",
        grant_type="client_credentials",
        transport=httpx.WSGITransport(app=app),
        base_url=ctx.base_url,
    ) as standard_client:
        token = standard_client.fetch_token()

        assert token["token_type"] == "Bearer"
        assert token["scope"] == "order"
        assert token["expires_in"] == 3600
        assert standard_client.get("/v1/merchant/orders/none").status_code == 404


def test_a_standard_client_understands_a_refusal(app: Flask, ctx: Context, a: Builders) -> None:
    with (
        OAuth2Client("nobody", "nothing", transport=httpx.WSGITransport(app=app)) as standard_client,
        pytest.raises(OAuthError) as refused,
    ):
        standard_client.fetch_token(f"{ctx.base_url}/oauth/token", grant_type="client_credentials")

    assert refused.value.error == "invalid_client"


def test_the_token_is_what_rfc_9068_says(
    client: FlaskClient, ctx: Context, a: Builders, clock: Clock
) -> None:
    merchant = a.merchant("XYZ-07")
    tokens = [ask(client, merchant).get_json()["access_token"] for _ in range(2)]
    header, claims = json.loads(segment(tokens[0], 0)), json.loads(segment(tokens[0], 1))
    jti = claims.pop("jti")

    assert header.keys() == {"alg", "typ", "kid"}
    assert (header["alg"], header["typ"]) == ("ES256", "at+jwt")
    now = int(clock.now.timestamp())
    assert claims == {
        "iss": ctx.base_url,
        "aud": ctx.base_url,
        "sub": merchant.client_id,
        "client_id": merchant.client_id,
        "iat": now,
        "exp": now + 3600,
        "scope": "check order",
    }
    assert jti != json.loads(segment(tokens[1], 1))["jti"]


def test_the_published_key_verifies_the_token_and_not_a_changed_one(client: FlaskClient, a: Builders) -> None:
    token = ask(client, a.merchant("XYZ-07")).get_json()["access_token"]
    answer = client.get("/oauth/jwks")
    (jwk,) = answer.get_json()["keys"]
    x, y = (int.from_bytes(segment(jwk[name], 0), "big") for name in ("x", "y"))
    # Verified by cryptography alone, from the numbers in the key set: a path that shares nothing with ours.
    key = ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()
    raw = segment(token, 2)
    signature = encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
    signed = token.rpartition(".")[0].encode()

    key.verify(signature, signed, ec.ECDSA(SHA256()))
    with pytest.raises(InvalidSignature):
        key.verify(signature, signed + b"A", ec.ECDSA(SHA256()))
    assert jwk["kid"] == json.loads(segment(token, 0))["kid"]
    assert (jwk["kty"], jwk["crv"], jwk["alg"], jwk["use"]) == ("EC", "P-256", "ES256", "sig")
    assert "d" not in jwk
    assert answer.mimetype == "application/jwk-set+json"


def test_the_key_set_is_there_before_the_first_token(client: FlaskClient, a: Builders) -> None:
    merchant = a.merchant("XYZ-07")
    (before,) = client.get("/oauth/jwks").get_json()["keys"]

    token = ask(client, merchant).get_json()["access_token"]

    assert json.loads(segment(token, 0))["kid"] == before["kid"]


def test_the_metadata_names_only_what_is_there(client: FlaskClient, ctx: Context, app: Flask) -> None:
    answer = client.get("/.well-known/oauth-authorization-server")
    told = AuthorizationServerMetadata(answer.get_json())
    routes = {rule.rule for rule in app.url_map.iter_rules()}

    assert answer.mimetype == "application/json"
    assert told["issuer"] == ctx.base_url
    for name, value in told.items():
        if name.endswith(("_endpoint", "_uri")):
            assert value.removeprefix(ctx.base_url) in routes
    told.validate()


@pytest.mark.parametrize(
    ("asked", "given"),
    [
        ("check", "check"),
        ("order check", "order check"),
        ("check check", "check"),
        ("", "check order"),
        (None, "check order"),
    ],
)
def test_a_client_gets_the_scopes_it_asked_for_or_all_of_its_own(
    client: FlaskClient, a: Builders, asked: str | None, given: str
) -> None:
    parameters = {} if asked is None else {"scope": asked}

    assert ask(client, a.merchant("XYZ-07"), **parameters).get_json()["scope"] == given


@pytest.mark.parametrize(
    "scope", ["records", "check records", "CHECK", " ", "check  order", "check\torder", "检"]
)
def test_a_scope_that_the_client_does_not_have_is_an_invalid_scope(
    client: FlaskClient, a: Builders, scope: str
) -> None:
    is_refused(ask(client, a.merchant("XYZ-07"), scope=scope), 400, "invalid_scope")


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ("", "invalid_request"),
        ("grant_type=", "invalid_request"),
        ("scope=check", "invalid_request"),
        ("grant_type=client_credentials&grant_type=client_credentials", "invalid_request"),
        ("grant_type=client_credentials&scope=check&scope=order", "invalid_request"),
        ("grant_type=client_credentials&client_secret=x", "invalid_request"),
        ("grant_type=client_credentials&client_assertion=x", "invalid_request"),
        ("grant_type=client_credentials&client_id=somebody-else", "invalid_request"),
        ("grant_type=password&username=a&password=b", "unsupported_grant_type"),
        ("grant_type=CLIENT_CREDENTIALS", "unsupported_grant_type"),
        ("grant_type=%22%5C%0A%E6%B5%B7", "unsupported_grant_type"),
        ("grant_type=%FF%FE", "unsupported_grant_type"),
    ],
)
def test_a_malformed_request_gets_the_error_that_rfc_6749_names(
    client: FlaskClient, a: Builders, body: str, error: str
) -> None:
    merchant = a.merchant("XYZ-07")
    form = "application/x-www-form-urlencoded"

    answer = client.post(
        TOKEN, data=body, content_type=form, headers=basic(merchant.client_id, merchant.client_secret)
    )

    is_refused(answer, 400, error)
    assert answer.get_json()["error_description"].isascii()
    assert re.search("[\u4e00-\u9fff]", answer.get_json()["hint"])


@pytest.mark.parametrize(
    "content_type", ["application/json", "multipart/form-data; boundary=b", "text/plain", None]
)
def test_a_body_that_is_not_a_form_is_an_invalid_request(
    client: FlaskClient, a: Builders, content_type: str | None
) -> None:
    merchant = a.merchant("XYZ-07")

    answer = client.post(
        TOKEN,
        data=b'{"grant_type": "client_credentials"}',
        content_type=content_type,
        headers=basic(merchant.client_id, merchant.client_secret),
    )

    is_refused(answer, 400, "invalid_request")


def test_parameters_in_the_address_do_not_count(client: FlaskClient, a: Builders) -> None:
    merchant = a.merchant("XYZ-07")
    credentials = basic(merchant.client_id, merchant.client_secret)
    form = "application/x-www-form-urlencoded"

    answer = client.post(f"{TOKEN}?grant_type=client_credentials", content_type=form, headers=credentials)

    is_refused(answer, 400, "invalid_request")


def test_a_token_is_only_given_to_a_post(client: FlaskClient) -> None:
    assert client.get(f"{TOKEN}?grant_type=client_credentials").status_code == 405


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "Basic",
        "Basic ",
        "Basic !!!",
        "Basic " + base64.b64encode(b"no-colon").decode(),
        "Basic " + base64.b64encode(b":").decode(),
        "Basic " + base64.b64encode(b"\xff\xfe:\xff").decode(),
        "Basic " + base64.b64encode(b"a\x00b:secret").decode(),
        "Basic " + base64.b64encode(b"%00:%00").decode(),
        "Basic \xe4\xb8\xad",
        "Bearer abc",
        "Negotiate abc",
    ],
)
def test_bad_client_authentication_is_401_with_a_basic_challenge(
    client: FlaskClient, header: str | None
) -> None:
    given_header = {} if header is None else {"HTTP_AUTHORIZATION": header}

    is_refused(client.post(TOKEN, data=GRANT, environ_overrides=given_header), 401, "invalid_client")


def test_unknown_wrong_revoked_and_suspended_look_alike(
    client: FlaskClient, ctx: Context, a: Builders
) -> None:
    wrong, revoked, suspended = a.merchant("XYZ-07"), a.merchant("XYZ-07"), a.merchant("XYZ-07")
    revoke_client(ctx, revoked.client_id, ctx.now(), "test")
    with transaction():
        db.session.execute(
            update(Merchant).where(Merchant.id == suspended.merchant_id).values(state="SUSPENDED")
        )
    credentials = [
        basic("m-unknown", "secret"),
        basic(wrong.client_id, "secret"),
        basic(revoked.client_id, revoked.client_secret),
        basic(suspended.client_id, suspended.client_secret),
    ]

    answers = [client.post(TOKEN, data=GRANT, headers=shown) for shown in credentials]

    for answer in answers:
        is_refused(answer, 401, "invalid_client")
        answer.headers.remove("X-Request-ID")
    assert len({(answer.get_data(), str(answer.headers)) for answer in answers}) == 1


def test_a_department_has_tokens_of_its_own(client: FlaskClient, a: Builders) -> None:
    merchant = a.merchant()
    source = a.source()
    with transaction():
        db.session.execute(
            update(OAuthClient)
            .where(OAuthClient.client_id == merchant.client_id)
            .values(merchant_id=None, source=source, scopes=["records"])
        )

    assert ask(client, merchant).get_json()["scope"] == "records"


def test_an_invented_host_name_changes_nothing(client: FlaskClient, ctx: Context, a: Builders) -> None:
    merchant = a.merchant("XYZ-07")
    credentials = basic(merchant.client_id, merchant.client_secret)

    answer = client.post(TOKEN, data=GRANT, headers=credentials, base_url="http://elsewhere.example")

    assert json.loads(segment(answer.get_json()["access_token"], 1))["iss"] == ctx.base_url


AUTHORIZATION = st.one_of(
    st.none(),
    st.binary(max_size=60).map(lambda raw: "Basic " + base64.b64encode(raw).decode()),
    st.text(st.characters(max_codepoint=255), max_size=60),
    st.text(st.characters(max_codepoint=255), max_size=60).map("Basic ".__add__),
)
CONTENT_TYPES = st.sampled_from(
    ["application/x-www-form-urlencoded", "application/json", "multipart/form-data; boundary=x", "x", ""]
)
BODIES = st.one_of(
    st.binary(max_size=200),
    st.lists(
        st.tuples(
            st.sampled_from(["grant_type", "scope", "client_id", "client_secret", "resource", "\x00"]),
            st.one_of(st.sampled_from(["client_credentials", "check", ""]), st.text(max_size=20)),
        ),
        max_size=4,
    ).map(lambda pairs: httpx.QueryParams(pairs).__str__().encode()),
)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(authorization=AUTHORIZATION, content_type=CONTENT_TYPES, body=BODIES, known=st.booleans())
@example(
    authorization=None, content_type="application/x-www-form-urlencoded", body=b"grant_type=%00", known=True
)
def test_whatever_is_sent_gets_an_answer_of_rfc_6749(
    client: FlaskClient, a: Builders, authorization: str | None, content_type: str, body: bytes, known: bool
) -> None:
    environ: dict[str, Any] = {"CONTENT_TYPE": content_type}
    if known:
        merchant = _kept_merchant(a)
        authorization = basic(merchant.client_id, merchant.client_secret)["Authorization"]
    if authorization is not None:
        environ["HTTP_AUTHORIZATION"] = authorization

    answer = client.post(TOKEN, data=body, environ_overrides=environ)

    told = answer.get_json()
    assert answer.status_code in (200, 400, 401)
    assert answer.headers["Cache-Control"] == "no-store"
    assert "access_token" in told if answer.status_code == 200 else told["error"] in RFC_6749_ERRORS


def _kept_merchant(a: Builders) -> MerchantClient:
    """One merchant for all the examples of a property."""
    kept: MerchantClient | None = getattr(a, "kept", None)
    if kept is None:
        kept = a.kept = a.merchant("XYZ-07")  # type: ignore[attr-defined]
    return kept
