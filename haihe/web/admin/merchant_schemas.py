"""What administrators send and see about merchants."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields, validate

from haihe.usecases.client_registrations import AUTH_METHODS
from haihe.web.bodies import LARGEST_ID, Body, Moment, Number, Text, YesNo

STATES = ("APPLIED", "RETURNED", "REFUSED", "ACTIVE", "SUSPENDED")


def codes(longest: int, **more: Any) -> fields.List:
    """A list of codes."""
    said = {"required": "必填", "null": "不能为空", "invalid": "应为列表"}
    several = validate.Length(max=50, error="最多 50 项")
    return fields.List(Text(longest), required=True, validate=several, error_messages=said, **more)


class WishBody(Body):
    """An application, written down for a merchant."""

    name = Text(128, metadata={"description": "执照上的名称"})
    uscc = Text(32, metadata={"description": "统一社会信用代码"})
    kind = Text(64, metadata={"description": "行业"})
    contact = Text(32, metadata={"description": "联系人（加密存放）"})
    phone = Text(32, metadata={"description": "联系电话（加密存放）"})
    districts = codes(6, metadata={"description": "营业的区，第一个是门店所在的区", "example": ["120103"]})
    scenarios = codes(16, metadata={"description": "希望接入的场景", "example": ["XYZ-07"]})


class ReasonBody(Body):
    """Why; the merchant is told."""

    reason = Text(400)


class ScenariosBody(Body):
    """Scenarios admitted."""

    scenarios = codes(16)


class PersonBody(Body):
    """An account for somebody of the merchant."""

    username = Text(64, verbatim=True)
    password = Text(256, verbatim=True, load_only=True)
    totp_secret = Text(128, verbatim=True, load_only=True, metadata={"description": "动态口令密钥，Base32"})
    role = Text(16, validate=validate.OneOf(("cashier", "manager"), error="应为 cashier 或 manager"))


class ClientBody(Body):
    """An OAuth client of the merchant (RFC 7591's words)."""

    auth_method = Text(32, validate=validate.OneOf(AUTH_METHODS, error=f"应为 {' 或 '.join(AUTH_METHODS)}"))
    scopes = codes(16, metadata={"example": ["check", "order"]})
    jwks = fields.Dict(
        load_default=None,
        allow_none=True,
        error_messages={"invalid": "应为 JSON 对象"},
        metadata={"description": "private_key_jwt 的公钥（RFC 7517）"},
    )
    redirect_uris = fields.List(
        Text(2000), load_default=[], error_messages={"invalid": "应为列表", "null": "不能为空"}
    )
    dpop_required = YesNo(load_default=False)


class ClientAnswer(Schema):
    """A client as it is handed out; the secret is told this once."""

    client_id = fields.String(required=True)
    client_secret = fields.String(required=True, allow_none=True)


class ClientView(Schema):
    """A client as it is registered."""

    client_id = fields.String(required=True)
    auth_method = fields.String(required=True)
    scopes = fields.List(fields.String(), required=True)
    sandbox = fields.Boolean(required=True)
    created_at = Moment(required=True)
    revoked_at = Moment(required=True, allow_none=True)


class MerchantsQuery(Body):
    """Which page of the list."""

    state = Text(
        16,
        required=False,
        load_default=None,
        validate=validate.OneOf(STATES, error=f"应为 {'、'.join(STATES)} 之一"),
    )
    after = Number(0, LARGEST_ID, load_default=0, metadata={"description": "上一页的 next"})
    limit = Number(1, 100, load_default=50)


class MerchantLine(Schema):
    """A merchant in a list."""

    merchant_id = fields.Integer(required=True, attribute="id")
    name = fields.String(required=True)
    uscc = fields.String(required=True)
    district = fields.String(required=True)
    kind = fields.String(required=True)
    state = fields.String(required=True, validate=validate.OneOf(STATES))
    created_at = Moment(required=True)


class MerchantsAnswer(Schema):
    """A page of merchants."""

    items = fields.List(fields.Nested(MerchantLine), required=True)
    next = fields.Integer(required=True, allow_none=True)


class ApplicationView(Schema):
    """What was applied with and what was decided."""

    contact = fields.String(required=True)
    phone = fields.String(required=True)
    districts = fields.List(fields.String(), required=True)
    scenarios = fields.List(fields.String(), required=True)
    uscc_checks = fields.Boolean(required=True, metadata={"description": "校验位是否相符"})
    vouched_by = fields.String(required=True, allow_none=True)
    vouched_reason = fields.String(required=True, allow_none=True)
    entered_by = fields.String(required=True)
    applied_at = Moment(required=True)
    decided_by = fields.String(required=True, allow_none=True)
    decided_at = Moment(required=True, allow_none=True)
    reason = fields.String(required=True, allow_none=True)


class DocumentView(Schema):
    """A document that was sent."""

    document_id = fields.Integer(required=True, attribute="id")
    name = fields.String(required=True)
    media_type = fields.String(required=True)
    size = fields.Integer(required=True)
    sent_at = Moment(required=True)


class PersonView(Schema):
    """Somebody of the merchant."""

    username = fields.String(required=True)
    role = fields.String(required=True)


class MerchantView(MerchantLine):
    """A merchant with everything that an administrator may know."""

    scenarios = fields.List(fields.String(), required=True, metadata={"description": "已准入的场景"})
    application = fields.Nested(ApplicationView, required=True, allow_none=True)
    documents = fields.List(fields.Nested(DocumentView), required=True)
    people = fields.List(fields.Nested(PersonView), required=True)
    clients = fields.List(fields.Nested(ClientView), required=True)


class Made(Schema):
    """The number of what was made."""

    merchant_id = fields.Integer(required=True)
