"""The complete list of what a merchant can send and can ever see."""

from __future__ import annotations

from marshmallow import EXCLUDE, Schema, fields, validate

from haihe.domain.eligibility import MerchantCode


class _Open(Schema):
    """Unknown members are ignored, as AuthZEN asks."""

    class Meta:
        unknown = EXCLUDE


class Subject(_Open):
    """Who it is about: the pass that was scanned, or a resident who has linked themselves with this merchant."""

    type = fields.String(
        required=True,
        metadata={"description": "pass：居民出示的信用码；resident：已关联贵方的居民", "example": "pass"},
    )
    id = fields.String(
        required=True,
        metadata={
            "description": "信用码（18 位数字），或关联时所得、只对贵方有效的编号",
            "example": "284019375620184736",
        },
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


class EvaluationItem(_Open):
    """One question of a batch; what it leaves out is taken, whole, from the top."""

    subject = fields.Nested(Subject)
    action = fields.Nested(Action)
    resource = fields.Nested(Resource)
    context = fields.Dict()


class EvaluationsOptions(_Open):
    """How a batch is to be answered."""

    evaluations_semantic = fields.String(
        validate=validate.OneOf(["execute_all", "deny_on_first_deny", "permit_on_first_permit"]),
        metadata={"description": "全部回答（默认），遇到第一个“不可以”即止，或遇到第一个“可以”即止"},
    )


class EvaluationsRequest(EvaluationItem):
    """AuthZEN Authorization API 1.0 §7.1: many questions at once; without `evaluations` it is the single question."""

    evaluations = fields.List(
        fields.Nested(EvaluationItem),
        validate=validate.Length(max=1000),
        metadata={"description": "最多 1000 项"},
    )
    options = fields.Nested(EvaluationsOptions)


class ItemError(Schema):
    """What is wrong with one question of a batch."""

    status = fields.Integer(required=True)
    code = fields.String(required=True)
    message = fields.String(required=True)


class ItemContext(Schema):
    """As the context of a single answer; or an error, where the question could not be answered."""

    decision_id = fields.String()
    code = fields.String(validate=validate.OneOf([c.value for c in MerchantCode]))
    scenario_revision = fields.Integer()
    data_as_of = fields.DateTime()
    expires_at = fields.DateTime()
    benefit = fields.Nested(Benefit, allow_none=True)
    error = fields.Nested(ItemError)


class ItemAnswer(Schema):
    """Yes or no to one question of a batch."""

    decision = fields.Boolean(required=True)
    context = fields.Nested(ItemContext, required=True)


class EvaluationsAnswer(Schema):
    """The answers in the order of the questions."""

    evaluations = fields.List(fields.Nested(ItemAnswer), required=True)


class SubjectWanted(_Open):
    """The kind of subject searched for; an id is ignored."""

    type = fields.String(required=True, metadata={"example": "resident"})
    properties = fields.Dict()


class ResourceWanted(_Open):
    """The kind of resource searched for; an id is ignored."""

    type = fields.String(required=True, metadata={"example": "scenario"})
    properties = fields.Dict()


class PageWanted(_Open):
    """Which part of the results."""

    token = fields.String(metadata={"description": "上一页的 next_token"})
    limit = fields.Integer(metadata={"description": "每页最多几项", "minimum": 0})


class ActionSearchRequest(_Open):
    """AuthZEN Authorization API 1.0 §8.6."""

    subject = fields.Nested(Subject, required=True)
    resource = fields.Nested(Resource, required=True)
    context = fields.Dict()
    page = fields.Nested(PageWanted)


class ResourceSearchRequest(_Open):
    """AuthZEN Authorization API 1.0 §8.5."""

    subject = fields.Nested(Subject, required=True)
    action = fields.Nested(Action, required=True)
    resource = fields.Nested(ResourceWanted, required=True)
    context = fields.Dict()
    page = fields.Nested(PageWanted)


class SubjectSearchRequest(_Open):
    """AuthZEN Authorization API 1.0 §8.4."""

    subject = fields.Nested(SubjectWanted, required=True)
    action = fields.Nested(Action, required=True)
    resource = fields.Nested(Resource, required=True)
    context = fields.Dict()
    page = fields.Nested(PageWanted)


class ShownPage(Schema):
    """Where the next page begins; an empty token after the last."""

    next_token = fields.String(required=True)
    count = fields.Integer(required=True)
    total = fields.Integer(required=True)


class Found(Schema):
    """A scenario (type and id), or an action (name)."""

    type = fields.String()
    id = fields.String()
    name = fields.String()


class SearchContext(Schema):
    """Why there is nothing."""

    reason = fields.String()


class SearchAnswer(Schema):
    """AuthZEN Authorization API 1.0 §8.3: what was found."""

    page = fields.Nested(ShownPage)
    context = fields.Nested(SearchContext)
    results = fields.List(fields.Nested(Found), required=True)


class Metadata(Schema):
    """AuthZEN Authorization API 1.0 §9: where the decision point answers."""

    policy_decision_point = fields.Url(required=True)
    access_evaluation_endpoint = fields.Url(required=True)
    access_evaluations_endpoint = fields.Url(required=True)
    search_subject_endpoint = fields.Url(required=True)
    search_resource_endpoint = fields.Url(required=True)
    search_action_endpoint = fields.Url(required=True)
