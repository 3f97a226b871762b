"""The OAuth 2.0 authorization server (RFC 6749): tokens, what became of them, keys and metadata."""

from __future__ import annotations

from typing import Any

import orjson
from authlib.oauth2.rfc6749 import InvalidRequestError, UnauthorizedClientError
from flask import Response
from flask_smorest import Blueprint
from werkzeug.datastructures import MultiDict

from haihe.usecases.client_registrations import AUTH_METHODS
from haihe.usecases.push_request import LIVES, push_request
from haihe.usecases.signing_keys import public_keys
from haihe.usecases.token_keys import SETTLES
from haihe.web.context import context
from haihe.web.dpop import ALGORITHMS as DPOP_ALGORITHMS
from haihe.web.merchant.oauth_assertion import ALGORITHMS
from haihe.web.merchant.oauth_client import GRANT_TYPES
from haihe.web.merchant.oauth_endpoints import Answer, introspect, revoke
from haihe.web.merchant.oauth_errors import InvalidDPoPProof
from haihe.web.merchant.oauth_request import NoWayBack, Refused, read_request
from haihe.web.merchant.oauth_schemas import (
    AuthorizationRequest,
    IntrospectionAnswer,
    KeySetAnswer,
    OAuthError,
    PushedAnswer,
    ServerMetadata,
    TokenAnswer,
    TokenRequest,
    TokenShown,
)
from haihe.web.merchant.oauth_server import FORM, Call, Server
from haihe.web.spec import COMPONENTS

blp = Blueprint("merchant_oauth", __name__, description="OAuth 2.0")
server = Server()

SCOPES = tuple(COMPONENTS["securitySchemes"]["oauth2"]["flows"]["clientCredentials"]["scopes"])
CREDENTIALS = frozenset({"client_assertion", "client_assertion_type"})


def _form(schema: type, summary: str) -> dict[str, Any]:
    return {
        "summary": summary,
        "security": [{"client": []}, {}],
        "requestBody": {"required": True, "content": {FORM: {"schema": schema}}},
    }


@blp.post("/oauth/token")
@blp.doc(**_form(TokenRequest, "换取访问令牌"))
@blp.response(200, TokenAnswer)
@blp.alt_response(400, schema=OAuthError, description="请求不合规范，或所求权限未获准")
@blp.alt_response(401, schema=OAuthError, description="客户端不存在、密钥不符、已吊销或商户已暂停")
def token() -> Response:
    """Client credentials, authorization code with PKCE, or refresh token; with client_secret_basic or private_key_jwt.

    The access token is a JWT (RFC 9068); with a DPoP proof (RFC 9449) it is bound to the key of the proof.
    """
    return server.answer(server.create_token)


@blp.post("/oauth/par")
@blp.doc(**_form(AuthorizationRequest, "推送授权请求"))
@blp.response(201, PushedAnswer)
@blp.alt_response(400, schema=OAuthError, description="授权请求不合规范")
@blp.alt_response(401, schema=OAuthError, description="客户端认证失败")
def par() -> Response:
    """Pushed authorization request (RFC 9126): told at once what is wrong with it, and kept for sixty seconds."""
    return server.answer(_push)


@blp.post("/oauth/introspect")
@blp.doc(**_form(TokenShown, "查询自己的令牌"))
@blp.response(200, IntrospectionAnswer)
@blp.alt_response(400, schema=OAuthError, description="缺少 token")
@blp.alt_response(401, schema=OAuthError, description="客户端认证失败")
def introspection() -> Response:
    """Token introspection (RFC 7662): only of the client's own tokens; any other is simply not active."""
    return server.answer(lambda call: introspect(server, call))


@blp.post("/oauth/revoke")
@blp.doc(**_form(TokenShown, "吊销自己的令牌"))
@blp.response(200, description="令牌已不可用，下一次请求即被拒绝")
@blp.alt_response(400, schema=OAuthError, description="缺少 token，或令牌属于别的客户端")
@blp.alt_response(401, schema=OAuthError, description="客户端认证失败")
@blp.alt_response(503, schema=OAuthError, description="一分钟内吊销过多，令牌未变，稍后再试")
def revocation() -> Response:
    """Token revocation (RFC 7009): effective on the very next request; a refresh token takes its whole family with it."""
    return server.answer(lambda call: revoke(server, call))


@blp.get("/oauth/jwks")
@blp.doc(summary="验证访问令牌的公钥", security=[])
@blp.response(200, KeySetAnswer, content_type="application/jwk-set+json")
def jwks() -> Response:
    """The public keys (RFC 7517 §5): those of tokens in use, and the one that will sign next."""
    ctx = context()
    keys = [key.public.as_dict(private=False) for key in public_keys(ctx, ctx.now())]
    answer = Response(orjson.dumps({"keys": keys}), content_type="application/jwk-set+json")
    # Whoever keeps the answer for so long has the next key before they meet a token of it.
    answer.headers["Cache-Control"] = f"public, max-age={int(SETTLES.total_seconds())}"
    return answer


@blp.get("/.well-known/oauth-authorization-server")
@blp.doc(summary="授权服务器元数据", security=[])
@blp.response(200, ServerMetadata)
def metadata() -> dict[str, object]:
    """What this authorization server offers (RFC 8414 §2)."""
    base = context().base_url
    told: dict[str, object] = {
        "issuer": base,
        "authorization_endpoint": f"{base}/oauth/authorize",
        "token_endpoint": f"{base}/oauth/token",
        "pushed_authorization_request_endpoint": f"{base}/oauth/par",
        "require_pushed_authorization_requests": False,
        "introspection_endpoint": f"{base}/oauth/introspect",
        "revocation_endpoint": f"{base}/oauth/revoke",
        "jwks_uri": f"{base}/oauth/jwks",
        "service_documentation": f"{base}/docs/",
        "ui_locales_supported": ["zh-CN"],
        "scopes_supported": list(SCOPES),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": list(GRANT_TYPES),
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": True,
        "dpop_signing_alg_values_supported": list(DPOP_ALGORITHMS),
    }
    for endpoint in ("token", "introspection", "revocation"):
        told[f"{endpoint}_endpoint_auth_methods_supported"] = list(AUTH_METHODS)
        told[f"{endpoint}_endpoint_auth_signing_alg_values_supported"] = list(ALGORITHMS)
    return told


def _push(call: Call) -> Answer:
    client = server.authenticate_client(call, None, "par")
    given = MultiDict(
        (name, value) for name, value in call.payload.data.items(multi=True) if name not in CREDENTIALS
    )
    if "request_uri" in given:
        raise InvalidRequestError("request_uri cannot be pushed.")
    if not client.check_grant_type("authorization_code"):
        raise UnauthorizedClientError("The client has not registered a redirect URI.")
    if call.proof is not None and given.setdefault("dpop_jkt", call.proof.jkt) != call.proof.jkt:
        raise InvalidDPoPProof("dpop_jkt is not the thumbprint of the key of the proof.")
    try:
        read_request(context(), client, given)
    except NoWayBack:
        raise InvalidRequestError("redirect_uri must be one that the client registered.") from None
    except Refused as refused:
        raise refused.error from None
    ctx = context()
    uri = push_request(client.client_id, list(given.items(multi=True)), ctx.now())
    answer = {"request_uri": uri, "expires_in": int(LIVES.total_seconds())}
    return 201, answer, [("Content-Type", "application/json"), ("Cache-Control", "no-store")]
