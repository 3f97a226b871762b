"""来源部门: what a department is asked about its records, and what it answers, with the client by which it sends them."""

from __future__ import annotations

from typing import Any

from flask import g
from marshmallow import Schema, fields

from haihe.usecases.handle_objection import AskedOfSource, answer_as_source, asked_of_source
from haihe.web.admin.lock import SOURCE_SCOPE, require_source
from haihe.web.admin.objections import LONGEST_MESSAGE, MessageView
from haihe.web.bodies import Body, Prose, StrictBlueprint, Text
from haihe.web.context import context

blp = StrictBlueprint(
    "source_questions", __name__, url_prefix="/v1/admin", description="异议中来源部门的回复"
)

LOCKED = {"security": [{"oauth2": [SOURCE_SCOPE]}]}


class SourceAnswerBody(Body):
    """What the department found."""

    text = Prose(LONGEST_MESSAGE, metadata={"description": "查明了什么，原记录是否无误"})
    document_no = Text(128, required=False, load_default=None, metadata={"description": "回复的文号，如有"})


class AskedView(Schema):
    """One objection about a record of this department. Nothing in it is from the resident."""

    objection_id = fields.Integer(required=True)
    record_no = fields.String(required=True)
    indicator = fields.String(required=True)
    answer_by = fields.Date(required=True, metadata={"description": "整件异议最迟在这一天答复居民"})
    waiting = fields.Boolean(required=True, metadata={"description": "最后一句是问话，等贵部门回复"})
    messages = fields.List(fields.Nested(MessageView), required=True)


class AskedList(Schema):
    """Those open, the most urgent first."""

    questions = fields.List(fields.Nested(AskedView), required=True)


@blp.before_request
def locked() -> None:
    """Departments alone, each about its own records."""
    g.source = require_source()


@blp.get("/source-questions")
@blp.doc(summary="待回复的异议询问", **LOCKED)
@blp.response(200, AskedList)
def questions() -> dict[str, Any]:
    """对本部门报送的记录提出、尚未办结、且向本部门询问过的异议。"""
    ctx = context()
    return {"questions": asked_of_source(ctx, g.source, ctx.now())}


@blp.post("/source-questions/<int:objection_id>")
@blp.doc(summary="回复异议询问", **LOCKED)
@blp.arguments(SourceAnswerBody)
@blp.response(200, AskedView)
@blp.alt_response(404, description="没有向本部门询问过，或已经办结")
def reply(body: dict[str, Any], objection_id: int) -> AskedOfSource:
    """可以补充多次；每次都与卷宗一起保存。"""
    ctx = context()
    return answer_as_source(ctx, g.source, objection_id, body["text"], body["document_no"], ctx.now())
