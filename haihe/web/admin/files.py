"""退回的行与整份撤回 over HTTP: the same deeds as the console's pages. Whose line it is stays covered here too."""

from __future__ import annotations

from typing import Any

from flask import g, request
from marshmallow import Schema, fields, validate

from haihe.storage.withdrawals import FileWithdrawal
from haihe.usecases import quarantine as lines
from haihe.usecases import withdraw_file as whole
from haihe.usecases.sources import reachable_import
from haihe.usecases.staff_login import Role
from haihe.web.admin.lock import StaffDoors, require_staff
from haihe.web.bodies import LARGEST_ID, Body, Moment, Number, Text
from haihe.web.context import context

STAFF = [{"staff": []}]


class FileDoors(StaffDoors):
    """Doors that all refuse alike."""

    REFUSALS = {  # noqa: RUF012 - declared as ClassVar where it comes from
        403: "岗位没有这项权限，或这是自己提出的撤回",
        404: "没有这份文件、这一行或这张撤回单，或不在所管的区",
        409: "文件还没有导完、已经撤回，或撤回单已有结论",
        422: "内容不符合要求",
    }


blp = FileDoors("admin_files", __name__, url_prefix="/v1/admin", description="报送文件的处理")


class QuarantineQuery(Body):
    """Which page of the lines."""

    after = Number(0, LARGEST_ID, load_default=0, metadata={"description": "上一页的 next"})
    limit = Number(1, 200, load_default=50)


class QuarantinedLineView(Schema):
    """A line that was set aside, without its content."""

    line_no = fields.Integer(required=True)
    record_no = fields.String(required=True, allow_none=True)
    field = fields.String(required=True)
    code = fields.String(required=True)
    detail = fields.String(required=True)
    sent_back_at = Moment(required=True, allow_none=True)
    sent_back_by = fields.String(required=True, allow_none=True)
    note = fields.String(required=True, allow_none=True)


class QuarantineAnswer(Schema):
    """A page of lines."""

    items = fields.List(fields.Nested(QuarantinedLineView), required=True)
    next = fields.Integer(required=True, allow_none=True)


class QuarantinedCellView(Schema):
    """One cell; what would tell who it is, is covered."""

    column = fields.String(required=True)
    value = fields.String(required=True, metadata={"description": "遮盖的为空"})
    covered = fields.String(required=True, allow_none=True, metadata={"description": "遮盖的内容能说的部分"})


class WholeLineView(QuarantinedLineView):
    """A line with its cells."""

    readable = fields.Boolean(required=True, metadata={"description": "原文能否分出各列"})
    cells = fields.List(fields.Nested(QuarantinedCellView), required=True)


class CorrectionBody(Body):
    """A line as it is put right."""

    cells = fields.Dict(
        keys=fields.String(validate=validate.Length(max=32)),
        values=fields.String(validate=validate.Length(max=lines.LONGEST_CELL, error="太长")),
        load_default={},
        error_messages={"invalid": "应为对象", "null": "不能为空"},
        metadata={"description": "要改的列；不写的、遮盖而留空的照原文"},
    )
    basis = Text(lines.LONGEST_NOTE, required=False, load_default="", metadata={"description": "改动时必填"})


class SendBackBody(Body):
    """What the source is asked to do."""

    note = Text(lines.LONGEST_NOTE)


class RetryBody(Body):
    """Where to go on."""

    after = Number(0, LARGEST_ID, load_default=0, metadata={"description": "上一次回答的 next"})


class RetryAnswer(Schema):
    """What became of the lines that were tried."""

    taken = fields.Integer(required=True)
    left = fields.Integer(required=True)
    next = fields.Integer(required=True, allow_none=True, metadata={"description": "为空表示全部试过"})


class WithdrawalReason(Body):
    """Why."""

    reason = Text(whole.LONGEST_REASON)


class WithdrawalView(Schema):
    """The withdrawal of a file, and how far it has come."""

    id = fields.Integer(required=True)
    import_id = fields.Integer(required=True)
    reason = fields.String(required=True)
    state = fields.String(required=True, metadata={"description": "WAITING、REFUSED、APPROVED 撤回中、DONE"})
    begun_by = fields.String(required=True)
    begun_at = Moment(required=True)
    decided_by = fields.String(required=True, allow_none=True)
    decided_at = Moment(required=True, allow_none=True)
    decision = fields.String(required=True, allow_none=True)
    records = fields.Integer(required=True, metadata={"description": "以这份文件为准的记录"})
    withdrawn = fields.Integer(required=True, metadata={"description": "已不再有效"})
    restored = fields.Integer(required=True, metadata={"description": "已恢复原样"})
    moved = fields.Integer(required=True, metadata={"description": "更正了几次积分"})
    done_at = Moment(required=True, allow_none=True)


@blp.before_request
def locked() -> None:
    """Clerks do, auditors look, and approvers decide about withdrawals."""
    roles = (Role.DATA_CLERK, Role.AUDITOR) if request.method in ("GET", "HEAD") else (Role.DATA_CLERK,)
    if "withdrawals" in request.path.split("/"):
        roles = (*roles, Role.APPROVER)
    g.clerk = require_staff(*roles)


@blp.get("/imports/<int:import_id>/quarantine")
@blp.doc(summary="退回的行", security=STAFF)
@blp.arguments(QuarantineQuery, location="query")
@blp.response(200, QuarantineAnswer)
@blp.refuses(404)
def view_lines(query: dict[str, Any], import_id: int) -> dict[str, Any]:
    """行号、原因与处理情况，不含内容。"""
    reachable_import(g.clerk, import_id)
    found = lines.quarantined(import_id, query["after"], query["limit"] + 1)
    page = found[: query["limit"]]
    return {"items": page, "next": page[-1].line_no if len(found) > len(page) else None}


@blp.get("/imports/<int:import_id>/quarantine/<int:line_no>")
@blp.doc(summary="退回的一行", security=STAFF)
@blp.response(200, WholeLineView)
@blp.refuses(404)
def view_line(import_id: int, line_no: int) -> lines.ShownLine:
    """各列内容，姓名与证件号码遮盖；每次查看都留痕。"""
    return lines.look_at_line(context(), g.clerk, import_id, line_no, context().now())


@blp.post("/imports/<int:import_id>/quarantine/<int:line_no>")
@blp.doc(summary="更正并入库", security=STAFF)
@blp.arguments(CorrectionBody)
@blp.response(204)
@blp.refuses(404, 409, 422)
def correct(body: dict[str, Any], import_id: int, line_no: int) -> None:
    """按更正后的内容重新校验；仍有问题的不入库，说明是哪一列。"""
    ctx = context()
    lines.correct_line(ctx, g.clerk, import_id, line_no, body["cells"], body["basis"], ctx.now())


@blp.post("/imports/<int:import_id>/quarantine/<int:line_no>/return")
@blp.doc(summary="退回来源", security=STAFF)
@blp.arguments(SendBackBody)
@blp.response(204)
@blp.refuses(404, 422)
def send_back(body: dict[str, str], import_id: int, line_no: int) -> None:
    """说明写在退回清单里。"""
    lines.send_back(g.clerk, import_id, line_no, body["note"], context().now())


@blp.post("/imports/<int:import_id>/retry")
@blp.doc(summary="按原文重试退回的行", security=STAFF)
@blp.arguments(RetryBody)
@blp.response(200, RetryAnswer)
@blp.refuses(404, 409)
def retry(body: dict[str, int], import_id: int) -> dict[str, Any]:
    """一次最多一万行；next 不为空时以它为 after 再来。"""
    ctx = context()
    counts, following = lines.retry_file(ctx, g.clerk, import_id, body["after"], ctx.now())
    taken = counts.added + counts.changed + counts.unchanged
    return {"taken": taken, "left": counts.quarantined, "next": following}


@blp.post("/imports/<int:import_id>/withdrawal")
@blp.doc(summary="提出整份撤回", security=STAFF)
@blp.arguments(WithdrawalReason)
@blp.response(201, WithdrawalView)
@blp.refuses(404, 409, 422)
def begin(body: dict[str, str], import_id: int) -> FileWithdrawal:
    """另一位同事批准之前不作任何改动。"""
    number = whole.begin_withdrawal(g.clerk, import_id, body["reason"], context().now())
    return whole.find_withdrawal(g.clerk, number)[0]


@blp.get("/withdrawals/<int:withdrawal_id>")
@blp.doc(summary="一张撤回单", security=STAFF)
@blp.response(200, WithdrawalView)
@blp.refuses(404)
def view_withdrawal(withdrawal_id: int) -> FileWithdrawal:
    """谁提出、谁决定、到哪一步。"""
    return whole.find_withdrawal(g.clerk, withdrawal_id)[0]


@blp.post("/withdrawals/<int:withdrawal_id>/approve")
@blp.doc(summary="批准撤回", security=STAFF)
@blp.response(204)
@blp.refuses(403, 404, 409)
def approve(withdrawal_id: int) -> None:
    """后台随即开始，分批进行，中断可续；提出的人不能批准。"""
    whole.approve_withdrawal(g.clerk, withdrawal_id, context().now())


@blp.post("/withdrawals/<int:withdrawal_id>/refuse")
@blp.doc(summary="不批准撤回", security=STAFF)
@blp.arguments(WithdrawalReason)
@blp.response(204)
@blp.refuses(404, 409, 422)
def refuse(body: dict[str, str], withdrawal_id: int) -> None:
    """写明理由；提出的人也可以这样收回。"""
    whole.refuse_withdrawal(g.clerk, withdrawal_id, body["reason"], context().now())
