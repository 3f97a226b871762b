"""What the OAuth 2.0 endpoints take and give, in the words of their RFCs."""

from __future__ import annotations

from marshmallow import Schema, fields, validate

from haihe.usecases.token_keys import ALGORITHM, CURVE, TOKEN_LIVES
from haihe.web.merchant.oauth_client import GRANT_TYPES

ERRORS = {
    "invalid_request": "请求不合规范：请以 application/x-www-form-urlencoded 提交，参数不缺、不重（resource 除外），"
    "客户端只用一种方式认证",
    "invalid_client": "客户端认证失败：请以登记的方式认证（HTTP Basic 或 private_key_jwt），并确认客户端未被吊销",
    "invalid_grant": "授权码或刷新令牌无效、已过期、已用过、已撤回，或不属于该客户端；请居民重新同意",
    "unauthorized_client": "该客户端不可使用这种授权方式；请先登记回跳地址",
    "unsupported_grant_type": f"grant_type 应为 {'、'.join(GRANT_TYPES)} 之一",
    "invalid_scope": "所求权限未获准：请只写该客户端已获准的 scope，或不填",
    "invalid_target": "resource 应为元数据中列出的接口地址，且在已获准的范围内",
    "invalid_dpop_proof": "DPoP 证明不符合 RFC 9449，原因见 error_description",
    "use_dpop_nonce": "请用本次答复的 DPoP-Nonce 重新签一份 DPoP 证明",
    "invalid_request_uri": "request_uri 无效、已用过或已过期（60 秒内使用一次）",
    "request_not_supported": "不支持 request 参数，请改用推送授权请求（/oauth/par）",
    "unsupported_response_type": "response_type 应为 code",
    "temporarily_unavailable": "暂时不能处理，令牌未变，请稍后再试",
}


class ClientCredentials(Schema):
    """RFC 7521 §4.2: for clients that authenticate with private_key_jwt; the others use HTTP Basic (RFC 6749 §2.3.1)."""

    client_assertion_type = fields.String(
        validate=validate.Equal("urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
    )
    client_assertion = fields.String(
        metadata={
            "description": "以登记的密钥签名的 JWT：iss=sub=client_id，aud 为签发者或令牌端点，带 exp、iat、jti"
        }
    )


class TokenRequest(ClientCredentials):
    """RFC 6749 §4.1.3, §4.4.2 and §6, with RFC 7636 and RFC 8707."""

    grant_type = fields.String(required=True, validate=validate.OneOf(GRANT_TYPES))
    scope = fields.String(
        metadata={
            "description": "以空格分隔；不填则为该客户端获准的全部权限",
            "example": "check order",
        }
    )
    resource = fields.List(
        fields.Url(), metadata={"description": "令牌用于哪些接口（RFC 8707），可重复；不填则为全部"}
    )
    code = fields.String(metadata={"description": "authorization_code：居民同意后所得的授权码"})
    redirect_uri = fields.Url(metadata={"description": "authorization_code：与授权请求中的相同"})
    code_verifier = fields.String(metadata={"description": "authorization_code：PKCE（RFC 7636）"})
    refresh_token = fields.String(metadata={"description": "refresh_token：上一次所得的刷新令牌，只能用一次"})


class TokenAnswer(Schema):
    """RFC 6749 §5.1."""

    access_token = fields.String(required=True, metadata={"description": "RFC 9068 JWT（ES256）"})
    token_type = fields.String(required=True, validate=validate.OneOf(["Bearer", "DPoP"]))
    expires_in = fields.Integer(
        required=True, metadata={"description": "秒", "example": int(TOKEN_LIVES.total_seconds())}
    )
    scope = fields.String(required=True, metadata={"example": "check order"})
    refresh_token = fields.String(metadata={"description": "仅居民同意后所得；每次刷新都会换新"})


class TokenShown(ClientCredentials):
    """RFC 7662 §2.1, RFC 7009 §2.1."""

    token = fields.String(required=True)
    token_type_hint = fields.String(metadata={"description": "不影响结果"})


class IntrospectionAnswer(Schema):
    """RFC 7662 §2.2. Where the token is not active, or not the client's own, nothing else is said."""

    active = fields.Boolean(required=True)
    scope = fields.String()
    client_id = fields.String()
    token_type = fields.String()
    exp = fields.Integer()
    iat = fields.Integer()
    sub = fields.String(metadata={"description": "居民在贵方的编号（成对标识），或客户端自己"})
    aud = fields.Raw()
    iss = fields.Url()
    jti = fields.String()
    cnf = fields.Dict(metadata={"description": "DPoP 所绑定的密钥（RFC 9449 §6.2）"})


class AuthorizationRequest(ClientCredentials):
    """RFC 6749 §4.1.1 with RFC 7636, RFC 8707 and RFC 9449 §10, pushed beforehand (RFC 9126)."""

    response_type = fields.String(required=True, validate=validate.Equal("code"))
    client_id = fields.String(required=True)
    redirect_uri = fields.Url(metadata={"description": "与登记的逐字相同"})
    scope = fields.String(
        metadata={
            "description": "check，以及 scenario:场景代码；不写场景则为贵方获准的全部场景",
            "example": "check scenario:XYZ-09",
        }
    )
    state = fields.String(metadata={"description": "原样带回"})
    code_challenge = fields.String(required=True, metadata={"description": "PKCE"})
    code_challenge_method = fields.String(required=True, validate=validate.Equal("S256"))
    resource = fields.List(fields.Url())
    dpop_jkt = fields.String()


class PushedAnswer(Schema):
    """RFC 9126 §2.2."""

    request_uri = fields.String(required=True)
    expires_in = fields.Integer(required=True, metadata={"example": 60})


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
    """RFC 8414 §2, with what RFC 9126 §5, RFC 9207 §3 and RFC 9449 §5.1 add."""

    issuer = fields.Url(required=True)
    authorization_endpoint = fields.Url(required=True)
    token_endpoint = fields.Url(required=True)
    pushed_authorization_request_endpoint = fields.Url(required=True)
    require_pushed_authorization_requests = fields.Boolean(required=True)
    introspection_endpoint = fields.Url(required=True)
    revocation_endpoint = fields.Url(required=True)
    jwks_uri = fields.Url(required=True)
    service_documentation = fields.Url(required=True)
    ui_locales_supported = fields.List(fields.String(), required=True)
    scopes_supported = fields.List(fields.String(), required=True)
    response_types_supported = fields.List(fields.String(), required=True)
    response_modes_supported = fields.List(fields.String(), required=True)
    grant_types_supported = fields.List(fields.String(), required=True)
    token_endpoint_auth_methods_supported = fields.List(fields.String(), required=True)
    token_endpoint_auth_signing_alg_values_supported = fields.List(fields.String(), required=True)
    introspection_endpoint_auth_methods_supported = fields.List(fields.String(), required=True)
    introspection_endpoint_auth_signing_alg_values_supported = fields.List(fields.String(), required=True)
    revocation_endpoint_auth_methods_supported = fields.List(fields.String(), required=True)
    revocation_endpoint_auth_signing_alg_values_supported = fields.List(fields.String(), required=True)
    code_challenge_methods_supported = fields.List(fields.String(), required=True)
    authorization_response_iss_parameter_supported = fields.Boolean(required=True)
    dpop_signing_alg_values_supported = fields.List(fields.String(), required=True)
