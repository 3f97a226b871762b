"""Authlib's authorization server, told where our clients and keys are, and held to RFC 6749 where it is lenient."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

from authlib.integrations.flask_oauth2 import AuthorizationServer
from authlib.integrations.flask_oauth2.requests import FlaskOAuth2Payload, FlaskOAuth2Request
from authlib.oauth2.rfc6749 import (
    ClientCredentialsGrant,
    ClientMixin,
    InvalidClientError,
    InvalidRequestError,
    OAuth2Error,
    OAuth2Request,
    UnsupportedGrantTypeError,
)
from authlib.oauth2.rfc9068 import JWTBearerTokenGenerator
from flask import Request, Response
from flask import request as flask_request
from joserfc.jwk import KeySet
from werkzeug.datastructures import MultiDict

from haihe.storage.partners import OAuthClient
from haihe.usecases.oauth_clients import find_client
from haihe.usecases.signing_keys import signing_key
from haihe.usecases.token_keys import ALGORITHM, TOKEN_LIVES
from haihe.web.context import context
from haihe.web.merchant.oauth_schemas import AUTH_METHODS, ERRORS, GRANT_TYPES

FORM = "application/x-www-form-urlencoded"


class Client(ClientMixin):  # type: ignore[misc]  # Authlib carries no types.
    """A client as Authlib asks about it. One that we do not know is a client too, whose secret nobody has."""

    def __init__(self, client_id: str, row: OAuthClient | None) -> None:
        self.client_id = client_id
        self.scopes = tuple(row.scopes) if row else ()
        self._secret_sha256 = row.secret_sha256 if row else b""

    def get_client_id(self) -> str:
        return self.client_id

    def check_client_secret(self, client_secret: str) -> bool:
        """The secret is 256 random bits of our own making, so one SHA-256 guards it as well as a slow hash would."""
        shown = hashlib.sha256(client_secret.encode()).digest()
        return hmac.compare_digest(shown, self._secret_sha256)

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        return method in AUTH_METHODS

    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type in GRANT_TYPES

    def get_allowed_scope(self, scope: str | None) -> str | None:
        """RFC 6749 §3.3: what was asked for if it is all allowed, everything if nothing was asked for, else None."""
        if not scope:
            return " ".join(self.scopes)
        asked = dict.fromkeys(scope.split(" "))
        return " ".join(asked) if asked.keys() <= set(self.scopes) else None


class BadClientCredentials(InvalidClientError):  # type: ignore[misc]  # Authlib carries no types.
    """RFC 6749 §5.2, in the same words whatever was wrong with the credentials."""

    status_code = 401
    description = "Client authentication failed: client_id and client_secret are expected by HTTP Basic."

    def get_headers(self) -> list[tuple[str, str]]:
        """RFC 7617 wants a realm, which Authlib leaves out."""
        return [*OAuth2Error.get_headers(self), ("WWW-Authenticate", 'Basic realm="haihe", charset="UTF-8"')]


class UnknownGrantType(UnsupportedGrantTypeError):  # type: ignore[misc]  # Authlib carries no types.
    """Authlib repeats what the caller sent, which may hold characters that RFC 6749 §5.2 does not allow here."""

    description = f"grant_type must be one of: {', '.join(GRANT_TYPES)}."


class TokenPayload(FlaskOAuth2Payload):  # type: ignore[misc]  # Authlib carries no types.
    """The parameters of a token request: from the body alone (RFC 6749 §4.4.2), and without the empty ones, which
    count as left out (§3.2)."""

    def __init__(self, request: Request) -> None:
        super().__init__(request)
        given = request.form.items(multi=True) if request.mimetype == FORM else ()
        self._parameters = MultiDict([(name, value) for name, value in given if value])

    @property
    def data(self) -> MultiDict[str, str]:
        return self._parameters


class TokenCall(FlaskOAuth2Request):  # type: ignore[misc]  # Authlib carries no types.
    """The request as it reached us from outside, that is under our own address: TLS ends in front of us."""

    def __init__(self, request: Request) -> None:
        uri = context().base_url + request.path
        OAuth2Request.__init__(self, method=request.method, uri=uri, headers=request.headers)
        self._request = request
        self.payload = TokenPayload(request)


class TokenGenerator(JWTBearerTokenGenerator):  # type: ignore[misc]  # Authlib carries no types.
    """JWT access tokens (RFC 9068), signed by our current key, for all of our interfaces, by our own clock."""

    def __init__(self) -> None:
        super().__init__(issuer=None, alg=ALGORITHM, expires_generator=int(TOKEN_LIVES.total_seconds()))

    def get_jwks(self) -> KeySet:
        # A set of one: Authlib then puts the key's id into the header.
        ctx = context()
        return KeySet([signing_key(ctx, ctx.now())])

    def get_audiences(self, client: Client, user: None, scope: str) -> str:
        return context().base_url

    def get_extra_claims(self, client: Client, grant_type: str, user: None, scope: str) -> dict[str, Any]:
        issued = int(context().now().timestamp())
        exp = issued + int(TOKEN_LIVES.total_seconds())
        return {"iss": context().base_url, "iat": issued, "exp": exp}


class Server(AuthorizationServer):  # type: ignore[misc]  # Authlib carries no types.
    """The authorization server: looks our clients up and refuses what RFC 6749 calls malformed."""

    def __init__(self) -> None:
        super().__init__()
        self.register_token_generator("default", TokenGenerator())
        self.register_grant(ClientCredentialsGrant)

    def query_client(self, client_id: str) -> Client:
        return Client(client_id, find_client(client_id))

    def save_token(self, token: dict[str, Any], request: OAuth2Request) -> None:
        """Nothing is kept: a JWT says all there is to say."""

    def create_oauth2_request(self, request: None) -> TokenCall:
        return TokenCall(flask_request)

    def authenticate_client(self, request: TokenCall, methods: list[str], endpoint: str = "token") -> Client:
        try:
            client: Client = super().authenticate_client(request, methods, endpoint)
        except (InvalidClientError, ValueError):
            # A ValueError is what Authlib makes of a header that is not base64 or not UTF-8.
            raise BadClientCredentials() from None
        if request.payload.data.get("client_id", client.client_id) != client.client_id:
            raise InvalidRequestError("client_id differs from the client that authenticated.")
        return client

    def get_token_grant(self, request: TokenCall) -> Any:
        """RFC 6749 §3.2 and §5.2: a missing, repeated or doubled parameter is an invalid_request."""
        parameters = request.payload.datalist
        if flask_request.mimetype != FORM:
            raise InvalidRequestError(f"The body must be {FORM}.")
        if any(len(values) > 1 for values in parameters.values()):
            raise InvalidRequestError("A parameter was sent more than once.")
        if "grant_type" not in parameters:
            raise InvalidRequestError("grant_type is missing.")
        if "client_secret" in parameters or "client_assertion" in parameters:
            raise InvalidRequestError("Only client_secret_basic is accepted for client authentication.")
        try:
            return super().get_token_grant(request)
        except UnsupportedGrantTypeError as error:
            raise UnknownGrantType(error.grant_type) from None

    def handle_response(
        self, status_code: int, payload: dict[str, Any], headers: list[tuple[str, str]]
    ) -> Response:
        """RFC 6749 §5.2 allows only ASCII in error_description and further members beside it: ours says it in Chinese."""
        if payload.get("error") in ERRORS:
            payload = {**payload, "hint": ERRORS[payload["error"]]}
        answer: Response = super().handle_response(status_code, payload, headers)
        return answer

    def create_token_response(self, request: None = None) -> Response:
        """As Authlib's, which lets the errors of `get_token_grant` other than an unknown grant pass."""
        try:
            return super().create_token_response(request)
        except OAuth2Error as error:
            return self.handle_error_response(request, error)
