"""private_key_jwt: a client authenticates with a JWT signed by its own key (RFC 7523 §2.2, §3).

Whoever cannot sign with a registered key is told nothing. Whoever can is the client, and is told which claim is wrong.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import orjson
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from haihe.usecases.client_registrations import PRIVATE_KEY_JWT
from haihe.usecases.context import Context
from haihe.usecases.seen_once import first_time
from haihe.web.jose import Registry
from haihe.web.merchant.oauth_client import BadAssertion, BadClientCredentials, Client

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ALGORITHMS = ("ES256", "RS256", "PS256", "EdDSA", "Ed25519")
KEY_TYPES = {"ES256": "EC", "RS256": "RSA", "PS256": "RSA", "EdDSA": "OKP", "Ed25519": "OKP"}
REGISTRY = Registry(ALGORITHMS)

# An assertion is taken for so long after it was made, whatever `exp` says: many libraries write an hour by themselves.
LIVES = timedelta(minutes=5)
SKEW = timedelta(seconds=30)
LONGEST = 8192
LONGEST_JTI = 256


def authenticate_by_assertion(ctx: Context, assertion: str, audiences: set[str], at: datetime) -> Client:
    """The client that signed this; BadClientCredentials otherwise. The assertion serves once."""
    client, claims = _signed(assertion)
    now = at.timestamp()
    until = _until(claims, now)
    if claims.get("iss") != client.client_id:
        raise BadAssertion("iss and sub of the assertion must both be the client_id.")
    audience = claims.get("aud")
    named = audience if isinstance(audience, list) else [audience]
    if not named or any(not isinstance(one, str) or one not in audiences for one in named):
        raise BadAssertion("aud of the assertion must be our issuer identifier or token endpoint.")
    nbf = claims.get("nbf", now)
    if not _number(nbf) or nbf > now + SKEW.total_seconds():
        raise BadAssertion("The assertion is not valid yet.")
    jti = claims.get("jti")
    if not isinstance(jti, str) or not 0 < len(jti) <= LONGEST_JTI:
        raise BadAssertion("The assertion must have a jti.")
    remembered = datetime.fromtimestamp(until, at.tzinfo) + timedelta(seconds=1)
    if not first_time("client_assertion", client.client_id, jti, remembered, at):
        raise BadAssertion("The assertion has been used before: each request needs one with a new jti.")
    return client


def _signed(assertion: str) -> tuple[Client, dict[str, Any]]:
    if len(assertion) > LONGEST:
        raise BadClientCredentials
    held: list[Client] = []

    def keys_of_subject(token: Any) -> Any:
        # The payload is looked at for a name only; nothing in it is believed before the signature has been checked.
        client = Client.find(_subject(token.payload))
        held.append(client)
        return _key(client, token.headers())

    try:
        decoded = jwt.decode(assertion, keys_of_subject, registry=REGISTRY)
    except (JoseError, ValueError, TypeError, AttributeError, KeyError):
        raise BadClientCredentials from None
    if not isinstance(decoded.claims, dict) or not held[0].check_endpoint_auth_method(PRIVATE_KEY_JWT, ""):
        raise BadClientCredentials
    return held[0], decoded.claims


def _subject(payload: bytes) -> str:
    claims = orjson.loads(payload)
    subject = claims.get("sub")
    if not isinstance(subject, str):
        raise ValueError("sub")
    return subject


def _key(client: Client, header: dict[str, Any]) -> Any:
    """The registered key that the header means; without a kid, the only one of its kind."""
    wanted = KEY_TYPES[header["alg"]]
    keys = [key for key in KeySet.import_key_set(client.jwks).keys if key.key_type == wanted]
    if "kid" in header:
        keys = [key for key in keys if key.kid == header["kid"]]
    if len(keys) != 1:
        raise ValueError("kid")
    return keys[0]


def _until(claims: dict[str, Any], now: float) -> float:
    """Until when the assertion could be taken, or BadAssertion if that is over, too far off or not said."""
    exp, iat = claims.get("exp"), claims.get("iat")
    if not _number(exp) or exp <= now:
        raise BadAssertion("exp of the assertion is missing or over.")
    lives, skew = LIVES.total_seconds(), SKEW.total_seconds()
    if iat is None:
        if exp > now + lives + skew:
            raise BadAssertion("The assertion may live for five minutes at most.")
        return float(exp)
    if not _number(iat) or iat > now + skew:
        raise BadAssertion("iat of the assertion lies in the future.")
    if iat + lives <= now:
        raise BadAssertion("The assertion is older than five minutes.")
    return float(min(exp, iat + lives))


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e11
