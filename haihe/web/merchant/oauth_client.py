"""OAuth clients as Authlib asks about them, and what they are told when they cannot show who they are."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

from authlib.oauth2.rfc6749 import ClientMixin, InvalidClientError, OAuth2Error

from haihe.storage.partners import OAuthClient
from haihe.usecases.oauth_clients import find_client

GRANT_TYPES = ("client_credentials", "authorization_code", "refresh_token")


class Client(ClientMixin):  # type: ignore[misc]  # Authlib carries no types.
    """A client as Authlib asks about it. One that we do not know is a client too, whose secret nobody has."""

    def __init__(self, client_id: str, row: OAuthClient | None) -> None:
        self.client_id = client_id
        self.known = row is not None
        self.scopes = tuple(row.scopes) if row else ()
        self.redirect_uris = tuple(row.redirect_uris) if row else ()
        self.merchant_id = row.merchant_id if row else None
        self.dpop_required = bool(row and row.dpop_required)
        self.jwks: dict[str, Any] = (row.jwks if row else None) or {"keys": []}
        self._auth_method = row.auth_method if row else ""
        self._secret_sha256 = (row.secret_sha256 if row else None) or b""

    @classmethod
    def find(cls, client_id: str) -> Client:
        """The client of this name as it is registered now."""
        return cls(client_id, find_client(client_id))

    def get_client_id(self) -> str:
        return self.client_id

    def check_client_secret(self, client_secret: str) -> bool:
        """The secret is 256 random bits of our own making, so one SHA-256 guards it as well as a slow hash would."""
        shown = hashlib.sha256(client_secret.encode()).digest()
        return hmac.compare_digest(shown, self._secret_sha256)

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        return method == self._auth_method

    def check_grant_type(self, grant_type: str) -> bool:
        """Residents link merchants that told us where to send them back; everybody has client credentials."""
        if grant_type == "client_credentials":
            return True
        return grant_type in GRANT_TYPES and self.merchant_id is not None and bool(self.redirect_uris)

    def get_allowed_scope(self, scope: str | None) -> str | None:
        """RFC 6749 §3.3: what was asked for if it is all allowed, everything if nothing was asked for, else None."""
        if not scope:
            return " ".join(self.scopes)
        asked = dict.fromkeys(scope.split(" "))
        return " ".join(asked) if asked.keys() <= set(self.scopes) else None


class BadClientCredentials(InvalidClientError):  # type: ignore[misc]  # Authlib carries no types.
    """RFC 6749 §5.2, in the same words whatever was wrong with the credentials."""

    status_code = 401
    description = (
        "Client authentication failed: client_id and client_secret are expected by HTTP Basic, "
        "or a client_assertion signed by a registered key."
    )

    def get_headers(self) -> list[tuple[str, str]]:
        """RFC 7617 wants a realm, which Authlib leaves out."""
        return [*OAuth2Error.get_headers(self), ("WWW-Authenticate", 'Basic realm="haihe", charset="UTF-8"')]


class BadAssertion(BadClientCredentials):
    """The assertion is signed by the client's own key, but does not serve; so the client may be told why."""
