"""异议: saying that a record is wrong, following what becomes of it, and asking another person to look again."""

from __future__ import annotations

from typing import Any

from flask import Response
from marshmallow import Schema, fields

from haihe.usecases.attach import (
    LARGEST_ATTACHMENT,
    add_attachment,
    open_own_attachment,
    remove_attachment,
)
from haihe.usecases.objections import (
    ShownObjection,
    file_objection,
    list_objections,
    show_objection,
    take_back_objection,
)
from haihe.web.bodies import LARGEST_ID, Body, Moment, Number, Prose
from haihe.web.context import context
from haihe.web.files import BINARY, FILE, download, sent_paper
from haihe.web.resident.door import LOCKED, Blueprint
from haihe.web.resident.lock import keep_locked, require_bound

blp = Blueprint("resident_objections", description="异议")
keep_locked(blp)

LONGEST_REASON = 2000


class ObjectionBody(Body):
    """Which record, and what is wrong with it."""

    record_id = Number(
        1, LARGEST_ID, required=True, strict=True, metadata={"description": "见得分明细中的记录"}
    )
    reason = Prose(LONGEST_REASON, metadata={"description": "哪里有误，实际情况如何"})


class ClockView(Schema):
    """The department's time, in working days."""

    answer_by = fields.Date(required=True, metadata={"description": "最迟在这一天答复"})
    days_left = fields.Integer(required=True, metadata={"description": "还剩几个工作日"})
    warning = fields.Boolean(required=True)
    overdue = fields.Boolean(required=True)


class AttachmentView(Schema):
    """A file that goes with an objection; only its filer and the objection officers open it."""

    id = fields.Integer(required=True)
    name = fields.String(required=True)
    media_type = fields.String(required=True)
    size = fields.Integer(required=True, metadata={"description": "字节"})
    sent_at = Moment(required=True)


class ObjectionView(Schema):
    """An objection. While it is open the record does not count."""

    id = fields.Integer(required=True)
    record_id = fields.Integer(required=True)
    record_no = fields.String(required=True)
    indicator = fields.String(required=True)
    state = fields.String(
        required=True,
        metadata={
            "description": "OPEN 处理中、UPHELD 维持、CORRECTED 更正、REMOVED 撤销、TAKEN_BACK 本人撤回"
        },
    )
    words = fields.String(required=True)
    reason = fields.String(required=True)
    filed_at = Moment(required=True)
    clock = fields.Nested(ClockView, required=True, allow_none=True)
    extended_because = fields.String(required=True, allow_none=True)
    answer = fields.String(required=True, allow_none=True)
    answered_at = Moment(required=True, allow_none=True)
    changed = fields.Dict(
        required=True, allow_none=True, metadata={"description": "更正了什么：字段 → [原值, 新值]"}
    )
    second_look_of = fields.Integer(
        required=True, allow_none=True, metadata={"description": "复核的是哪一项异议"}
    )
    attachments = fields.List(fields.Nested(AttachmentView), required=True)


class ObjectionList(Schema):
    """All of one's own, newest first."""

    objections = fields.List(fields.Nested(ObjectionView), required=True)


@blp.get("/v1/me/objections")
@blp.doc(summary="我的异议", **LOCKED)
@blp.response(200, ObjectionList, description="由新到旧")
@blp.refuses(401, 403)
def objections() -> dict[str, Any]:
    """提过的异议、各自到了哪一步、最迟何时答复。"""
    caller = require_bound()
    ctx = context()
    return {"objections": list_objections(ctx, caller.resident_id, ctx.now())}


@blp.post("/v1/me/objections")
@blp.doc(summary="提出异议", **LOCKED)
@blp.arguments(ObjectionBody)
@blp.response(201, ObjectionView, description="已受理，这条记录从此刻起暂不计分")
@blp.refuses(401, 403, 404, 409, 415, 422)
def file(body: dict[str, Any]) -> ShownObjection:
    """认为一条记录有误。已答复过的，再次提出即为请求另一位工作人员复核，限一次。"""
    caller = require_bound()
    ctx = context()
    return file_objection(ctx, caller.resident_id, body["record_id"], body["reason"], ctx.now())


@blp.get("/v1/me/objections/<int:objection_id>")
@blp.doc(summary="一项异议", **LOCKED)
@blp.response(200, ObjectionView, description="进展、答复与更正的内容")
@blp.refuses(401, 403, 404)
def objection(objection_id: int) -> ShownObjection:
    """一项异议的进展与答复。"""
    caller = require_bound()
    ctx = context()
    return show_objection(ctx, caller.resident_id, objection_id, ctx.now())


@blp.delete("/v1/me/objections/<int:objection_id>")
@blp.doc(summary="撤回异议", **LOCKED)
@blp.response(200, ObjectionView, description="已撤回，这条记录恢复计分")
@blp.refuses(401, 403, 404, 409)
def take_back(objection_id: int) -> ShownObjection:
    """撤回处理中的异议。"""
    caller = require_bound()
    ctx = context()
    return take_back_objection(ctx, caller.resident_id, objection_id, ctx.now())


@blp.post("/v1/me/objections/<int:objection_id>/attachments")
@blp.doc(summary="补充异议材料", requestBody=FILE, **LOCKED)
@blp.response(201, ObjectionView, description="已加密存放，只有您和办理异议的工作人员能打开")
@blp.refuses(401, 403, 404, 409, 422)
def send_attachment(objection_id: int) -> ShownObjection:
    """PDF、JPEG 或 PNG，每份不超过 8 MB，每项异议最多 6 份，答复之前可以补充。"""
    caller = require_bound()
    ctx = context()
    show_objection(ctx, caller.resident_id, objection_id, ctx.now())
    paper = sent_paper(LARGEST_ATTACHMENT)
    add_attachment(ctx, caller.resident_id, objection_id, paper, ctx.now())
    return show_objection(ctx, caller.resident_id, objection_id, ctx.now())


@blp.get("/v1/me/objections/<int:objection_id>/attachments/<int:attachment_id>")
@blp.doc(summary="异议材料", **LOCKED)
@blp.response(200, BINARY, content_type="application/octet-stream", description="原样的文件")
@blp.refuses(401, 403, 404)
def view_attachment(objection_id: int, attachment_id: int) -> Response:
    """下载自己交过的材料。"""
    caller = require_bound()
    ctx = context()
    paper = open_own_attachment(ctx, caller.resident_id, objection_id, attachment_id, ctx.now())
    return download(paper, f"attachment-{attachment_id}")


@blp.delete("/v1/me/objections/<int:objection_id>/attachments/<int:attachment_id>")
@blp.doc(summary="删除异议材料", **LOCKED)
@blp.response(204)
@blp.refuses(401, 403, 404, 409)
def delete_attachment(objection_id: int, attachment_id: int) -> None:
    """答复之前可以删除交错的材料。"""
    caller = require_bound()
    remove_attachment(caller.resident_id, objection_id, attachment_id, context().now())
