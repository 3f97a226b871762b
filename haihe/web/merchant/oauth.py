"""The OAuth 2.0 authorization server (RFC 6749) for machines: tokens, keys and metadata."""

from __future__ import annotations

import orjson
from flask import Response
from flask_smorest import Blueprint

from haihe.usecases.signing_keys import public_keys
from haihe.usecases.token_keys import SETTLES
from haihe.web.context import context
from haihe.web.merchant.oauth_schemas import (
    AUTH_METHODS,
    GRANT_TYPES,
    KeySetAnswer,
    OAuthError,
    ServerMetadata,
    TokenAnswer,
    TokenRequest,
)
from haihe.web.merchant.oauth_server import FORM, Server
from haihe.web.spec import OPTIONS

blp = Blueprint("merchant_oauth", __name__, description="OAuth 2.0")
server = Server()

SCOPES = tuple(OPTIONS["components"]["securitySchemes"]["oauth2"]["flows"]["clientCredentials"]["scopes"])


@blp.post("/oauth/token")
@blp.doc(
    summary="以客户端凭证换取访问令牌",
    security=[{"client": []}],
    requestBody={"required": True, "content": {FORM: {"schema": TokenRequest}}},
)
@blp.response(200, TokenAnswer)
@blp.alt_response(400, schema=OAuthError, description="请求不合规范，或所求权限未获准")
@blp.alt_response(401, schema=OAuthError, description="客户端不存在、密钥不符、已吊销或商户已暂停")
def token() -> Response:
    """Client credentials grant (RFC 6749 §4.4) with client_secret_basic; the access token is a JWT (RFC 9068)."""
    return server.create_token_response()


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
    return {
        "issuer": base,
        "token_endpoint": f"{base}/oauth/token",
        "jwks_uri": f"{base}/oauth/jwks",
        "scopes_supported": list(SCOPES),
        # There is no authorization endpoint, so no response type is supported; the member is required all the same.
        "response_types_supported": [],
        "grant_types_supported": list(GRANT_TYPES),
        "token_endpoint_auth_methods_supported": list(AUTH_METHODS),
    }
