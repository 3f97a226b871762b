"""What a client may register, and that every member that is wrong is named."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey

from haihe.domain.errors import InvalidInput, NotFound
from haihe.storage.db import db
from haihe.storage.partners import OAuthClient
from haihe.usecases.client_registrations import (
    Owner,
    Registration,
    change_client,
    register_client,
    registration_of,
    renew_secret,
)
from haihe.usecases.context import Context
from haihe.usecases.oauth_clients import revoke_client
from tests.builders import Builders

BASIC = Registration("client_secret_basic", ("check",))


def jwks(*keys: Any, **more: Any) -> dict[str, Any]:
    return {"keys": [{**k.as_dict(private=False), "kid": f"k{n}", **more} for n, k in enumerate(keys)]}


def test_what_was_registered_is_kept_and_the_secret_told_once(ctx: Context, a: Builders) -> None:
    owner = Owner(merchant_id=a.merchant().merchant_id)
    wanted = replace(BASIC, redirect_uris=("https://shop.example/back",), dpop_required=True, sandbox=True)

    made = register_client(ctx, owner, wanted, ctx.now(), "test")

    row = db.session.get_one(OAuthClient, made.client_id)
    assert registration_of(row) == wanted
    assert made.client_secret
    assert made.client_secret.encode() not in row.secret_sha256
    assert change_client(ctx, made.client_id, BASIC, ctx.now(), "test").client_secret is None
    assert renew_secret(ctx, made.client_id, ctx.now(), "test").client_secret != made.client_secret


def test_a_client_with_keys_has_no_secret(ctx: Context, a: Builders) -> None:
    owner = Owner(merchant_id=a.merchant().merchant_id)
    keys = jwks(ECKey.generate_key("P-256"), OKPKey.generate_key("Ed25519"), RSAKey.generate_key(2048))

    made = register_client(ctx, owner, Registration("private_key_jwt", ("check",), keys), ctx.now(), "test")

    assert made.client_secret is None
    with pytest.raises(InvalidInput):
        renew_secret(ctx, made.client_id, ctx.now(), "test")
    assert change_client(ctx, made.client_id, BASIC, ctx.now(), "test").client_secret


def test_a_revoked_client_cannot_be_changed(ctx: Context, a: Builders) -> None:
    client_id = a.merchant().client_id
    revoke_client(ctx, client_id, ctx.now(), "test")

    with pytest.raises(NotFound):
        change_client(ctx, client_id, BASIC, ctx.now(), "test")


GOOD_KEY = ECKey.generate_key("P-256")
KEYS = Registration("private_key_jwt", ("check",), jwks(GOOD_KEY))


@pytest.mark.parametrize(
    ("wrong", "member"),
    [
        (replace(BASIC, auth_method="none"), "auth_method"),
        (replace(BASIC, auth_method="client_secret_post"), "auth_method"),
        (replace(BASIC, scopes=()), "scopes"),
        (replace(BASIC, scopes=("everything",)), "scopes"),
        (replace(BASIC, jwks=KEYS.jwks), "jwks"),
        (replace(KEYS, jwks=None), "jwks"),
        (replace(KEYS, jwks={"keys": []}), "jwks"),
        (replace(KEYS, jwks={"keys": "k"}), "jwks"),
        (replace(KEYS, jwks={"keys": [7]}), "jwks"),
        (replace(KEYS, jwks=jwks(*[GOOD_KEY] * 11)), "jwks"),
        (replace(KEYS, jwks=jwks(GOOD_KEY, GOOD_KEY, kid="same")), "jwks"),
        (replace(KEYS, jwks=jwks(GOOD_KEY, kid="")), "jwks"),
        (replace(KEYS, jwks=jwks(GOOD_KEY, x="!")), "jwks"),
        (replace(KEYS, jwks={"keys": [{**GOOD_KEY.as_dict(private=True), "kid": "k"}]}), "jwks"),
        (replace(KEYS, jwks={"keys": [{**OctKey.generate_key(256).as_dict(), "kid": "k"}]}), "jwks"),
        (replace(KEYS, jwks=jwks(ECKey.generate_key("P-384"))), "jwks"),
        (replace(KEYS, jwks=jwks(OKPKey.generate_key("X25519"))), "jwks"),
        *[
            (replace(BASIC, redirect_uris=(uri,)), "redirect_uris")
            for uri in (
                "http://shop.example/back",
                "https://shop.example/back#part",
                "https://shop.example/back#",
                "https://me@shop.example/",
                "https:///back",
                "https://shop.example:99999999/",
                "javascript:alert(1)",
                "shop://back",
                "/back",
                "",
                "https://商店.example/",
                "https://shop.example/a b",
                "https://shop.example/\n",
                "https://" + "x" * 2000,
                "http://127.0.0.1:9/back",
            )
        ],
        (
            replace(BASIC, redirect_uris=tuple(f"https://shop.example/{n}" for n in range(11))),
            "redirect_uris",
        ),
        (replace(BASIC, sandbox=True, redirect_uris=("http://shop.example/",)), "redirect_uris"),
    ],
)
def test_what_is_wrong_is_named(ctx: Context, a: Builders, wrong: Registration, member: str) -> None:
    with pytest.raises(InvalidInput) as told:
        register_client(ctx, Owner(merchant_id=1), wrong, ctx.now(), "test")
    assert (told.value.code, told.value.field) == ("CLIENT_INVALID", member)


def test_a_sandbox_may_come_back_to_its_own_machine(ctx: Context, a: Builders) -> None:
    owner = Owner(merchant_id=a.merchant().merchant_id)
    wanted = replace(BASIC, sandbox=True, redirect_uris=("http://127.0.0.1:9000/back",))

    assert register_client(ctx, owner, wanted, ctx.now(), "test").client_id
