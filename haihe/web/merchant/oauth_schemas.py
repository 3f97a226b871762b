"""What the OAuth 2.0 endpoints take and give, in the words of their RFCs."""

from __future__ import annotations

from marshmallow import Schema, fields, validate

from haihe.usecases.token_keys import ALGORITHM, CURVE, TOKEN_LIVES

GRANT_TYPES = ("client_credentials",)
AUTH_METHODS = ("client_secret_basic",)
ERRORS = (
    "invalid_request",
    "invalid_client",
    "unauthorized_client",
    "unsupported_grant_type",
    "invalid_scope",
)


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

    error = fields.String(required=True, validate=validate.OneOf(ERRORS))
    error_description = fields.String(metadata={"description": "供开发者阅读，ASCII"})


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
