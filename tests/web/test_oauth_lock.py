"""A machine door opens to a valid access token of a client in good standing, and to nothing else."""

from __future__ import annotations

import base64
import dataclasses
import hmac
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey
from joserfc.jws import JWSRegistry
from sqlalchemy import event, func, select, update
from werkzeug.test import TestResponse

from haihe.app import create_app
from haihe.config import read_settings
from haihe.domain.errors import Unauthenticated
from haihe.storage.audit import AuditEntry
from haihe.storage.copies import next_generation
from haihe.storage.db import db, transaction
from haihe.storage.partners import Merchant, OAuthClient, SigningKey
from haihe.usecases.context import Context, day_of
from haihe.usecases.oauth_clients import revoke_client
from haihe.usecases.publish_rules import configuration_changed
from haihe.usecases.rules_in_force import RulesInForce
from haihe.usecases.signing_keys import rotate_signing_key, signing_key
from haihe.usecases.token_keys import SETTLES, TOKEN_LIVES
from haihe.web.oauth_lock import VerifiedTokens, partner_of, require_partner, verified_token
from tests.builders import Builders, MerchantClient
from tests.conftest import Clock

DOOR = "/v1/merchant/orders/none"
OPENS = 404
INVALID_TOKEN = 'Bearer realm="haihe", error="invalid_token"'


def encoded(part: object) -> str:
    raw = part if isinstance(part, bytes) else json.dumps(part).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


class Forger:
    """Makes tokens that are right in everything but what a test changes; None takes a member away."""

    def __init__(self, ctx: Context, merchant: MerchantClient) -> None:
        self.ctx = ctx
        self.key = signing_key(ctx, ctx.now())
        now = int(ctx.now().timestamp())
        self.claims: dict[str, Any] = {
            "iss": ctx.base_url,
            "aud": ctx.base_url,
            "sub": merchant.client_id,
            "client_id": merchant.client_id,
            "iat": now,
            "exp": now + 3600,
            "jti": "j1",
            "scope": "check order",
        }
        self.header: dict[str, Any] = {"alg": "ES256", "typ": "at+jwt", "kid": self.key.kid}

    def token(self, header: dict[str, Any] | None = None, key: Any = None, **claims: Any) -> str:
        header, claims = self._changed(self.header, header or {}), self._changed(self.claims, claims)
        algorithms = ["ES256", "RS256", "ES384"]
        return jwt.encode(header, claims, key or self.key, algorithms=algorithms, default_type=None)

    def unsigned(self, alg: str, sign: Callable[[bytes], bytes]) -> str:
        text = f"{encoded({**self.header, 'alg': alg})}.{encoded(self.claims)}"
        return f"{text}.{encoded(sign(text.encode()))}"

    @staticmethod
    def _changed(members: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in {**members, **changes}.items() if value is not None}


@pytest.fixture
def merchant(a: Builders) -> MerchantClient:
    """A merchant in good standing."""
    return a.merchant("XYZ-07")


@pytest.fixture
def forger(ctx: Context, merchant: MerchantClient) -> Forger:
    """Somebody who holds our key."""
    return Forger(ctx, merchant)


@pytest.fixture
def other_worker(app: Flask, clock: Clock) -> Iterator[Flask]:
    """A second worker on the same database."""
    worker = create_app(read_settings(), now=clock)
    worker.testing = True
    yield worker
    with worker.app_context():
        db.session.remove()
        db.engine.dispose()


def knock(client: FlaskClient, token: str, scheme: str = "Bearer") -> TestResponse:
    return client.get(DOOR, environ_overrides={"HTTP_AUTHORIZATION": f"{scheme} {token}"})


def is_turned_away(answer: TestResponse, code: str, challenge: str) -> None:
    assert (answer.status_code, answer.get_json()["code"]) == (401, code)
    assert answer.mimetype == "application/problem+json"
    assert answer.headers["WWW-Authenticate"] == challenge


@contextmanager
def statements(app: Flask) -> Iterator[list[str]]:
    """The SQL that is sent meanwhile."""
    sent: list[str] = []

    def note(_conn: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        sent.append(statement)

    event.listen(db.engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        event.remove(db.engine, "before_cursor_execute", note)


def test_a_right_token_opens(client: FlaskClient, forger: Forger) -> None:
    assert knock(client, forger.token()).status_code == OPENS


@pytest.mark.parametrize("typ", ["at+jwt", "AT+JWT", "application/at+jwt"])
def test_the_media_type_of_an_access_token_opens(client: FlaskClient, forger: Forger, typ: str) -> None:
    assert knock(client, forger.token({"typ": typ})).status_code == OPENS


def test_an_audience_among_others_opens(client: FlaskClient, ctx: Context, forger: Forger) -> None:
    assert knock(client, forger.token(aud=["https://other.example", ctx.base_url])).status_code == OPENS


def test_the_scheme_may_be_written_in_any_case(client: FlaskClient, forger: Forger) -> None:
    assert knock(client, forger.token(), "bEARER").status_code == OPENS


def test_a_clock_a_few_seconds_behind_is_forgiven(client: FlaskClient, clock: Clock, forger: Forger) -> None:
    token = forger.token()
    clock.forward(seconds=-3)

    assert knock(client, token).status_code == OPENS


BAD_TOKENS: dict[str, Callable[[Forger], str]] = {
    "another issuer": lambda f: f.token(iss="https://elsewhere.example"),
    "no issuer": lambda f: f.token(iss=None),
    "another audience": lambda f: f.token(aud="https://elsewhere.example"),
    "no audience": lambda f: f.token(aud=None),
    "an empty audience": lambda f: f.token(aud=[]),
    "no typ": lambda f: f.token({"typ": None}),
    "typ JWT": lambda f: f.token({"typ": "JWT"}),
    "typ of another JWT profile": lambda f: f.token({"typ": "logout+jwt"}),
    "expired": lambda f: f.token(iat=f.claims["iat"] - 3700, exp=f.claims["iat"] - 100),
    "no exp": lambda f: f.token(exp=None),
    "exp as text": lambda f: f.token(exp="9999999999"),
    "living longer than any of ours": lambda f: f.token(exp=f.claims["iat"] + 3601),
    "issued in the future": lambda f: f.token(iat=f.claims["iat"] + 60, exp=f.claims["iat"] + 120),
    "not yet valid": lambda f: f.token(nbf=f.claims["iat"] + 60),
    "no iat": lambda f: f.token(iat=None),
    "no jti": lambda f: f.token(jti=None),
    "no sub": lambda f: f.token(sub=None),
    "no client_id": lambda f: f.token(client_id=None),
    "client_id not text": lambda f: f.token(client_id=7),
    "scope not text": lambda f: f.token(scope=["order"]),
    "an unknown client": lambda f: f.token(client_id="m-unknown"),
    "an unknown key": lambda f: f.token({"kid": "unknown"}),
    "no key id": lambda f: f.token({"kid": None}),
    "signed by another key": lambda f: f.token(key=ECKey.generate_key("P-256")),
    "ES384": lambda f: f.token({"alg": "ES384"}, key=ECKey.generate_key("P-384")),
    "RS256": lambda f: f.token({"alg": "RS256"}, key=RSAKey.generate_key(2048)),
    "a key of its own in the header": lambda f: _self_vouching(f),
    "an unknown critical extension": lambda f: _with_header(f, {"crit": ["haihe"], "haihe": 1}),
    "a malformed critical member": lambda f: _with_header(f, {"crit": 5}),
    "alg none": lambda f: f.unsigned("none", lambda _text: b""),
    "alg None": lambda f: f.unsigned("None", lambda _text: b""),
    "HS256 by the public key": lambda f: f.unsigned(
        "HS256", lambda text: _mac(f.key.as_pem(private=False), text)
    ),
    "HS256 by the empty key": lambda f: f.unsigned("HS256", lambda text: _mac(b"", text)),
    "no signature": lambda f: f.token().rpartition(".")[0] + ".",
    "an altered signature": lambda f: _altered(f.token(), 2),
    "altered claims": lambda f: _altered(f.token(), 1),
    "a zero signature": lambda f: f.token().rpartition(".")[0] + "." + encoded(bytes(64)),
    "claims that are no object": lambda f: _signed_text(f, b"[]"),
    "claims that are no JSON": lambda f: _signed_text(f, b"\xff"),
    "two parts": lambda f: f.token().rpartition(".")[0],
    "five parts": lambda f: f.token() + ".a.b",
    "a header that is a number": lambda f: f"{encoded(5)}.{encoded(f.claims)}.AAAA",
    "a header that is text": lambda f: f"{encoded('alg b64')}.{encoded(f.claims)}.AAAA",
    "a header whose alg is a list": lambda f: f"{encoded({'alg': ['ES256']})}.{encoded(f.claims)}.AAAA",
    "garbage": lambda _f: "garbage",
    "dots": lambda _f: "..",
    "two tokens": lambda f: f"{f.token()} {f.token()}",
    "not ASCII": lambda _f: "\xe4\xb8\xad.\xe4.\xe4",
    "absurdly long": lambda f: f.token() + "A" * 100_000,
    "deeply nested": lambda f: f"{encoded(b'[' * 3000)}.{encoded(b'[' * 3000)}.AAAA",
}


def _mac(key: bytes, text: bytes) -> bytes:
    return hmac.digest(key, text, "sha256")


def _altered(token: str, part: int) -> str:
    parts = token.split(".")
    middle = len(parts[part]) // 2
    parts[part] = (
        parts[part][:middle] + ("A" if parts[part][middle] != "A" else "B") + parts[part][middle + 1 :]
    )
    return ".".join(parts)


def _self_vouching(forger: Forger) -> str:
    own = ECKey.generate_key("P-256")
    return forger.token({"jwk": own.as_dict(private=False), "kid": own.thumbprint()}, key=own)


def _signed_text(forger: Forger, payload: bytes) -> str:
    return _sign(forger, forger.header, payload)


def _with_header(forger: Forger, header: dict[str, Any]) -> str:
    return _sign(forger, {**forger.header, **header}, json.dumps(forger.claims).encode())


def _sign(forger: Forger, header: dict[str, Any], payload: bytes) -> str:
    """Sign without joserfc's own checks of what it signs."""
    text = f"{encoded(header)}.{encoded(payload)}"
    signature = JWSRegistry(algorithms=["ES256"]).get_alg("ES256").sign(text.encode(), forger.key)
    return f"{text}.{encoded(signature)}"


@pytest.mark.parametrize("what", BAD_TOKENS)
def test_a_bad_token_does_not_open(client: FlaskClient, forger: Forger, what: str) -> None:
    token = BAD_TOKENS[what](forger)

    for _time in range(2):
        is_turned_away(knock(client, token), "TOKEN_INVALID", INVALID_TOKEN)


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer ", "Basic YTpi", "Hawk abc", "bearer\tabc"])
def test_without_a_bearer_token_no_error_is_named(client: FlaskClient, header: str | None) -> None:
    environ = {} if header is None else {"HTTP_AUTHORIZATION": header}

    is_turned_away(client.get(DOOR, environ_overrides=environ), "TOKEN_MISSING", 'Bearer realm="haihe"')


def test_a_token_in_the_address_does_not_count(client: FlaskClient, forger: Forger) -> None:
    answer = client.get(f"{DOOR}?access_token={forger.token()}")

    is_turned_away(answer, "TOKEN_MISSING", 'Bearer realm="haihe"')


def test_a_token_without_the_scope_is_403(client: FlaskClient, forger: Forger) -> None:
    for token in (forger.token(scope="check"), forger.token(scope=None), forger.token(scope="orders")):
        answer = knock(client, token)

        assert (answer.status_code, answer.get_json()["code"]) == (403, "INSUFFICIENT_SCOPE")
        assert answer.headers["WWW-Authenticate"] == 'Bearer realm="haihe", error="insufficient_scope"'


def test_a_scope_taken_from_the_client_is_gone_from_its_tokens(
    client: FlaskClient, ctx: Context, merchant: MerchantClient, forger: Forger
) -> None:
    token = forger.token()
    _change(ctx, update(OAuthClient).values(scopes=["check"]))

    assert knock(client, token).get_json()["code"] == "INSUFFICIENT_SCOPE"


def test_a_token_expires_though_it_is_remembered(client: FlaskClient, clock: Clock, forger: Forger) -> None:
    token = forger.token()
    assert knock(client, token).status_code == OPENS
    clock.forward(seconds=TOKEN_LIVES.total_seconds() - 1)
    assert knock(client, token).status_code == OPENS

    clock.forward(seconds=10)

    is_turned_away(knock(client, token), "TOKEN_INVALID", INVALID_TOKEN)


def test_a_revoked_client_is_turned_away_on_the_very_next_request_by_every_worker(
    client: FlaskClient, ctx: Context, other_worker: Flask, merchant: MerchantClient, forger: Forger
) -> None:
    token = forger.token()
    assert knock(client, token).status_code == OPENS
    assert knock(other_worker.test_client(), token).status_code == OPENS

    assert revoke_client(ctx, merchant.client_id, ctx.now(), "test")

    for worker in (client, other_worker.test_client()):
        answer = knock(worker, token)
        is_turned_away(answer, "TOKEN_INVALID", INVALID_TOKEN)


def test_a_suspended_merchant_is_turned_away(client: FlaskClient, ctx: Context, forger: Forger) -> None:
    token = forger.token()
    assert knock(client, token).status_code == OPENS

    _change(ctx, update(Merchant).values(state="SUSPENDED"))

    is_turned_away(knock(client, token), "TOKEN_INVALID", INVALID_TOKEN)


def test_revoking_twice_changes_nothing_and_is_on_record_once(ctx: Context, merchant: MerchantClient) -> None:
    assert revoke_client(ctx, merchant.client_id, ctx.now(), "test")
    assert not revoke_client(ctx, merchant.client_id, ctx.now(), "test")

    deeds = db.session.execute(select(AuditEntry.deed, AuditEntry.subject)).all()
    assert deeds.count(("revoke_client", merchant.client_id)) == 1


def test_tokens_of_the_old_key_open_until_they_expire_and_the_new_key_signs_meanwhile(
    client: FlaskClient, ctx: Context, clock: Clock, other_worker: Flask, merchant: MerchantClient
) -> None:
    old = Forger(ctx, merchant)
    clock.forward(days=30)
    rotate_signing_key(ctx, ctx.now(), "test")
    assert len(_published(client)) == 2
    assert signing_key(ctx, ctx.now()).kid == old.key.kid
    clock.forward(seconds=SETTLES.total_seconds())
    last_of_old = Forger(ctx, merchant)
    last_of_old.key, last_of_old.header = old.key, old.header
    new = Forger(ctx, merchant)

    assert new.key.kid != old.key.kid
    for worker in (client, other_worker.test_client()):
        assert knock(worker, last_of_old.token()).status_code == OPENS
        assert knock(worker, new.token()).status_code == OPENS
    clock.forward(seconds=TOKEN_LIVES.total_seconds() + 5)
    assert _published(client) == [new.key.kid]


def test_a_key_that_got_out_makes_no_tokens_once_it_is_long_retired(
    client: FlaskClient, ctx: Context, clock: Clock, merchant: MerchantClient
) -> None:
    leaked = Forger(ctx, merchant)
    rotate_signing_key(ctx, ctx.now(), "test")
    clock.forward(hours=2)
    later = Forger(ctx, merchant)
    later.key, later.header = leaked.key, leaked.header

    is_turned_away(knock(client, later.token()), "TOKEN_INVALID", INVALID_TOKEN)


def test_a_key_that_nothing_needs_any_more_is_deleted(
    ctx: Context, clock: Clock, merchant: MerchantClient
) -> None:
    first = signing_key(ctx, ctx.now()).kid
    rotate_signing_key(ctx, ctx.now(), "test")
    clock.forward(hours=2)
    rotate_signing_key(ctx, ctx.now(), "test")

    assert first not in set(db.session.execute(select(SigningKey.kid)).scalars())


def test_keys_rotated_twice_in_a_minute_still_sign_in_turn(
    ctx: Context, clock: Clock, merchant: MerchantClient
) -> None:
    first = signing_key(ctx, ctx.now()).kid
    clock.forward(seconds=30)
    second = rotate_signing_key(ctx, ctx.now(), "test")
    clock.forward(seconds=10)
    third = rotate_signing_key(ctx, ctx.now(), "test")

    signs = []
    for _step in range(4):
        signs.append(signing_key(ctx, ctx.now()).kid)
        clock.forward(seconds=25)
    assert signs == [first, first, second, third]


def test_workers_that_start_together_make_one_key(app: Flask, ctx: Context, merchant: MerchantClient) -> None:
    start = threading.Barrier(8)
    kids = []

    def worker() -> None:
        own = dataclasses.replace(ctx, rules=RulesInForce(lambda: day_of(ctx.now())))
        with app.app_context():
            own.rules.up_to_date()
            start.wait()
            kids.append(signing_key(own, own.now()).kid)

    threads = [threading.Thread(target=worker) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(kids) == 8
    assert len(set(kids)) == 1
    assert db.session.execute(select(func.count()).select_from(SigningKey)).scalar() == 1


def test_the_private_half_is_sealed(ctx: Context, merchant: MerchantClient) -> None:
    private = signing_key(ctx, ctx.now())
    row = db.session.execute(select(SigningKey)).scalar_one()

    assert "d" not in row.public_jwk
    assert b"PRIVATE KEY" not in row.private_sealed
    assert private.as_pem(private=True).decode() == ctx.vault.open(
        row.key_id, row.private_sealed, "signing_key"
    )


def test_a_verified_token_costs_no_sql_and_a_partner_one_short_query(
    app: Flask, forger: Forger, merchant: MerchantClient
) -> None:
    with app.test_request_context(headers={"Authorization": f"Bearer {forger.token()}"}):
        require_partner("check")
        with statements(app) as sent:
            token = verified_token("check")
            assert token.client_id == merchant.client_id
            assert token.scopes == {"check", "order"}
            assert partner_of(token, "check").merchant_id == merchant.merchant_id
        assert sent == []
        with statements(app) as sent:
            require_partner("check")
        assert len(sent) == 1


def test_invented_key_ids_do_not_make_the_database_work(
    app: Flask, ctx: Context, clock: Clock, forger: Forger
) -> None:
    tokens = VerifiedTokens()
    tokens.verify(ctx, forger.token())
    with statements(app) as sent:
        for n in range(50):
            with pytest.raises(Unauthenticated):
                tokens.verify(ctx, forger.token({"kid": f"invented-{n}"}))
    assert len(sent) == 1

    clock.forward(seconds=1)
    with statements(app) as sent, pytest.raises(Unauthenticated):
        tokens.verify(ctx, forger.token({"kid": "invented-again"}))
    assert len(sent) == 1


def test_only_so_many_tokens_are_remembered(ctx: Context, forger: Forger) -> None:
    tokens = VerifiedTokens(most=3)
    made = [forger.token(jti=f"j{n}") for n in range(5)]
    for token in made:
        tokens.verify(ctx, token)

    assert [token in tokens for token in made] == [False, False, True, True, True]


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
HEADERS = JSON_VALUES | st.fixed_dictionaries(
    {"alg": st.sampled_from(["ES256", "none", "HS256"]) | JSON_VALUES},
    optional=dict.fromkeys(("typ", "kid", "crit", "b64", "jwk", "jku", "x5c"), JSON_VALUES),
)
TOKENS = st.one_of(
    st.text(st.characters(max_codepoint=255), max_size=80),
    st.tuples(HEADERS, JSON_VALUES, st.binary(max_size=64)).map(lambda parts: ".".join(map(encoded, parts))),
)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(token=TOKENS)
def test_whatever_is_shown_instead_of_a_token_is_401(client: FlaskClient, token: str) -> None:
    answer = knock(client, token)

    assert answer.status_code == 401
    assert answer.get_json()["code"] in ("TOKEN_INVALID", "TOKEN_MISSING")


def _published(client: FlaskClient) -> list[str]:
    return [key["kid"] for key in client.get("/oauth/jwks").get_json()["keys"]]


def _change(ctx: Context, statement: Any) -> None:
    with transaction():
        db.session.execute(statement)
        number = next_generation()
    configuration_changed(ctx, number)
