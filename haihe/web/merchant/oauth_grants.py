"""The grants of the token endpoint: client credentials (RFC 6749 §4.4), authorization code (§4.1) with PKCE (RFC 7636) and
refresh token (§6), as Authlib runs them and with our own tokens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from authlib.oauth2.rfc6749 import (
    AuthorizationCodeGrant,
    ClientCredentialsGrant,
    InvalidGrantError,
    InvalidScopeError,
    RefreshTokenGrant,
)
from authlib.oauth2.rfc7636 import CodeChallenge

from haihe.usecases.oauth_grants import (
    AlreadyUsed,
    Granted,
    grant_of_code,
    grant_of_refresh_token,
    redeem_code,
    rotate_refresh_token,
)
from haihe.web.context import context
from haihe.web.merchant.oauth_client import Client
from haihe.web.merchant.oauth_errors import InvalidTarget
from haihe.web.merchant.oauth_tokens import AccessTokenFor, access_token
from haihe.web.resources import known_resources


@dataclass(frozen=True, slots=True)
class Shown:
    """A code or refresh token that was shown, as Authlib asks about it."""

    secret: str
    granted: Granted

    @property
    def code_challenge(self) -> str:
        return self.granted.code_challenge

    @property
    def code_challenge_method(self) -> str:
        return "S256"

    def get_redirect_uri(self) -> str | None:
        return self.granted.redirect_uri

    def get_scope(self) -> str:
        return " ".join(self.granted.scopes)

    def check_client(self, client: Client) -> bool:
        return self.granted.client_id == client.client_id


class _OurTokens:
    """What the three grants have in common: which token comes of a request that has been found right."""

    request: Any

    def generate_token(
        self, user: Shown | None = None, scope: str | None = None, **_more: Any
    ) -> dict[str, Any]:
        """The token answer, without a refresh token."""
        ctx = context()
        client: Client = self.request.client
        allowed = client.get_allowed_scope(scope) if user is None else scope
        if allowed is None:
            raise InvalidScopeError
        proof = self.request.proof
        wanted = AccessTokenFor(
            client_id=client.client_id,
            scope=allowed,
            audiences=self._audiences(user),
            jkt=proof.jkt if proof else None,
            subject=user.granted.pairwise_id if user else None,
            grant_id=user.granted.grant_id if user else None,
        )
        return access_token(ctx, wanted, ctx.now())

    def _audiences(self, user: Shown | None) -> tuple[str, ...]:
        """RFC 8707 §2.2: the resources asked for, within those granted; all that was granted if none is named."""
        known = known_resources(context().base_url)
        granted = user.granted.resources if user else ()
        asked = tuple(dict.fromkeys(self.request.payload.datalist.get("resource", ())))
        within = granted or known
        if not set(asked) <= set(within):
            raise InvalidTarget
        return asked or granted or known[:1]

    def authenticate_user(self, shown: Shown) -> Shown:
        return shown


class OurClientCredentials(_OurTokens, ClientCredentialsGrant):  # type: ignore[misc]
    """RFC 6749 §4.4."""

    def validate_token_request(self) -> None:
        super().validate_token_request()
        self._audiences(None)


class OurAuthorizationCode(_OurTokens, AuthorizationCodeGrant):  # type: ignore[misc]
    """RFC 6749 §4.1.3, with PKCE always."""

    def query_authorization_code(self, code: str, client: Client) -> Shown | None:
        granted = _found(grant_of_code, client, code)
        if granted is None:
            return None
        proof = self.request.proof
        if granted.dpop_jkt is not None and (proof is None or proof.jkt != granted.dpop_jkt):
            raise InvalidGrantError("The code is bound to another DPoP key.")
        return Shown(code, granted)

    def generate_token(
        self, user: Shown | None = None, scope: str | None = None, **more: Any
    ) -> dict[str, Any]:
        assert user is not None
        answer = super().generate_token(user, scope)
        answer["refresh_token"] = _once(redeem_code, user.granted, context().now())
        return answer

    def delete_authorization_code(self, shown: Shown) -> None:
        """It has been used up already, in one statement with the refresh token."""


class OurRefreshToken(_OurTokens, RefreshTokenGrant):  # type: ignore[misc]
    """RFC 6749 §6; each refresh token serves once."""

    def authenticate_refresh_token(self, refresh_token: str) -> Shown:
        granted = _found(grant_of_refresh_token, self.request.client, refresh_token)
        if granted is None:
            raise InvalidGrantError("Invalid 'refresh_token' in request.")
        return Shown(refresh_token, granted)

    def generate_token(
        self, user: Shown | None = None, scope: str | None = None, **more: Any
    ) -> dict[str, Any]:
        assert user is not None
        answer = super().generate_token(user, scope)
        answer["refresh_token"] = _once(rotate_refresh_token, user.granted, user.secret, context().now())
        return answer

    def revoke_old_credential(self, shown: Shown) -> None:
        """It has been used up already, in one statement with the next."""


class Pkce(CodeChallenge):  # type: ignore[misc]
    """RFC 7636 with S256 alone; nobody, however they authenticate, is excused from the verifier."""

    DEFAULT_CODE_CHALLENGE_METHOD = "S256"
    SUPPORTED_CODE_CHALLENGE_METHOD = ("S256",)


def _found(find: Any, client: Client, secret: str) -> Granted | None:
    try:
        found: Granted | None = find(client.client_id, secret, context().now())
    except AlreadyUsed:
        raise InvalidGrantError("It has been used before; every token that came of it is revoked.") from None
    return found


def _once(use: Any, *given: Any) -> str:
    try:
        used: str = use(*given)
    except AlreadyUsed:
        raise InvalidGrantError("It has been used before; every token that came of it is revoked.") from None
    return used
