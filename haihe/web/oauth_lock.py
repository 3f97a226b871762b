"""The lock of the machine doors: JWT access tokens (RFC 9068), verified in this worker. They are shown as bearer tokens
(RFC 6750) or, where they are bound to a key, with a proof of holding it (DPoP, RFC 9449).

A signature takes a hundred microseconds to verify, so a token that has been verified is remembered, by its SHA-256,
until it expires. What is remembered says only that the token is ours; whether its client may still speak to us is
asked of the rules in force every time. A token that speaks for a resident is asked about in PostgreSQL every time, for a
consent taken back ends it at once.
"""

from __future__ import annotations

import hashlib
import threading
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NoReturn

from flask import Response, current_app, g, request
from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey
from werkzeug.exceptions import HTTPException

from haihe.domain.errors import Forbidden, Unauthenticated
from haihe.usecases.context import Context
from haihe.usecases.oauth_grants import subject_of_grant
from haihe.usecases.rules_in_force import Partner
from haihe.usecases.token_keys import ALGORITHM, LEEWAY, TOKEN_LIVES
from haihe.web.context import context
from haihe.web.dpop import ALGORITHMS, BadProof, NonceWanted, first_use, present_nonce, shown_proof
from haihe.web.problems import problem, told_by
from haihe.web.rate_limits import count_calls
from haihe.web.resources import known_resources, serves

EXTENSION = "haihe_verified_tokens"
# RFC 9068 §4: the media type with or without its prefix; media types are compared without regard to case.
TYPES = ("at+jwt", "application/at+jwt")
LONGEST_TOKEN = 4096
MOST_REMEMBERED = 20_000
WORTHLESS = "访问令牌无效、已过期或已吊销，请重新获取"
ASK_AGAIN_AFTER = timedelta(seconds=1)

REGISTRY = jws.JWSRegistry(algorithms=[ALGORITHM])


@dataclass(frozen=True, slots=True)
class VerifiedToken:
    """What a valid access token says: whose it is, what it may be used for, and until when (seconds since 1970).

    `subject` is the client's own id, or a resident's pairwise id where `grant_id` names the grant that it rests on; `jkt`
    is the thumbprint of the key that it is bound to.
    """

    client_id: str
    scope_in_order: tuple[str, ...]
    scopes: frozenset[str]
    iat: float
    exp: float
    jti: str
    audiences: tuple[str, ...]
    subject: str
    jkt: str | None
    grant_id: int | None


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
            verified = _said(decoded.claims)
        except (JoseError, ValueError, TypeError, AttributeError):
            # joserfc meets some malformed headers with Python's own errors rather than with its own.
            _refuse()
        typ = decoded.header.get("typ")
        right_type = isinstance(typ, str) and typ.lower() in TYPES
        # No token of ours lives longer; this bounds what a key that got out can still do after it is retired.
        right_life = verified.exp - verified.iat <= TOKEN_LIVES.total_seconds()
        ours = any(audience in known_resources(ctx.base_url) for audience in verified.audiences)
        if not (right_type and right_life and ours):
            _refuse()
        return verified

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


def read_token(shown: str) -> VerifiedToken:
    """What a token of ours says, or Unauthenticated; whether it may be used here and now is not asked."""
    return _verified_tokens().verify(context(), shown)


def verified_token(scope: str) -> VerifiedToken:
    """The access token of this request, good for this scope and shown as it must be.

    One that speaks for its client alone, as a bearer token, costs neither a query nor a look into Redis. Whether its
    client or the token itself has been revoked is for `partner_of` to say, once the rules in force are known to be current.
    """
    scheme, shown = _shown()
    ctx = context()
    token = _verified_tokens().verify(ctx, shown)
    _check_binding(ctx, token, scheme, shown)
    if token.grant_id is not None and subject_of_grant(token.grant_id, ctx.now()) != token.subject:
        _refuse(scheme)
    if not serves(token.audiences, ctx.base_url, request.path):
        _refuse(scheme)
    count_calls(ctx, token.client_id)
    if scope not in token.scopes:
        _insufficient(scope)
    g.verified_token = token
    return token


def unless_revoked(answer: Response) -> Response:
    """For doors that do not ask `partner_of`: after the answer has been made, is its token still good? Else nobody sees it."""
    token: VerifiedToken | None = g.get("verified_token")
    if token is not None and context().rules.token_revoked(token.jti):
        return told_by(Unauthenticated("TOKEN_INVALID", WORTHLESS))
    return answer


def partner_of(token: VerifiedToken, scope: str) -> Partner:
    """Whose token it is, as the rules in force have it in memory; Unauthenticated if revoked or suspended."""
    rules = context().rules
    partner = rules.partner(token.client_id)
    if partner is None or rules.token_revoked(token.jti):
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


def _shown() -> tuple[str, str]:
    """The scheme and the token in the Authorization header (RFC 6750 §2.1, RFC 9449 §7.1); no other way is offered."""
    scheme, _, token = request.environ.get("HTTP_AUTHORIZATION", "").partition(" ")
    scheme, token = scheme.lower(), token.strip(" ")
    if scheme not in ("bearer", "dpop") or not token:
        raise Unauthenticated("TOKEN_MISSING", "请在 Authorization 头以 Bearer 或 DPoP 方式出示访问令牌")
    return scheme, token


def _check_binding(ctx: Context, token: VerifiedToken, scheme: str, shown: str) -> None:
    """RFC 9449 §7: a token bound to a key comes with a proof and as DPoP, any other as Bearer."""
    if token.jkt is None:
        if scheme != "bearer":
            _refuse(scheme)
        return
    if scheme != "dpop":
        _refuse("dpop")
    at = ctx.now()
    try:
        proof = shown_proof(ctx, at, shown)
        if proof is None:
            raise BadProof("A DPoP proof is required.")
        if proof.jkt != token.jkt:
            _refuse("dpop")
        first_use(proof, at)
    except BadProof as error:
        detail = "DPoP 证明不符合 RFC 9449：每次请求用令牌所绑定的密钥签一份新的证明"
        _challenge("DPOP_PROOF_INVALID", detail, "invalid_dpop_proof", str(error))
    except NonceWanted:
        detail = "请用本次答复的 DPoP-Nonce 重新签一份 DPoP 证明"
        _challenge(
            "DPOP_NONCE_WANTED", detail, "use_dpop_nonce", "Resource server requires nonce in DPoP proof"
        )


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def _claims_registry(issuer: str, at: datetime) -> jwt.JWTClaimsRegistry:
    """RFC 9068 §2.2: the claims that must be there, and what they must be."""
    return jwt.JWTClaimsRegistry(
        now=int(at.timestamp()),
        leeway=int(LEEWAY.total_seconds()),
        iss={"essential": True, "value": issuer},
        aud={"essential": True},
        sub={"essential": True},
        client_id={"essential": True},
        exp={"essential": True},
        iat={"essential": True},
        jti={"essential": True},
    )


def _said(claims: dict[str, Any]) -> VerifiedToken:
    """The claims as what they must be; ValueError or TypeError otherwise."""
    aud, scope, grant, cnf = claims["aud"], claims.get("scope", ""), claims.get("grant"), claims.get("cnf")
    audiences = tuple(aud) if isinstance(aud, list) else (aud,)
    jkt = None if cnf is None else cnf["jkt"]
    texts = (*audiences, scope, claims["client_id"], claims["sub"], claims["jti"], jkt or "", grant or "")
    if not all(isinstance(text, str) for text in texts):
        raise ValueError("claims")
    in_order = tuple(scope.split())
    return VerifiedToken(
        client_id=claims["client_id"],
        scope_in_order=in_order,
        scopes=frozenset(in_order),
        iat=claims["iat"],
        exp=claims["exp"],
        jti=claims["jti"],
        audiences=audiences,
        subject=claims["sub"],
        jkt=jkt,
        grant_id=None if grant is None else int(grant),
    )


def _refuse(scheme: str = "bearer") -> NoReturn:
    # Why is not told: to an honest client the remedy is the same, and a forger learns nothing.
    code, detail = "TOKEN_INVALID", WORTHLESS
    if scheme == "dpop":
        _challenge(code, detail, "invalid_token")
    raise Unauthenticated(code, detail)


def _challenge(code: str, detail: str, error: str, description: str = "") -> NoReturn:
    """RFC 9449 §7.1: what was wrong, which algorithms we take, and the nonce for the next proof."""
    ctx = context()
    told = f', error_description="{description}"' if description else ""
    headers = {
        "WWW-Authenticate": f'DPoP realm="haihe", error="{error}"{told}, algs="{" ".join(ALGORITHMS)}"',
        "DPoP-Nonce": present_nonce(ctx, ctx.now()),
    }
    raise HTTPException(response=problem(401, code, detail, headers))


def _insufficient(scope: str) -> NoReturn:
    raise Forbidden("INSUFFICIENT_SCOPE", f"访问令牌没有 {scope} 权限，请以该权限重新获取")
