"""What the OAuth 2.0 endpoints take and give, in the words of their RFCs."""

from __future__ import annotations

from marshmallow import Schema, fields, validate

from haihe.usecases.token_keys import ALGORITHM, CURVE, TOKEN_LIVES

GRANT_TYPES = ("client_credentials",)
AUTH_METHODS = ("client_secret_basic",)
ERRORS = {
    "invalid_request": "请求不合规范：请以 application/x-www-form-urlencoded 提交，参数不缺、不重，"
    "client_id 与 client_secret 只放在 Authorization 头里",
    "invalid_client": "客户端认证失败：请以 HTTP Basic 出示 client_id 与 client_secret，并确认客户端未被吊销",
    "unauthorized_client": "该客户端不可使用这种授权方式",
    "unsupported_grant_type": "grant_type 应为 client_credentials",
    "invalid_scope": "所求权限未获准：请只写该客户端已获准的 scope，或不填",
}


class TokenRequest(Schema):
    """RFC 6749 §4.4.2; client_id and client_secret go into the Authorization header (§2.3.1)."""

    grant_type = fields.String(required=True, validate=validate.OneOf(GRANT_TYPES))
    scope = fields.String(
        metadata={
            "description": "以空格分隔；不填则为该客户端获准的全部权限",
            "example": "check order",
        }
    )


class TokenAnswer(Schema):
    """RFC 6749 §5.1."""

    access_token = fields.String(required=True, metadata={"description": "RFC 9068 JWT（ES256）"})
    token_type = fields.String(required=True, validate=validate.Equal("Bearer"))
    expires_in = fields.Integer(
        required=True, metadata={"description": "秒", "example": int(TOKEN_LIVES.total_seconds())}
    )
    scope = fields.String(required=True, metadata={"example": "check order"})


class OAuthError(Schema):
    """RFC 6749 §5.2."""

    error = fields.String(required=True, validate=validate.OneOf(list(ERRORS)))
    error_description = fields.String(metadata={"description": "供开发者阅读，ASCII"})
    hint = fields.String(metadata={"description": "同样的意思，用中文：哪里不对、怎么办"})


class PublicKey(Schema):
    """RFC 7517 §4."""

    kty = fields.String(required=True, metadata={"example": "EC"})
    crv = fields.String(required=True, metadata={"example": CURVE})
    x = fields.String(required=True)
    y = fields.String(required=True)
    kid = fields.String(required=True)
    alg = fields.String(required=True, metadata={"example": ALGORITHM})
    use = fields.String(required=True, metadata={"example": "sig"})


class KeySetAnswer(Schema):
    """RFC 7517 §5."""

    keys = fields.List(fields.Nested(PublicKey), required=True)


class ServerMetadata(Schema):
    """RFC 8414 §2."""

    issuer = fields.Url(required=True)
    token_endpoint = fields.Url(required=True)
    jwks_uri = fields.Url(required=True)
    scopes_supported = fields.List(fields.String(), required=True)
    response_types_supported = fields.List(fields.String(), required=True)
    grant_types_supported = fields.List(fields.String(), required=True)
    token_endpoint_auth_methods_supported = fields.List(fields.String(), required=True)
