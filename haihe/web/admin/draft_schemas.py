"""What the staff send and see about scenarios, rulebooks, their drafts and the golden cases."""

from __future__ import annotations

from marshmallow import Schema, fields, validate

from haihe.domain.errors import InvalidInput
from haihe.web.admin.schemas import Draft
from haihe.web.bodies import Body, Moment, Number, Text

KINDS = ("SCENARIO", "RULEBOOK")
DAY = {"invalid": "应为日期，如 2026-01-01"}
KIND = validate.OneOf(KINDS, error=f"应为 {' 或 '.join(KINDS)}")


class DraftsQuery(Body):
    """Which drafts."""

    kind = Text(16, validate=KIND)


class NewDraftBody(Body):
    """A draft to be begun."""

    kind = Text(16, validate=KIND)
    code = Text(32, metadata={"description": "场景代码或规则集版本号", "example": "XYZ-18"})
    revision = Number(
        1,
        10**6,
        load_default=None,
        metadata={"description": "从这一旧版开始；不写则从公开的一版，没有则为空白"},
    )


class DraftTextBody(Body):
    """A draft, whole."""

    text = Draft(required=True, metadata={"description": "草稿全文，YAML 或 JSON"})


class ApprovalBody(Body):
    """When it is to go live."""

    starts_on = fields.Date(
        load_default=None,
        allow_none=True,
        error_messages=DAY,
        metadata={"description": "不写则批准后立即上线；规则集按其 in_force_from"},
    )


class DraftReasonBody(Body):
    """Why."""

    reason = Text(500)


class DraftLine(Schema):
    """A draft in a list."""

    id = fields.Integer(required=True)
    kind = fields.String(required=True, validate=validate.OneOf(KINDS))
    code = fields.String(required=True)
    version = fields.Integer(required=True, metadata={"description": "也在 ETag 里；改动时以 If-Match 带回"})
    state = fields.String(
        required=True,
        metadata={"description": "DRAFT、RETURNED、IN_REVIEW、SCHEDULED、PUBLISHED 或 DROPPED"},
    )
    based_on = fields.Integer(required=True, allow_none=True)
    hands = fields.List(
        fields.String(), required=True, metadata={"description": "改动过它的人；他们都不能审批"}
    )
    changed_by = fields.String(required=True)
    changed_at = Moment(required=True)
    starts_on = fields.Date(required=True, allow_none=True)
    submitted_by = fields.String(required=True, allow_none=True)
    reviewed_by = fields.String(required=True, allow_none=True)
    reason = fields.String(required=True, allow_none=True, metadata={"description": "退回的理由"})
    city_job_id = fields.Integer(required=True, allow_none=True, metadata={"description": "最近一次全市试算"})
    tried_version = fields.Integer(required=True, allow_none=True)


class DraftView(DraftLine):
    """A draft, whole."""

    text = fields.String(required=True)


class Drafts(Schema):
    """Every draft of a kind that is not done with."""

    drafts = fields.List(fields.Nested(DraftLine), required=True)


class FaultView(Schema):
    """One thing wrong with a draft."""

    place = fields.String(required=True)
    detail = fields.String(required=True)
    basis = fields.String(required=True, metadata={"description": "所依据的条文"})


class DifferenceView(Schema):
    """Where a golden case and the draft disagree."""

    what = fields.String(required=True)
    expected = fields.String(required=True)
    found = fields.String(required=True)


class CheckedView(Schema):
    """A golden case against the draft."""

    name = fields.String(required=True)
    passed = fields.Boolean(required=True)
    differences = fields.List(fields.Nested(DifferenceView), required=True)


class FieldChangeView(Schema):
    """A field in which the draft differs from what is public."""

    name = fields.String(required=True)
    before = fields.String(required=True)
    after = fields.String(required=True)


class DraftCheck(Schema):
    """Whether a draft is sound, what it would change, and what the golden cases say of it."""

    faults = fields.List(fields.Nested(FaultView), required=True)
    changes = fields.List(fields.Nested(FieldChangeView), required=True)
    golden_cases = fields.List(fields.Nested(CheckedView), required=True)


class ScenarioLine(Schema):
    """One revision of a scenario."""

    code = fields.String(required=True)
    revision = fields.Integer(required=True)
    state = fields.String(required=True)
    published_at = Moment(required=True, allow_none=True)
    body = fields.Dict(required=True)


class Scenarios(Schema):
    """Revisions of scenarios."""

    scenarios = fields.List(fields.Nested(ScenarioLine), required=True)


class RulebookLine(Schema):
    """A rulebook that is or was in force."""

    version = fields.String(required=True)
    in_force_from = fields.Date(required=True)
    published_at = Moment(required=True)


class Rulebooks(Schema):
    """Every rulebook, the latest first."""

    rulebooks = fields.List(fields.Nested(RulebookLine), required=True)


class GoldenCaseBody(Body):
    """A golden case, whole."""

    text = Draft(required=True, metadata={"description": "YAML；名称相同的，以新写的为准"})


class GoldenCaseView(Schema):
    """A golden case."""

    id = fields.Integer(required=True)
    name = fields.String(required=True)
    text = fields.String(required=True, attribute="written")
    author = fields.String(required=True)
    changed_at = Moment(required=True)


class GoldenCases(Schema):
    """Every case that drafts are held to."""

    golden_cases = fields.List(fields.Nested(GoldenCaseView), required=True)


class GoldenCaseMade(Schema):
    """The name of the case that was kept."""

    name = fields.String(required=True)


class TrialMade(Schema):
    """The city job that tries a draft."""

    city_job_id = fields.Integer(required=True)


def version_in(if_match: str | None) -> int | None:
    """The version that an If-Match header names; None where there is none."""
    if if_match is None:
        return None
    text = if_match.strip().removeprefix('"').removesuffix('"')
    if not (text.isascii() and text.isdigit() and len(text) < 9):
        raise InvalidInput("IF_MATCH_INVALID", 'If-Match 应为草稿的 ETag，如 "3"', "If-Match")
    return int(text)
