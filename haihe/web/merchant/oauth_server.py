"""Authlib's authorization server, told where our clients and keys are, and held to RFC 6749 where it is lenient."""

from __future__ import annotations

from typing import Any

from authlib.integrations.flask_oauth2 import AuthorizationServer
from authlib.integrations.flask_oauth2.requests import FlaskOAuth2Payload, FlaskOAuth2Request
from authlib.oauth2.rfc6749 import (
    InvalidClientError,
    InvalidRequestError,
    OAuth2Error,
    OAuth2Request,
    UnsupportedGrantTypeError,
)
from flask import Request, Response
from flask import request as flask_request
from werkzeug.datastructures import MultiDict

from haihe.usecases.client_registrations import BASIC
from haihe.web.context import context
from haihe.web.dpop import BadProof, NonceWanted, Proof, first_use, present_nonce, shown_proof
from haihe.web.merchant.oauth_assertion import ASSERTION_TYPE, authenticate_by_assertion
from haihe.web.merchant.oauth_client import BadClientCredentials, Client
from haihe.web.merchant.oauth_errors import InvalidDPoPProof, UnknownGrantType, UseDPoPNonce
from haihe.web.merchant.oauth_grants import OurAuthorizationCode, OurClientCredentials, OurRefreshToken, Pkce
from haihe.web.merchant.oauth_schemas import ERRORS

FORM = "application/x-www-form-urlencoded"
# RFC 8707 §2 lets a client name several resources; every other parameter comes once (RFC 6749 §3.2).
REPEATABLE = "resource"


class Payload(FlaskOAuth2Payload):  # type: ignore[misc]  # Authlib carries no types.
    """The parameters of a request: from the body alone (RFC 6749 §4.4.2), and without the empty ones, which count as
    left out (§3.2)."""

    def __init__(self, request: Request) -> None:
        super().__init__(request)
        given = request.form.items(multi=True) if request.mimetype == FORM else ()
        self._parameters = MultiDict([(name, value) for name, value in given if value])

    @property
    def data(self) -> MultiDict[str, str]:
        return self._parameters


class Call(FlaskOAuth2Request):  # type: ignore[misc]  # Authlib carries no types.
    """The request as it reached us from outside, that is under our own address: TLS ends in front of us."""

    def __init__(self, request: Request) -> None:
        uri = context().base_url + request.path
        OAuth2Request.__init__(self, method=request.method, uri=uri, headers=request.headers)
        self._request = request
        self.payload = Payload(request)
        self.proof: Proof | None = None

    @property
    def form(self) -> MultiDict[str, str]:
        """The same parameters, for those parts of Authlib that look here."""
        return self.payload.data


class Server(AuthorizationServer):  # type: ignore[misc]  # Authlib carries no types.
    """The authorization server: looks our clients up and refuses what RFC 6749 calls malformed."""

    def __init__(self) -> None:
        super().__init__()
        self.register_grant(OurClientCredentials)
        self.register_grant(OurAuthorizationCode, [Pkce(required=True)])
        self.register_grant(OurRefreshToken)

    def query_client(self, client_id: str) -> Client:
        return Client.find(client_id)

    def save_token(self, token: dict[str, Any], request: OAuth2Request) -> None:
        """Nothing is kept: a JWT says all there is to say."""

    def create_oauth2_request(self, request: object) -> Call:
        return request if isinstance(request, Call) else Call(flask_request)

    def authenticate_client(self, request: Call, methods: object, endpoint: str = "token") -> Client:
        """The client that sends this request, in the one way in which it registered to authenticate."""
        given = request.payload.data
        if "client_secret" in given:
            raise InvalidRequestError("client_secret belongs into the Authorization header.")
        by_key = "client_assertion" in given or "client_assertion_type" in given
        client = self._by_assertion(request) if by_key else self._by_secret(request)
        if given.get("client_id", client.client_id) != client.client_id:
            raise InvalidRequestError("client_id differs from the client that authenticated.")
        if request.proof is not None:
            try:
                first_use(request.proof, context().now())
            except BadProof as error:
                raise InvalidDPoPProof(str(error)) from None
        return client

    def _by_secret(self, request: Call) -> Client:
        try:
            client: Client = super().authenticate_client(request, [BASIC])
        except (InvalidClientError, ValueError):
            # A ValueError is what Authlib makes of a header that is not base64 or not UTF-8.
            raise BadClientCredentials() from None
        return client

    def _by_assertion(self, request: Call) -> Client:
        given, ctx = request.payload.data, context()
        if "Authorization" in request.headers:
            raise InvalidRequestError("A client authenticates in one way only.")
        if given.get("client_assertion_type") != ASSERTION_TYPE or "client_assertion" not in given:
            raise BadClientCredentials()
        # RFC 7523 §3 and RFC 9126 §2: our issuer identifier, the token endpoint, or the endpoint that is being called.
        audiences = {ctx.base_url, f"{ctx.base_url}/oauth/token", request.uri}
        client = authenticate_by_assertion(ctx, given["client_assertion"], audiences, ctx.now())
        request.auth_method = "private_key_jwt"
        return client

    def read(self) -> Call:
        """A request to an endpoint for machines, well formed (RFC 6749 §3.2), its DPoP proof looked at (RFC 9449 §5)."""
        call = Call(flask_request)
        if flask_request.mimetype != FORM:
            raise InvalidRequestError(f"The body must be {FORM}.")
        if any(len(values) > 1 for name, values in call.payload.datalist.items() if name != REPEATABLE):
            raise InvalidRequestError("A parameter was sent more than once.")
        ctx = context()
        try:
            call.proof = shown_proof(ctx, ctx.now())
        except BadProof as error:
            raise InvalidDPoPProof(str(error)) from None
        except NonceWanted:
            raise UseDPoPNonce() from None
        return call

    def get_token_grant(self, request: Call) -> Any:
        """RFC 6749 §5.2: a missing grant_type is an invalid_request, an unknown one is named for what it is."""
        if "grant_type" not in request.payload.datalist:
            raise InvalidRequestError("grant_type is missing.")
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
        if "HTTP_DPOP" in flask_request.environ:
            ctx = context()
            answer.headers["DPoP-Nonce"] = present_nonce(ctx, ctx.now())
        return answer

    def answer(self, endpoint: Any) -> Response:
        """What the endpoint makes of a well-formed request: status, body and headers, or the error that its RFC names."""
        try:
            call = self.read()
            return self.handle_response(*endpoint(call))
        except OAuth2Error as error:
            return self.handle_error_response(None, error)

    def create_token(self, call: Call) -> tuple[int, dict[str, Any], list[tuple[str, str]]]:
        """The token endpoint (RFC 6749 §3.2)."""
        grant = self.get_token_grant(call)
        grant.validate_token_request()
        if call.client.dpop_required and call.proof is None:
            raise InvalidRequestError(
                "This client registered dpop_bound_access_tokens: a DPoP proof is required."
            )
        answer: tuple[int, dict[str, Any], list[tuple[str, str]]] = grant.create_token_response()
        return answer
