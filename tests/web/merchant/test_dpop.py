"""A token bound to a key is of use to the holder of the key alone (RFC 9449)."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from flask.testing import FlaskClient
from joserfc.jwk import ECKey, OctKey

from haihe.usecases.context import Context
from tests.builders import Builders
from tests.conftest import Clock
from tests.web.merchant.standard import (
    KEYS,
    Prover,
    Shop,
    a_person,
    asking,
    b64,
    claims_of,
    is_error,
    link,
    open_shop,
    redeem,
)

TOKEN = "/oauth/token"
ORDER = "/v1/merchant/orders/none"
OPENS = 404


@pytest.fixture
def shop(client: FlaskClient, ctx: Context, a: Builders) -> Shop:
    """A merchant."""
    return open_shop(client, ctx, a)


@pytest.fixture
def prover(ctx: Context, shop: Shop) -> Prover:
    """Somebody with a key, who has learned our nonce."""
    prover = Prover(ctx)
    prover.nonce = shop.token(proof=prover.proof(TOKEN)).headers["DPoP-Nonce"]
    return prover


@pytest.fixture
def bound(shop: Shop, prover: Prover) -> str:
    """A token bound to that key."""
    answer = shop.token(proof=prover.proof(TOKEN))
    assert (answer.status_code, answer.get_json()["token_type"]) == (200, "DPoP")
    return str(answer.get_json()["access_token"])


def at_the_door(shop: Shop, prover: Prover, token: str, **changed: Any) -> Any:
    return shop.door(token, "DPoP", prover.proof(ORDER, "GET", **{"token": token, **changed}))


def test_a_first_proof_without_our_nonce_is_answered_with_it(shop: Shop, ctx: Context) -> None:
    prover = Prover(ctx)
    answer = shop.token(proof=prover.proof(TOKEN))
    is_error(answer, 400, "use_dpop_nonce")

    prover.nonce = answer.headers["DPoP-Nonce"]
    answer = shop.token(proof=prover.proof(TOKEN))
    assert answer.status_code == 200
    assert answer.headers["DPoP-Nonce"]
    assert claims_of(answer.get_json()["access_token"])["cnf"] == {"jkt": prover.jkt}


def test_without_a_proof_a_token_is_an_ordinary_one(shop: Shop) -> None:
    answer = shop.token()
    assert answer.get_json()["token_type"] == "Bearer"
    assert "DPoP-Nonce" not in answer.headers


@pytest.mark.parametrize("alg", ["ES256", "PS256", "EdDSA"])
def test_every_algorithm_that_the_metadata_names_serves(shop: Shop, prover: Prover, alg: str) -> None:
    prover.key, prover.alg = KEYS[alg], "Ed25519" if alg == "EdDSA" else alg
    token = shop.token(proof=prover.proof(TOKEN)).get_json()["access_token"]

    assert at_the_door(shop, prover, token).status_code == OPENS


def test_the_door_opens_to_the_holder_of_the_key_and_once_for_each_proof(
    shop: Shop, prover: Prover, bound: str
) -> None:
    proof = prover.proof(ORDER, "GET", bound)

    assert shop.door(bound, "DPoP", proof).status_code == OPENS
    again = shop.door(bound, "DPoP", proof)
    assert (again.status_code, again.get_json()["code"]) == (401, "DPOP_PROOF_INVALID")
    assert 'error="invalid_dpop_proof"' in again.headers["WWW-Authenticate"]


def test_as_a_bearer_token_or_with_another_key_it_is_worth_nothing(
    shop: Shop, ctx: Context, prover: Prover, bound: str
) -> None:
    thief = Prover(ctx, nonce=prover.nonce)

    for answer in (
        shop.door(bound),
        shop.door(bound, "Bearer", prover.proof(ORDER, "GET", bound)),
        at_the_door(shop, thief, bound),
    ):
        assert (answer.status_code, answer.get_json()["code"]) == (401, "TOKEN_INVALID")
        assert answer.headers["WWW-Authenticate"].startswith('DPoP realm="haihe", error="invalid_token"')


def test_an_ordinary_token_is_not_taken_as_a_bound_one(shop: Shop, prover: Prover) -> None:
    token = shop.token().get_json()["access_token"]
    assert at_the_door(shop, prover, token).status_code == 401


def test_a_door_that_wants_a_nonce_says_so(shop: Shop, prover: Prover, bound: str, clock: Clock) -> None:
    clock.forward(minutes=4)
    answer = at_the_door(shop, prover, bound)

    assert (answer.status_code, answer.get_json()["code"]) == (401, "DPOP_NONCE_WANTED")
    assert 'error="use_dpop_nonce"' in answer.headers["WWW-Authenticate"]
    assert 'algs="ES256 PS256 EdDSA Ed25519"' in answer.headers["WWW-Authenticate"]
    prover.nonce = answer.headers["DPoP-Nonce"]
    assert at_the_door(shop, prover, bound).status_code == OPENS


WRONG: list[dict[str, Any]] = [
    {"htm": "PUT"},
    {"htm": "get"},
    {"htm": ""},
    {"htu": "https://elsewhere.example/oauth/token"},
    {"htu": "/oauth/token"},
    {"htu": 7},
    {"htu": "http://[/"},
    {"jti": ""},
    {"jti": 7},
    {"jti": "x" * 300},
    {"iat": 0},
    {"iat": "now"},
    {"iat": True},
    {"iat": 4_000_000_000},
    {"header": {"typ": "JWT"}},
    {"header": {"typ": ""}},
    {"header": {"jwk": None}},
    {"header": {"jwk": {}}},
    {"header": {"jwk": {"kty": "EC"}}},
    {"header": {"jwk": ECKey.generate_key("P-256").as_dict(private=False)}},
    {"header": {"jwk": OctKey.generate_key(256).as_dict()}},
]


@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_proof_is_refused_at_the_token_endpoint_and_at_the_door(
    shop: Shop, prover: Prover, bound: str, wrong: dict[str, Any]
) -> None:
    is_error(shop.token(proof=prover.proof(TOKEN, **wrong)), 400, "invalid_dpop_proof")

    answer = at_the_door(shop, prover, bound, **wrong)
    assert (answer.status_code, answer.get_json()["code"]) == (401, "DPOP_PROOF_INVALID")


def test_what_is_no_proof_at_all_is_refused(shop: Shop, prover: Prover, bound: str) -> None:
    private = {"jwk": prover.key.as_dict(private=True)}
    good = prover.proof(TOKEN)
    for proof in ("", "x", "..", f"{good},{prover.proof(TOKEN)}", good[:-4] + "AAAA", "x" * 9000):
        is_error(shop.token(proof=proof), 400, "invalid_dpop_proof")
    is_error(shop.token(proof=prover.proof(TOKEN, header=private)), 400, "invalid_dpop_proof")
    assert shop.door(bound, "DPoP").get_json()["code"] == "DPOP_PROOF_INVALID"


@pytest.mark.parametrize("ath", ["", "x", None])
def test_a_proof_at_the_door_is_for_this_very_token(
    shop: Shop, prover: Prover, bound: str, ath: str | None
) -> None:
    assert at_the_door(shop, prover, bound, ath=ath).get_json()["code"] == "DPOP_PROOF_INVALID"


def test_header_members_that_we_do_not_know_are_passed_over(shop: Shop, prover: Prover) -> None:
    header, payload, _signature = prover.proof(TOKEN).split(".")
    said = {**json.loads(base64.urlsafe_b64decode(header + "==")), "made_by": "somebody's library"}
    text = f"{b64(json.dumps(said).encode())}.{payload}"
    der = prover.key.private_key.sign(text.encode(), ec.ECDSA(SHA256()))
    signature = b"".join(number.to_bytes(32, "big") for number in decode_dss_signature(der))

    assert shop.token(proof=f"{text}.{b64(signature)}").status_code == 200


@pytest.mark.parametrize("more", ["?a=b", "#part", "?a=b#part"])
def test_query_and_fragment_of_the_address_do_not_count(shop: Shop, prover: Prover, more: str) -> None:
    htu = f"{shop.ctx.base_url}{TOKEN}{more}"
    assert shop.token(proof=prover.proof(TOKEN, htu=htu)).status_code == 200


def test_a_client_that_registered_it_always_shows_a_proof(
    client: FlaskClient, ctx: Context, a: Builders, prover: Prover
) -> None:
    shop = open_shop(client, ctx, a, dpop_required=True)

    is_error(shop.token(), 400, "invalid_request")
    assert shop.token(proof=prover.proof(TOKEN)).status_code == 200


def test_a_code_bound_to_a_key_is_of_use_to_its_holder_alone(
    client: FlaskClient, ctx: Context, a: Builders, shop: Shop, prover: Prover
) -> None:
    person = a_person(client, ctx, a)
    thief = Prover(ctx, nonce=prover.nonce)
    code = link(person, shop, dpop_jkt=prover.jkt)

    is_error(redeem(shop, code), 400, "invalid_grant")
    is_error(redeem(shop, code, thief.proof(TOKEN)), 400, "invalid_grant")
    answer = redeem(shop, code, prover.proof(TOKEN))
    assert answer.get_json()["token_type"] == "DPoP"


def test_a_pushed_request_with_a_proof_binds_its_code(
    client: FlaskClient, ctx: Context, a: Builders, shop: Shop, prover: Prover
) -> None:
    person = a_person(client, ctx, a)
    form = dict(pair.split("=", 1) for pair in asking(shop, redirect_uri=None, state=None).split("&"))
    is_error(
        shop.post("/oauth/par", proof=prover.proof("/oauth/par"), **form, dpop_jkt="x" * 43),
        400,
        "invalid_dpop_proof",
    )
    pushed = shop.post("/oauth/par", proof=prover.proof("/oauth/par"), **form).get_json()
    query = f"client_id={shop.client_id}&request_uri={pushed['request_uri']}"
    decided = person.decide(person.look(query))
    code = decided.location.partition("code=")[2].partition("&")[0]
    form = {"grant_type": "authorization_code", "code": code, "code_verifier": "v" * 43}

    is_error(shop.token(**form), 400, "invalid_grant")
    assert shop.token(proof=prover.proof(TOKEN), **form).status_code == 200
