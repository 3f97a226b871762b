"""Reading an authorization request (RFC 6749 §4.1.1), whether it comes in the address or was pushed (RFC 9126).

Until client and redirect URI are known to belong together, whoever sent the browser here is not to be trusted: the error is
told on a page (`NoWayBack`). Afterwards it is told to the client (RFC 6749 §4.1.2.1).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from authlib.oauth2.rfc6749 import (
    InvalidRequestError,
    InvalidScopeError,
    OAuth2Error,
    UnauthorizedClientError,
    UnsupportedResponseTypeError,
)
from werkzeug.datastructures import MultiDict

from haihe.usecases.context import Context
from haihe.usecases.oauth_grants import Wanted
from haihe.web.merchant.oauth_client import Client
from haihe.web.merchant.oauth_errors import InvalidTarget, RequestNotSupported
from haihe.web.resources import known_resources

S256 = re.compile(r"[A-Za-z0-9_-]{43}")
SCENARIO = "scenario:"
ALLOWED_SCOPE = "check"
REPEATABLE = "resource"
LONGEST_STATE = 1024


class NoWayBack(Exception):
    """The browser cannot be sent back; the words are for the resident who stands there."""


@dataclass(frozen=True, slots=True)
class WayBack:
    """Where the browser is sent with the answer, and the state that goes with it."""

    redirect_uri: str
    state: str | None


@dataclass(frozen=True, slots=True)
class Asked:
    """An authorization request in which everything is right."""

    wanted: Wanted
    back: WayBack


class Refused(Exception):
    """The request is wrong, and the client can be told so."""

    def __init__(self, error: OAuth2Error, back: WayBack) -> None:
        super().__init__(error.error)
        self.error = error
        self.back = back


def read_request(ctx: Context, client: Client, given: MultiDict[str, str]) -> Asked:
    """What the client asks a resident for; NoWayBack or Refused."""
    back = _way_back(client, given)
    try:
        return Asked(_wanted(ctx, client, given), back)
    except OAuth2Error as error:
        raise Refused(error, back) from None


def _way_back(client: Client, given: MultiDict[str, str]) -> WayBack:
    uris = given.getlist("redirect_uri")
    if not client.known or not client.redirect_uris or len(given.getlist("client_id")) > 1:
        raise NoWayBack("没有这个商户，或它没有登记线上关联。请回到商户页面重试，或联系商户。")
    if not uris and len(client.redirect_uris) == 1:
        uris = list(client.redirect_uris)
    if len(uris) != 1 or uris[0] not in client.redirect_uris:
        raise NoWayBack("回跳地址与商户登记的不一致，为了您的安全没有继续。请联系商户。")
    states = given.getlist("state")
    return WayBack(uris[0], states[0] if len(states) == 1 and len(states[0]) <= LONGEST_STATE else None)


def _wanted(ctx: Context, client: Client, given: MultiDict[str, str]) -> Wanted:
    if any(len(values) > 1 for name, values in given.lists() if name != REPEATABLE):
        raise InvalidRequestError("A parameter was sent more than once.")
    if "request" in given:
        raise RequestNotSupported()
    if "response_type" not in given:
        raise InvalidRequestError("response_type is missing.")
    if given["response_type"] != "code":
        raise _UnsupportedResponseType()
    if given.get("response_mode", "query") != "query":
        raise InvalidRequestError("response_mode must be query.")
    if len(given.get("state", "")) > LONGEST_STATE:
        raise InvalidRequestError(f"state is longer than {LONGEST_STATE} characters.")
    if given.get("code_challenge_method") != "S256":
        raise InvalidRequestError("code_challenge_method must be S256 (RFC 7636, RFC 9700).")
    challenge = given.get("code_challenge", "")
    if not S256.fullmatch(challenge):
        raise InvalidRequestError("code_challenge must be 43 characters of base64url.")
    jkt = given.get("dpop_jkt")
    if jkt is not None and not S256.fullmatch(jkt):
        raise InvalidRequestError("dpop_jkt must be a SHA-256 thumbprint in base64url.")
    resources = tuple(dict.fromkeys(given.getlist("resource")))
    if not set(resources) <= set(known_resources(ctx.base_url)):
        raise InvalidTarget()
    partner = ctx.rules.up_to_date().partner(client.client_id)
    if partner is None or partner.merchant_id is None:
        raise UnauthorizedClientError("The client may not ask residents.")
    scopes, scenarios = _scopes(given.get("scope"), partner.scopes, partner.scenarios)
    return Wanted(
        client_id=client.client_id,
        merchant_id=partner.merchant_id,
        scopes=scopes,
        scenarios=scenarios,
        resources=resources,
        code_challenge=challenge,
        redirect_uri=given.get("redirect_uri"),
        dpop_jkt=jkt,
    )


def _scopes(
    scope: str | None, held: frozenset[str], admitted: frozenset[str]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The scopes and the scenarios asked for. A token for a resident can ask the question and do nothing else."""
    asked = dict.fromkeys(scope.split(" ")) if scope else {ALLOWED_SCOPE: None}
    scenarios = [one.removeprefix(SCENARIO) for one in asked if one.startswith(SCENARIO)]
    others = [one for one in asked if not one.startswith(SCENARIO)]
    if others not in ([], [ALLOWED_SCOPE]) or ALLOWED_SCOPE not in held or not set(scenarios) <= admitted:
        raise InvalidScopeError()
    chosen = tuple(sorted(scenarios or admitted))
    if not chosen:
        raise InvalidScopeError("The merchant has not been admitted to any scenario.")
    return (ALLOWED_SCOPE,), chosen


class _UnsupportedResponseType(UnsupportedResponseTypeError):  # type: ignore[misc]  # Authlib carries no types.
    """Authlib repeats what the caller sent, which may hold characters that are not allowed here."""

    def __init__(self) -> None:
        super().__init__(None, "response_type must be code.")

    def get_error_description(self) -> str:
        return "response_type must be code."
