"""谁查过我: who asked about me, when, for which benefit, and with what answer."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields

from haihe.usecases.who_asked import Asked, list_questions, show_question
from haihe.web.bodies import Body, Moment, Number, Text
from haihe.web.context import context
from haihe.web.resident.benefit_view import FindingView, view_findings
from haihe.web.resident.door import LOCKED, Blueprint
from haihe.web.resident.lock import keep_locked, require_bound

blp = Blueprint("resident_questions", description="谁查过我")
keep_locked(blp)


class QuestionView(Schema):
    """One question. The merchant heard no more than `answer`."""

    decision_id = fields.String(required=True)
    at = Moment(required=True)
    merchant = fields.String(required=True, metadata={"description": "提问的商户"})
    scenario = fields.String(required=True, metadata={"example": "XYZ-07"})
    scenario_name = fields.String(required=True)
    eligible = fields.Boolean(required=True)
    code = fields.String(required=True, metadata={"description": "商户得到的代码", "example": "OK"})
    answer = fields.String(required=True, metadata={"example": "回答：不可用"})


class QuestionInFull(QuestionView):
    """The question with the rules and findings of that moment; these the merchant never hears."""

    revision = fields.Integer(required=True)
    rulebook = fields.String(required=True)
    findings = fields.List(fields.Nested(FindingView), required=True)


class QuestionsQuery(Body):
    """Which page."""

    before = Text(40, required=False, load_default=None, metadata={"description": "上一页给出的 next_before"})
    limit = Number(1, 100, load_default=20)


class QuestionList(Schema):
    """One page, newest first."""

    questions = fields.List(fields.Nested(QuestionView), required=True)
    next_before = fields.String(required=True, allow_none=True)


@blp.get("/v1/me/questions")
@blp.doc(summary="谁查过我", **LOCKED)
@blp.arguments(QuestionsQuery, location="query")
@blp.response(200, QuestionList, description="由新到旧，一页一页")
@blp.refuses(401, 403, 404, 422)
def questions(query: dict[str, Any]) -> dict[str, Any]:
    """每一次查询：哪家商户、何时、为哪项优惠、得到什么回答。"""
    caller = require_bound()
    asked, following = list_questions(context(), caller.resident_id, query["before"], query["limit"])
    return {"questions": [_view(a) for a in asked], "next_before": following}


@blp.get("/v1/me/questions/<string:decision_id>")
@blp.doc(summary="一次查询的来由", **LOCKED)
@blp.response(200, QuestionInFull, description="当时的规则、事实与每一条理由")
@blp.refuses(401, 403, 404)
def question(decision_id: str) -> dict[str, Any]:
    """当时依据哪一版规则、哪些条件符合、差什么；这些理由商户从未得到。"""
    caller = require_bound()
    shown = show_question(context(), caller.resident_id, decision_id)
    return _view(shown.asked) | {
        "revision": shown.revision,
        "rulebook": shown.rulebook,
        "findings": view_findings(shown.findings),
    }


def _view(asked: Asked) -> dict[str, Any]:
    return {name: getattr(asked, name) for name in Asked.__slots__}
