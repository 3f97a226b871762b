"""Introspection (RFC 7662) and revocation (RFC 7009): a client asks about its own tokens and takes them back."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from authlib.consts import default_json_headers
from authlib.oauth2.rfc6749 import InvalidGrantError, InvalidRequestError

from haihe.domain.errors import TooOften, Unauthenticated
from haihe.usecases.oauth_grants import (
    owner_of_refresh_token,
    refresh_token_of,
    revoke_grant,
    subject_of_grant,
)
from haihe.usecases.revoke_token import revoke_access_token
from haihe.web.context import context
from haihe.web.merchant.oauth_errors import RetryLater
from haihe.web.merchant.oauth_server import Call, Server
from haihe.web.merchant.oauth_tokens import BEARER, DPOP
from haihe.web.oauth_lock import VerifiedToken, read_token

Answer = tuple[int, dict[str, Any], list[tuple[str, str]]]


def introspect(server: Server, call: Call) -> Answer:
    """RFC 7662 §2: what a token of the client's own says; of any other, only that it is not active."""
    client = server.authenticate_client(call, None, "introspection")
    shown = _token(call)
    token = _access_token(shown)
    if token is not None:
        told = _told_of_access_token(token) if token.client_id == client.client_id else None
    else:
        told = _told_of_refresh_token(shown, client.client_id)
    return 200, told or {"active": False}, list(default_json_headers)


def revoke(server: Server, call: Call) -> Answer:
    """RFC 7009 §2: a refresh token takes its whole family with it; an unknown token needs no revoking."""
    client = server.authenticate_client(call, None, "revocation")
    shown, ctx = _token(call), context()
    token = _access_token(shown)
    owned = None if token is not None else owner_of_refresh_token(shown)
    owner = token.client_id if token is not None else owned[1] if owned is not None else client.client_id
    if owner != client.client_id:
        raise InvalidGrantError("The token was issued to another client.")
    if token is not None:
        expires_at = datetime.fromtimestamp(token.exp, UTC)
        try:
            revoke_access_token(ctx, client.client_id, token.jti, expires_at, ctx.now())
        except TooOften:
            raise RetryLater() from None
    elif owned is not None:
        revoke_grant(owned[0], f"client:{client.client_id}", ctx.now(), "revoked by its client")
    return 200, {}, list(default_json_headers)


def _token(call: Call) -> str:
    shown: str | None = call.payload.data.get("token")
    if shown is None:
        raise InvalidRequestError("token is missing.")
    return shown


def _access_token(shown: str) -> VerifiedToken | None:
    try:
        return read_token(shown)
    except Unauthenticated:
        return None


def _told_of_access_token(token: VerifiedToken) -> dict[str, Any] | None:
    ctx = context()
    rules = ctx.rules.up_to_date()
    if rules.partner(token.client_id) is None or rules.token_revoked(token.jti):
        return None
    if token.grant_id is not None and subject_of_grant(token.grant_id, ctx.now()) is None:
        return None
    told = {
        "active": True,
        "scope": " ".join(token.scope_in_order),
        "client_id": token.client_id,
        "token_type": BEARER if token.jkt is None else DPOP,
        "exp": int(token.exp),
        "iat": int(token.iat),
        "sub": token.subject,
        "aud": token.audiences[0] if len(token.audiences) == 1 else list(token.audiences),
        "iss": ctx.base_url,
        "jti": token.jti,
    }
    return told if token.jkt is None else {**told, "cnf": {"jkt": token.jkt}}


def _told_of_refresh_token(shown: str, client_id: str) -> dict[str, Any] | None:
    ctx = context()
    found = refresh_token_of(client_id, shown, ctx.now())
    if found is None or found[1].used_at is not None:
        return None
    granted, token = found
    return {
        "active": True,
        "scope": " ".join(granted.scopes),
        "client_id": client_id,
        "exp": int(token.expires_at.timestamp()),
        "iat": int(token.issued_at.timestamp()),
        "sub": granted.pairwise_id,
        "iss": ctx.base_url,
    }
