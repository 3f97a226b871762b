"""What an integrator's own program is made of: keys, assertions, DPoP proofs, PKCE, and a browser at the consent page."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import secrets
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from flask.testing import FlaskClient
from joserfc import jwt
from joserfc.jwk import ECKey, Key, OKPKey, RSAKey
from werkzeug.test import TestResponse

from haihe.storage.db import db, transaction
from haihe.storage.residents import Account
from haihe.usecases.client_registrations import Owner, Registration, register_client
from haihe.usecases.context import Context
from haihe.usecases.sessions import open_session
from tests.builders import Builders

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
BACK = "https://shop.example/back?from=haihe"
KEYS: dict[str, Key] = {
    "ES256": ECKey.generate_key("P-256", {"kid": "ec"}),
    "RS256": RSAKey.generate_key(2048, {"kid": "rsa"}),
    "PS256": RSAKey.generate_key(2048, {"kid": "rsa-pss"}),
    "EdDSA": OKPKey.generate_key("Ed25519", {"kid": "ed"}),
}
ALGORITHMS = ["ES256", "RS256", "PS256", "EdDSA", "ES384", "HS256", "Ed25519"]


@dataclass
class Shop:
    """A merchant's system with a client of its own, by secret or by keys."""

    http: FlaskClient
    ctx: Context
    client_id: str
    merchant_id: int
    secret: str | None

    def assertion(self, key: Key = KEYS["ES256"], alg: str = "ES256", **changed: Any) -> str:
        """An assertion that is right in everything but what a test changes; None takes a claim away."""
        now = int(self.ctx.now().timestamp())
        claims: dict[str, Any] = {
            "iss": self.client_id,
            "sub": self.client_id,
            "aud": self.ctx.base_url,
            "iat": now,
            "exp": now + 60,
            "jti": secrets.token_hex(8),
            **changed,
        }
        header = {"alg": alg, **({"kid": key.kid} if key.kid else {})}
        return jwt.encode(
            header, {k: v for k, v in claims.items() if v is not None}, key, algorithms=ALGORITHMS
        )

    def post(self, path: str, *pairs: tuple[str, str], proof: str | None = None, **form: str) -> TestResponse:
        """A request to an endpoint of the authorization server, authenticated."""
        headers = {} if proof is None else {"DPoP": proof}
        given = [*form.items(), *pairs]
        auth = None
        if self.secret is None:
            given += [("client_assertion_type", ASSERTION_TYPE), ("client_assertion", self.assertion())]
        else:
            auth = (self.client_id, self.secret)
        kind = "application/x-www-form-urlencoded"
        return self.http.post(path, data=urlencode(given), content_type=kind, auth=auth, headers=headers)

    def token(self, *pairs: tuple[str, str], proof: str | None = None, **form: str) -> TestResponse:
        return self.post("/oauth/token", *pairs, proof=proof, **{"grant_type": "client_credentials", **form})

    def door(self, token: str, scheme: str = "Bearer", proof: str | None = None) -> TestResponse:
        """An order that does not exist: 404 once the door has opened."""
        headers = {"Authorization": f"{scheme} {token}"}
        if proof is not None:
            headers["DPoP"] = proof
        return self.http.get("/v1/merchant/orders/none", headers=headers)

    def question(self, token: str) -> TestResponse:
        """Asks about whom the token speaks for, else about a pass that nobody shows: answered once the door has opened."""
        claims = claims_of(token)
        subject = ("resident", claims["sub"]) if "grant" in claims else ("pass", "000000000000000000")
        asked = {
            "subject": {"type": subject[0], "id": subject[1]},
            "action": {"name": "use"},
            "resource": {"type": "scenario", "id": "XYZ-07"},
        }
        headers = {"Authorization": f"Bearer {token}"}
        return self.http.post("/access/v1/evaluation", json=asked, headers=headers)


def open_shop(http: FlaskClient, ctx: Context, a: Builders, *scenarios: str, **registered: Any) -> Shop:
    """A merchant with a client registered as told."""
    merchant_id = a.merchant(*(scenarios or ("XYZ-07", "XYZ-12"))).merchant_id
    wanted = Registration(
        **{
            "auth_method": "client_secret_basic",
            "scopes": ("check", "order"),
            "redirect_uris": (BACK,),
            **registered,
        }
    )
    made = register_client(ctx, Owner(merchant_id=merchant_id), wanted, ctx.now(), "test")
    return Shop(http, ctx, made.client_id, merchant_id, made.client_secret)


def public_keys(*algorithms: str) -> dict[str, Any]:
    return {"keys": [KEYS[alg].as_dict(private=False) for alg in algorithms or KEYS]}


def b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


@dataclass
class Prover:
    """Holds a key and makes DPoP proofs with it, by hand."""

    ctx: Context
    key: Key = field(default_factory=lambda: ECKey.generate_key("P-256"))
    alg: str = "ES256"
    nonce: str | None = None

    @property
    def jkt(self) -> str:
        return self.key.thumbprint()

    def proof(
        self, path: str, method: str = "POST", token: str | None = None, header: Any = None, **changed: Any
    ) -> str:
        claims: dict[str, Any] = {
            "htm": method,
            "htu": self.ctx.base_url + path,
            "iat": int(self.ctx.now().timestamp()),
            "jti": secrets.token_hex(8),
            "nonce": self.nonce,
            "ath": b64(hashlib.sha256(token.encode()).digest()) if token else None,
            **changed,
        }
        header = {
            "alg": self.alg,
            "typ": "dpop+jwt",
            "jwk": self.key.as_dict(private=False),
            **(header or {}),
        }
        header, claims = ({k: v for k, v in given.items() if v is not None} for given in (header, claims))
        return jwt.encode(header, claims, self.key, algorithms=ALGORITHMS, default_type=None)


@dataclass
class Person:
    """A resident with a browser that the mini-program has let in."""

    http: FlaskClient
    ctx: Context
    resident_id: int
    account_id: int

    def come_in(self) -> None:
        self.http.set_cookie("haihe_page", open_session(self.account_id, self.ctx.now()))

    def look(self, query: str) -> TestResponse:
        self.come_in()
        return self.http.get(f"/oauth/authorize?{query}")

    def decide(
        self, page: TestResponse, answer: str = "yes", *scenarios: str, **changed: str
    ) -> TestResponse:
        """Send the form as the page has it; every scenario that is offered unless some are named."""
        body = page.get_data(as_text=True)
        fields = dict(re.findall(r'type="hidden" name="(form_token|asked)" value="([^"]*)"', body))
        offered = re.findall(r'name="scenario" value="([^"]*)"', body)
        data = {**fields, "answer": answer, "scenario": list(scenarios) or offered, **changed}
        return self.http.post("/oauth/authorize", data=data)


def a_person(http: FlaskClient, ctx: Context, a: Builders, joined: bool = True) -> Person:
    """A resident with an account."""
    resident_id = a.resident(joined=joined)
    with transaction():
        account = Account(
            openid_index=secrets.token_bytes(32),
            resident_id=resident_id,
            realname_level="L2",
            created_at=ctx.now(),
        )
        db.session.add(account)
        db.session.flush()
        account_id = account.id
    return Person(http, ctx, resident_id, account_id)


VERIFIER = "v" * 43
CHALLENGE = b64(hashlib.sha256(VERIFIER.encode()).digest())


def asking(shop: Shop, *pairs: tuple[str, str], **changed: str | None) -> str:
    """The query of an authorization request that is right in everything but what a test changes."""
    given: dict[str, str | None] = {
        "response_type": "code",
        "client_id": shop.client_id,
        "redirect_uri": BACK,
        "scope": "check",
        "state": "a state & more",
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
        **changed,
    }
    return urlencode([*((k, v) for k, v in given.items() if v is not None), *pairs])


def sent_back(answer: TestResponse) -> dict[str, str]:
    """What the client is told at its redirect URI."""
    assert answer.status_code == 303, answer.get_data(as_text=True)
    assert answer.location.startswith(BACK + "&")
    told = parse_qs(urlsplit(answer.location).query, strict_parsing=True)
    assert all(len(values) == 1 for values in told.values())
    return {name: value for name, (value,) in told.items()}


def link(person: Person, shop: Shop, *scenarios: str, **asked: str) -> str:
    """The resident agrees; returns the code."""
    return sent_back(person.decide(person.look(asking(shop, **asked)), "yes", *scenarios))["code"]


def redeem(shop: Shop, code: str, proof: str | None = None, /, **changed: str) -> TestResponse:
    given = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": BACK,
        "code_verifier": VERIFIER,
    }
    return shop.token(proof=proof, **{**given, **changed})


def claims_of(token: str) -> dict[str, Any]:
    part = token.split(".")[1]
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return claims


def is_error(answer: TestResponse, status: int, error: str) -> None:
    """An error as RFC 6749 §5.2 has it."""
    assert (answer.status_code, answer.get_json().get("error")) == (status, error), answer.get_data(
        as_text=True
    )
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.get_json()["error_description"].isascii()
    assert re.search("[\u4e00-\u9fff]", answer.get_json()["hint"])
    assert ("WWW-Authenticate" in answer.headers) == (status == 401)
