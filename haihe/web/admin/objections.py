"""异议 as the objection officer works on them: the oldest first, each with its clock."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from flask import Response, g, request
from marshmallow import Schema, ValidationError, fields, validate

from haihe.domain.objections import ANSWERS, ObjectionState
from haihe.domain.records import Severity
from haihe.usecases.answer_objection import (
    Answer,
    answer_objection,
    extend_objection,
    look_at_objection,
    open_attachment,
)
from haihe.usecases.cases import Pile, list_cases
from haihe.usecases.handle_objection import (
    Message,
    ask_source,
    hand_over_objection,
    messages_of,
    note_source_answer,
    take_objection,
)
from haihe.usecases.objections import ShownObjection
from haihe.usecases.staff_login import Role
from haihe.web.admin.lock import StaffDoors, require_staff
from haihe.web.bodies import Body, Moment, Prose, Text
from haihe.web.context import context
from haihe.web.files import BINARY, download

blp = StaffDoors("admin_objections", __name__, url_prefix="/v1/admin", description="异议办理")

LOCKED = {"security": [{"staff": []}]}
READERS = (Role.OBJECTION_OFFICER, Role.AUDITOR)
ANSWERERS = (Role.OBJECTION_OFFICER,)
LONGEST_ANSWER = 2000
LONGEST_EXTENSION = 500
LONGEST_MESSAGE = 2000
MOST_QUANTITY = Decimal("99999999.99")
DATE_WORDS = {"invalid": "应为日期，如 2026-01-01", "null": "不能为空"}


def _positive(quantity: Decimal) -> None:
    if not 0 < quantity <= MOST_QUANTITY:
        raise ValidationError("应大于 0，且不超过八位整数")


class CorrectedBody(Body):
    """What the record should have said; only what is given is changed."""

    occurred_on = fields.Date(error_messages=DATE_WORDS)
    quantity = fields.Decimal(
        places=2,
        validate=_positive,
        error_messages={"invalid": "应为数字", "null": "不能为空"},
    )
    level = Text(32, required=False)
    severity = Text(8, required=False, validate=validate.OneOf(list(Severity), error="应为轻微、一般或严重"))
    valid_to = fields.Date(error_messages=DATE_WORDS)


class AnswerBody(Body):
    """The outcome, in words that the resident reads."""

    outcome = Text(
        16,
        validate=validate.OneOf(list(ANSWERS), error=f"应为其中之一：{'、'.join(ANSWERS)}"),
        metadata={"description": "UPHELD 维持、CORRECTED 更正、REMOVED 撤销"},
    )
    reason = Prose(LONGEST_ANSWER, metadata={"description": "查明了什么、依据什么"})
    corrected = fields.Nested(CorrectedBody, load_default=dict)


class ExtensionBody(Body):
    """Why five working days more are needed."""

    reason = Prose(LONGEST_EXTENSION)


class TakeBody(Body):
    """Why it is taken over; needed where somebody else works on it."""

    reason = Text(LONGEST_EXTENSION, required=False, load_default="")


class HandOverBody(Body):
    """To whom, and why."""

    to = Text(64, metadata={"description": "另一位异议办理人员的用户名"})
    reason = Text(LONGEST_EXTENSION)


class QuestionBody(Body):
    """What the source department is asked; it sees the record's number and these words, nothing of the resident."""

    text = Prose(LONGEST_MESSAGE)


class NoteBody(Body):
    """What the source department answered on paper."""

    text = Prose(LONGEST_MESSAGE)
    document_no = Text(128, metadata={"description": "来函文号"})


class MessageView(Schema):
    """One message between the officer and the source department."""

    id = fields.Integer(required=True)
    from_source = fields.Boolean(required=True)
    written_by = fields.String(required=True)
    document_no = fields.String(required=True, allow_none=True)
    text = fields.String(required=True)
    at = Moment(required=True)


class MessagesView(Schema):
    """All of them, the oldest first."""

    messages = fields.List(fields.Nested(MessageView), required=True)


class OpenObjectionView(Schema):
    """An open objection in the list; what the resident wrote is seen on its own page."""

    id = fields.Integer(required=True)
    record_no = fields.String(required=True)
    indicator = fields.String(required=True)
    filed_at = Moment(required=True)
    answer_by = fields.Date(required=True, attribute="clock.answer_by")
    days_left = fields.Integer(required=True, attribute="clock.days_left")
    warning = fields.Boolean(required=True, attribute="clock.warning")
    overdue = fields.Boolean(required=True, attribute="clock.overdue")
    second_look_of = fields.Integer(required=True, allow_none=True)
    taken_by = fields.String(required=True, allow_none=True)
    exchange = fields.String(
        required=True,
        metadata={"description": "NONE 未询问来源部门、ASKED 等来源部门回复、ANSWERED 来源部门已回复"},
    )


class OfficerAttachmentView(Schema):
    """A file that the resident handed in."""

    id = fields.Integer(required=True)
    name = fields.String(required=True)
    media_type = fields.String(required=True)
    size = fields.Integer(required=True)
    sent_at = Moment(required=True)


class OfficerObjectionView(Schema):
    """One objection in full."""

    id = fields.Integer(required=True)
    record_no = fields.String(required=True)
    indicator = fields.String(required=True)
    state = fields.String(required=True)
    reason = fields.String(required=True)
    filed_at = Moment(required=True)
    extended_because = fields.String(required=True, allow_none=True)
    answer = fields.String(required=True, allow_none=True)
    answered_at = Moment(required=True, allow_none=True)
    changed = fields.Dict(required=True, allow_none=True)
    second_look_of = fields.Integer(required=True, allow_none=True)
    attachments = fields.List(fields.Nested(OfficerAttachmentView), required=True)
    taken_by = fields.String(required=True, allow_none=True)


class OpenObjections(Schema):
    """Those waiting, the most urgent first."""

    objections = fields.List(fields.Nested(OpenObjectionView), required=True)


@blp.before_request
def locked() -> None:
    """Who may look and who may answer is settled before anything of the request is read."""
    g.officer = require_staff(*(READERS if request.method == "GET" else ANSWERERS))


@blp.get("/objections")
@blp.doc(summary="待办异议", **LOCKED)
@blp.response(200, OpenObjections)
def objections() -> dict[str, Any]:
    """所辖区内处理中的异议，最先到期的在前，带工作日时钟；最多 500 件。"""
    ctx = context()
    return {"objections": list_cases(ctx, g.officer, Pile.OPEN, "", ctx.now())[0]}


@blp.get("/objections/<int:objection_id>")
@blp.doc(summary="一项异议", **LOCKED)
@blp.response(200, OfficerObjectionView)
@blp.alt_response(404, description="没有这项异议，或不在所辖区内")
def objection(objection_id: int) -> ShownObjection:
    """异议的内容；每次查看都留痕。"""
    ctx = context()
    return look_at_objection(ctx, g.officer, objection_id, ctx.now())


@blp.get("/objections/<int:objection_id>/attachments/<int:attachment_id>")
@blp.doc(summary="异议材料", **LOCKED)
@blp.response(
    200, BINARY, content_type="application/octet-stream", description="原样的文件，总是作为附件下载"
)
@blp.alt_response(403, description="只有办理异议的工作人员可以打开")
@blp.alt_response(404, description="没有这份材料，或不在所辖区内")
def attachment(objection_id: int, attachment_id: int) -> Response:
    """打开居民提交的材料；每次打开都留痕。"""
    officer = require_staff(*ANSWERERS)
    ctx = context()
    paper = open_attachment(ctx, officer, objection_id, attachment_id, ctx.now())
    return download(paper, f"attachment-{attachment_id}")


@blp.post("/objections/<int:objection_id>/extension")
@blp.doc(summary="延长办理", **LOCKED)
@blp.arguments(ExtensionBody)
@blp.response(200, OfficerObjectionView)
@blp.alt_response(409, description="已延长过，或已办结")
def extend(body: dict[str, Any], objection_id: int) -> ShownObjection:
    """延长五个工作日，限一次，理由居民可见。"""
    ctx = context()
    return extend_objection(ctx, g.officer, objection_id, body["reason"], ctx.now())


@blp.post("/objections/<int:objection_id>/answer")
@blp.doc(summary="答复异议", **LOCKED)
@blp.arguments(AnswerBody)
@blp.response(200, OfficerObjectionView)
@blp.alt_response(409, description="已办结，或复核须由另一位工作人员办理")
def answer(body: dict[str, Any], objection_id: int) -> ShownObjection:
    """维持、更正或撤销该记录；积分随即重算，居民看到理由。"""
    ctx = context()
    decided = Answer(ObjectionState(body["outcome"]), body["reason"], body["corrected"])
    return answer_objection(ctx, g.officer, objection_id, decided, ctx.now())


@blp.post("/objections/<int:objection_id>/take")
@blp.doc(summary="接办或接手", **LOCKED)
@blp.arguments(TakeBody)
@blp.response(200, OfficerObjectionView)
@blp.alt_response(409, description="已办结，或复核须由另一位工作人员办理")
def take(body: dict[str, Any], objection_id: int) -> ShownObjection:
    """还没有人经办的，归自己办；别人经办的，写明原因后接手。"""
    ctx = context()
    take_objection(g.officer, objection_id, body["reason"], ctx.now())
    return look_at_objection(ctx, g.officer, objection_id, ctx.now())


@blp.post("/objections/<int:objection_id>/hand-over")
@blp.doc(summary="移交", **LOCKED)
@blp.arguments(HandOverBody)
@blp.response(200, OfficerObjectionView)
@blp.alt_response(409, description="已办结、由他人经办，或对方办过第一次")
def hand_over(body: dict[str, Any], objection_id: int) -> ShownObjection:
    """交给另一位能办理它的异议办理人员，写明原因。"""
    ctx = context()
    hand_over_objection(g.officer, objection_id, body["to"], body["reason"], ctx.now())
    return look_at_objection(ctx, g.officer, objection_id, ctx.now())


@blp.get("/objections/<int:objection_id>/messages")
@blp.doc(summary="与来源部门的往来", **LOCKED)
@blp.response(200, MessagesView)
def messages(objection_id: int) -> dict[str, Any]:
    """先写的在前；查看也留痕。"""
    return _messages(objection_id)


@blp.post("/objections/<int:objection_id>/questions")
@blp.doc(summary="询问来源部门", **LOCKED)
@blp.arguments(QuestionBody)
@blp.response(200, MessagesView)
@blp.alt_response(409, description="已办结，或由他人经办")
def ask(body: dict[str, Any], objection_id: int) -> dict[str, Any]:
    """部门以其报送记录的客户端查看并回复（`/v1/admin/source-questions`），看到的只有记录编号和这段话。"""
    ctx = context()
    ask_source(ctx, g.officer, objection_id, body["text"], ctx.now())
    return _messages(objection_id)


@blp.post("/objections/<int:objection_id>/notes")
@blp.doc(summary="记下来源部门的书面回复", **LOCKED)
@blp.arguments(NoteBody)
@blp.response(200, MessagesView)
@blp.alt_response(409, description="已办结，或由他人经办")
def note(body: dict[str, Any], objection_id: int) -> dict[str, Any]:
    """部门来函回复的，由经办人记下内容与文号。"""
    ctx = context()
    note_source_answer(ctx, g.officer, objection_id, body["text"], body["document_no"], ctx.now())
    return _messages(objection_id)


def _messages(objection_id: int) -> dict[str, list[Message]]:
    ctx = context()
    look_at_objection(ctx, g.officer, objection_id, ctx.now())
    return {"messages": messages_of(ctx, [objection_id]).get(objection_id, [])}
