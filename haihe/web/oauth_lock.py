"""The lock of the machine doors: JWT access tokens (RFC 9068) as bearer tokens (RFC 6750), verified in this worker.

A signature takes a hundred microseconds to verify, so a token that has been verified is remembered, by its SHA-256,
until it expires. What is remembered says only that the token is ours; whether its client may still speak to us is
asked of the rules in force every time.
"""

from __future__ import annotations

import hashlib
import threading
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NoReturn

from flask import current_app, request
from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from haihe.domain.errors import Forbidden, Unauthenticated
from haihe.usecases.context import Context
from haihe.usecases.rules_in_force import Partner
from haihe.usecases.token_keys import ALGORITHM, LEEWAY, TOKEN_LIVES
from haihe.web.context import context

EXTENSION = "haihe_verified_tokens"
# RFC 9068 §4: the media type with or without its prefix; media types are compared without regard to case.
TYPES = ("at+jwt", "application/at+jwt")
LONGEST_TOKEN = 4096
MOST_REMEMBERED = 20_000
ASK_AGAIN_AFTER = timedelta(seconds=1)

REGISTRY = jws.JWSRegistry(algorithms=[ALGORITHM])


@dataclass(frozen=True, slots=True)
class VerifiedToken:
    """What a valid access token says: whose it is, what it may be used for, and until when (seconds since 1970)."""

    client_id: str
    scopes: frozenset[str]
    exp: float


class VerifiedTokens:
    """The tokens that this worker has verified, the oldest forgotten first when there are too many."""

    def __init__(self, most: int = MOST_REMEMBERED) -> None:
        self._most = most
        self._tokens: dict[bytes, VerifiedToken] = {}
        self._generation = -1
        self._asked_at: datetime | None = None
        self._writing = threading.Lock()

    def __contains__(self, token: str) -> bool:
        return _digest(token) in self._tokens

    def verify(self, ctx: Context, token: str) -> VerifiedToken:
        """What the token says, or Unauthenticated."""
        if len(token) > LONGEST_TOKEN:
            _refuse()
        digest = _digest(token)
        found = self._tokens.get(digest)
        at = ctx.now()
        if found and found.exp > at.timestamp() and self._generation == ctx.rules.generation:
            return found
        verified = self._verify(ctx, token, at)
        self._remember(digest, verified, ctx.rules.generation)
        return verified

    def _verify(self, ctx: Context, token: str, at: datetime) -> VerifiedToken:
        def key_named(signature: Any) -> ECKey:
            return self._key(ctx, signature.headers().get("kid"), at)

        try:
            decoded = jwt.decode(token, key_named, registry=REGISTRY)
            _claims_registry(ctx.base_url, at).validate(decoded.claims)
        except (JoseError, ValueError, TypeError, AttributeError):
            # joserfc meets some malformed headers with Python's own errors rather than with its own.
            _refuse()
        typ, claims = decoded.header.get("typ"), decoded.claims
        client_id, scope = claims["client_id"], claims.get("scope", "")
        right_type = isinstance(typ, str) and typ.lower() in TYPES
        # No token of ours lives longer; this bounds what a key that got out can still do after it is retired.
        right_life = claims["exp"] - claims["iat"] <= TOKEN_LIVES.total_seconds()
        if not (right_type and right_life and isinstance(client_id, str) and isinstance(scope, str)):
            _refuse()
        return VerifiedToken(client_id, frozenset(scope.split()), claims["exp"])

    def _key(self, ctx: Context, kid: str | None, at: datetime) -> ECKey:
        key = ctx.rules.token_keys.get(kid or "")
        if key is None and self._may_ask(ctx, at):
            key = ctx.rules.up_to_date().token_keys.get(kid or "")
        if key is None or not key.verifies(at):
            _refuse()
        return key.public

    def _may_ask(self, ctx: Context, at: datetime) -> bool:
        """May an unknown key id cost a query? Once a second: whoever invents ids cannot make the database work.

        No honest token is lost by it, for a key is shown for a minute before it signs.
        """
        if ctx.rules.generation >= 0 and self._asked_at and abs(at - self._asked_at) < ASK_AGAIN_AFTER:
            return False
        self._asked_at = at
        return True

    def _remember(self, digest: bytes, verified: VerifiedToken, generation: int) -> None:
        with self._writing:
            if generation != self._generation:
                # Keys may have changed with the configuration, so every token is looked at afresh.
                self._tokens = {}
                self._generation = generation
            while len(self._tokens) >= self._most:
                del self._tokens[next(iter(self._tokens))]
            self._tokens[digest] = verified


def verified_token(scope: str) -> VerifiedToken:
    """The bearer token of this request, good for this scope. Asks neither the database nor Redis.

    Whether its client has been revoked is for `partner_of` to say, once the rules in force are known to be current.
    """
    token = _verified_tokens().verify(context(), _bearer())
    if scope not in token.scopes:
        _insufficient(scope)
    return token


def partner_of(token: VerifiedToken, scope: str) -> Partner:
    """Whose token it is, as the rules in force have it in memory; Unauthenticated if revoked or suspended."""
    partner = context().rules.partner(token.client_id)
    if partner is None:
        _refuse()
    if scope not in partner.scopes:
        _insufficient(scope)
    return partner


def require_partner(scope: str) -> Partner:
    """Whose request this is. One short query, so that a revocation is effective on the very next request."""
    token = verified_token(scope)
    context().rules.up_to_date()
    return partner_of(token, scope)


def _verified_tokens() -> VerifiedTokens:
    held: VerifiedTokens | None = current_app.extensions.get(EXTENSION)
    if held is None:
        held = current_app.extensions[EXTENSION] = VerifiedTokens()
    return held


def _bearer() -> str:
    """The token in the Authorization header (RFC 6750 §2.1); the other two ways of sending one are not offered."""
    scheme, _, token = request.environ.get("HTTP_AUTHORIZATION", "").partition(" ")
    token = token.strip(" ")
    if scheme.lower() != "bearer" or not token:
        raise Unauthenticated("TOKEN_MISSING", "请在 Authorization 头以 Bearer 方式出示访问令牌")
    return token


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def _claims_registry(issuer: str, at: datetime) -> jwt.JWTClaimsRegistry:
    """RFC 9068 §2.2: the claims that must be there, and what they must be."""
    return jwt.JWTClaimsRegistry(
        now=int(at.timestamp()),
        leeway=int(LEEWAY.total_seconds()),
        iss={"essential": True, "value": issuer},
        aud={"essential": True, "value": issuer},
        sub={"essential": True},
        client_id={"essential": True},
        exp={"essential": True},
        iat={"essential": True},
        jti={"essential": True},
    )


def _refuse() -> NoReturn:
    # Why is not told: to an honest client the remedy is the same, and a forger learns nothing.
    raise Unauthenticated("TOKEN_INVALID", "访问令牌无效、已过期或已吊销，请重新获取")


def _insufficient(scope: str) -> NoReturn:
    raise Forbidden("INSUFFICIENT_SCOPE", f"访问令牌没有 {scope} 权限，请以该权限重新获取")
