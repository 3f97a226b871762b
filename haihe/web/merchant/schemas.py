"""The complete list of what a merchant can send and can ever see."""

from __future__ import annotations

from marshmallow import EXCLUDE, Schema, fields, validate

from haihe.domain.eligibility import MerchantCode
from haihe.web.bodies import Body, Text


class _Open(Schema):
    """Unknown members are ignored, as AuthZEN asks."""

    class Meta:
        unknown = EXCLUDE


class Subject(_Open):
    """Who it is about: the pass that was scanned."""

    type = fields.String(required=True, metadata={"description": "pass：居民出示的信用码", "example": "pass"})
    id = fields.String(
        required=True, metadata={"description": "信用码（18 位数字）", "example": "284019375620184736"}
    )
    properties = fields.Dict()


class Action(_Open):
    """What is to be done: use a benefit."""

    name = fields.String(required=True, metadata={"description": "use：使用", "example": "use"})
    properties = fields.Dict()


class Resource(_Open):
    """Which benefit."""

    type = fields.String(required=True, metadata={"description": "scenario：场景", "example": "scenario"})
    id = fields.String(required=True, metadata={"description": "场景代码", "example": "XYZ-07"})
    properties = fields.Dict()


class EvaluationRequest(_Open):
    """AuthZEN Authorization API 1.0 §6.1: may this subject do this with this resource?"""

    subject = fields.Nested(Subject, required=True)
    action = fields.Nested(Action, required=True)
    resource = fields.Nested(Resource, required=True)
    context = fields.Dict(metadata={"description": "调用方自己的上下文，不影响判定"})


class Benefit(Schema):
    """What is given; the merchant's own published terms, nothing about the resident."""

    label = fields.String(required=True, metadata={"example": "免押金"})
    ceiling_fen = fields.Integer(required=True, metadata={"description": "单笔上限（分）", "example": 19900})


class EvaluationContext(Schema):
    """The reason a merchant may know, and the number under which both sides find the decision again."""

    decision_id = fields.String(required=True)
    code = fields.String(required=True, validate=validate.OneOf([c.value for c in MerchantCode]))
    scenario_revision = fields.Integer(required=True)
    data_as_of = fields.DateTime(required=True)
    expires_at = fields.DateTime(required=True, metadata={"description": "此前可凭本判定开立订单"})
    benefit = fields.Nested(Benefit, allow_none=True, required=True)


class EvaluationAnswer(Schema):
    """Yes or no, never the points."""

    decision = fields.Boolean(required=True)
    context = fields.Nested(EvaluationContext, required=True)


class Metadata(Schema):
    """AuthZEN Authorization API 1.0 §9: where the decision point answers."""

    policy_decision_point = fields.Url(required=True)
    access_evaluation_endpoint = fields.Url(required=True)


class OpenOrder(Body):
    """Open an order with a decision; `out_order_no` is the merchant's own number."""

    out_order_no = Text(
        32,
        verbatim=True,
        validate=validate.Regexp(r"^[0-9A-Za-z_\-|*]{1,32}$", error="1–32 位字母、数字或 _-|*"),
    )
    decision_id = Text(40, verbatim=True)


class OrderView(Schema):
    """An order as its merchant sees it."""

    out_order_no = fields.String(required=True)
    decision_id = fields.String(required=True)
    scenario = fields.String(required=True)
    state = fields.String(required=True)
    benefit = fields.Nested(Benefit, required=True)
    created_at = fields.String(required=True)
    ended_at = fields.String(allow_none=True, required=True)
