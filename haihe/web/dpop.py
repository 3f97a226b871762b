"""DPoP (RFC 9449): the sender of a request proves that they hold the key that their token is bound to.

A proof serves one request: it names the method and the address, is fresh (a nonce of ours that changes every minute), and
its jti is remembered. What is checked here needs no database; `first_use` comes once the rest of the request is right.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from flask import request
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, Key, OKPKey, RSAKey

from haihe.usecases.context import Context
from haihe.usecases.seen_once import first_time
from haihe.web.jose import Registry

ALGORITHMS = ("ES256", "PS256", "EdDSA", "Ed25519")
REGISTRY = Registry(ALGORITHMS)
KEY_TYPES: dict[str, type[Key]] = {"EC": ECKey, "RSA": RSAKey, "OKP": OKPKey}
PRIVATE_MEMBERS = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})

# The nonce bounds how old a proof can be; `iat` need only be plausible, for clocks at counters drift.
WINDOW = timedelta(minutes=5)
NONCE_CHANGES = 60
LONGEST_PROOF = 8192
LONGEST_JTI = 256
DEFAULT_PORTS = {"https": 443, "http": 80}


class BadProof(Exception):
    """The proof is not right: RFC 9449's invalid_dpop_proof. The words are ASCII, for an engineer."""


class NonceWanted(Exception):
    """The proof lacks our present nonce: RFC 9449's use_dpop_nonce."""


@dataclass(frozen=True, slots=True)
class Proof:
    """A right proof: the thumbprint of its key (RFC 7638), and what makes it this proof and no other."""

    jkt: str
    jti: str
    iat: int


def shown_proof(ctx: Context, at: datetime, access_token: str | None = None) -> Proof | None:
    """The proof that this request carries; None if it carries none. BadProof or NonceWanted if it is not right."""
    shown = request.environ.get("HTTP_DPOP")
    if shown is None:
        return None
    if len(shown) > LONGEST_PROOF:
        raise BadProof("The proof is too long.")
    try:
        token = jwt.decode(shown, _key_in_header, registry=REGISTRY)
    except (JoseError, ValueError, TypeError, AttributeError, KeyError):
        raise BadProof("The proof is not a JWT signed by the key in its header.") from None
    if str(token.header.get("typ")).lower() != "dpop+jwt":
        raise BadProof("The typ of the proof must be dpop+jwt.")
    claims = token.claims
    _check_request(claims, ctx.base_url)
    jti, iat = claims.get("jti"), claims.get("iat")
    if not isinstance(jti, str) or not 0 < len(jti) <= LONGEST_JTI:
        raise BadProof("The proof must have a jti.")
    if isinstance(iat, bool) or not isinstance(iat, int | float) or not _plausible(iat, at):
        raise BadProof("The iat of the proof is missing or too far from our clock.")
    if access_token is not None and claims.get("ath") != _ath(access_token):
        raise BadProof("The ath of the proof is not the hash of the access token.")
    if claims.get("nonce") not in _nonces(ctx, at):
        raise NonceWanted
    return Proof(_key_in_header(token).thumbprint(), jti, int(iat))


def first_use(proof: Proof, at: datetime) -> None:
    """BadProof unless this very proof is seen for the first time."""
    until = datetime.fromtimestamp(proof.iat, at.tzinfo) + WINDOW + timedelta(seconds=1)
    if not first_time("dpop", proof.jkt, proof.jti, until, at):
        raise BadProof("The proof has been used before.")


def present_nonce(ctx: Context, at: datetime) -> str:
    """The nonce that the next proof should carry; any worker makes the same one, so none has to be kept."""
    return _nonce(ctx, int(at.timestamp()) // NONCE_CHANGES)


def _nonces(ctx: Context, at: datetime) -> tuple[str, ...]:
    window = int(at.timestamp()) // NONCE_CHANGES
    return tuple(_nonce(ctx, window + n) for n in (0, -1, 1))


def _nonce(ctx: Context, window: int) -> str:
    return _b64(ctx.vault.index(str(window), "dpop_nonce")[:18])


def _key_in_header(token: Any) -> Key:
    header = token.headers() if callable(getattr(token, "headers", None)) else token.header
    jwk = header.get("jwk")
    if not isinstance(jwk, dict) or PRIVATE_MEMBERS & jwk.keys() or jwk.get("kty") not in KEY_TYPES:
        raise ValueError("jwk")
    key = KEY_TYPES[jwk["kty"]].import_key(jwk)
    if isinstance(key, RSAKey) and not 2048 <= key.public_key.key_size <= 8192:
        raise ValueError("jwk")
    return key


def _check_request(claims: dict[str, Any], base_url: str) -> None:
    if claims.get("htm") != request.method:
        raise BadProof("The htm of the proof is not the method of the request.")
    htu = claims.get("htu")
    if not isinstance(htu, str) or _address(htu) != _address(base_url + request.path):
        raise BadProof("The htu of the proof is not the address of the request.")


def _address(uri: str) -> tuple[str, str, int | None, str] | None:
    """RFC 9449 §4.3: without query and fragment, normalised as RFC 3986 §6.2.2 and §6.2.3 say."""
    try:
        parts = urlsplit(uri)
        port = parts.port or DEFAULT_PORTS.get(parts.scheme)
        return parts.scheme, parts.hostname or "", port, parts.path or "/"
    except ValueError:
        return None


def _plausible(iat: float, at: datetime) -> bool:
    return abs(at.timestamp() - iat) <= WINDOW.total_seconds()


def _ath(access_token: str) -> str:
    return _b64(hashlib.sha256(access_token.encode()).digest())


def _b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
