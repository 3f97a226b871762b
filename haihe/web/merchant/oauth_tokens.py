"""Issuing tokens: JWT access tokens (RFC 9068), bound to a key where the client shows one (RFC 9449 §6)."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from joserfc import jwt

from haihe.usecases.context import Context
from haihe.usecases.signing_keys import signing_key
from haihe.usecases.token_keys import ALGORITHM, TOKEN_LIVES

BEARER = "Bearer"
DPOP = "DPoP"


@dataclass(frozen=True, slots=True)
class AccessTokenFor:
    """Whom an access token is for, and what it may do. Without a subject the client speaks for itself."""

    client_id: str
    scope: str
    audiences: tuple[str, ...]
    jkt: str | None
    subject: str | None = None
    grant_id: int | None = None


def access_token(ctx: Context, wanted: AccessTokenFor, at: datetime) -> dict[str, Any]:
    """The members of a token answer (RFC 6749 §5.1) that speak of the access token."""
    issued = int(at.timestamp())
    lives = int(TOKEN_LIVES.total_seconds())
    key = signing_key(ctx, at)
    claims: dict[str, Any] = {
        "iss": ctx.base_url,
        "aud": wanted.audiences[0] if len(wanted.audiences) == 1 else list(wanted.audiences),
        "sub": wanted.subject or wanted.client_id,
        "client_id": wanted.client_id,
        "iat": issued,
        "exp": issued + lives,
        "jti": secrets.token_urlsafe(16),
        "scope": wanted.scope,
    }
    if wanted.grant_id is not None:
        claims["grant"] = str(wanted.grant_id)
    if wanted.jkt is not None:
        claims["cnf"] = {"jkt": wanted.jkt}
    token = jwt.encode(
        {"alg": ALGORITHM, "typ": "at+jwt", "kid": key.kid}, claims, key, algorithms=[ALGORITHM]
    )
    return {
        "access_token": token,
        "token_type": BEARER if wanted.jkt is None else DPOP,
        "expires_in": lives,
        "scope": wanted.scope,
    }
