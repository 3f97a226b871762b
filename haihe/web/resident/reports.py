"""公共信用报告: made when its resident asks, kept for thirty days, for the resident's own use."""

from __future__ import annotations

import base64
from typing import Any

from flask import Response
from marshmallow import Schema, fields

from haihe.usecases.reports import ShownReport, list_reports, make_report, report_pdf, show_report
from haihe.web.bodies import Body, Moment, YesNo
from haihe.web.context import context
from haihe.web.resident.acting import only_oneself
from haihe.web.resident.door import LOCKED, Blueprint
from haihe.web.resident.lock import keep_locked, require_bound
from haihe.web.resident.report_paper import draw_report

blp = Blueprint("resident_reports", description="公共信用报告")
keep_locked(blp)


class ReportBody(Body):
    """What whoever checks the report may see."""

    share_summary = YesNo(
        load_default=False,
        metadata={"description": "验真时是否让对方看到总分与等级；默认只说真伪、日期与打码的姓名"},
    )


class ReportView(Schema):
    """A report that can be fetched."""

    id = fields.Integer(required=True)
    code = fields.String(required=True, metadata={"description": "印在报告上的验证码"})
    made_at = Moment(required=True)
    expires_at = Moment(required=True, metadata={"description": "保存到此刻，之后删除，也不再能验证"})
    shares_summary = fields.Boolean(required=True)
    pdf_url = fields.String(required=True, metadata={"description": "须带会话令牌读取"})
    pdf_sha256 = fields.String(required=True)
    content_sha256 = fields.String(required=True, metadata={"description": "PDF 附件 report.json 的 SHA-256"})
    jws = fields.String(
        required=True,
        metadata={"description": "对 report.json 的签名，RFC 7515 附录 F 分离式；公钥见 GET /v1/notice-keys"},
    )


class ReportList(Schema):
    """Those still kept."""

    reports = fields.List(fields.Nested(ReportView), required=True)


@blp.get("/v1/me/reports")
@blp.doc(summary="我的信用报告", **LOCKED)
@blp.response(200, ReportList, description="30 天内生成的，由新到旧")
@blp.refuses(401, 403)
def reports() -> dict[str, Any]:
    """30 天内生成的公共信用报告。"""
    caller = require_bound()
    ctx = context()
    return {"reports": [view(one) for one in list_reports(ctx, caller.resident_id, ctx.now())]}


@blp.post("/v1/me/reports")
@blp.doc(summary="生成信用报告", **LOCKED)
@blp.arguments(ReportBody)
@blp.response(201, ReportView, description="已生成，保存 30 天")
@blp.refuses(401, 403, 409, 415, 422, 429)
def make(body: dict[str, Any]) -> dict[str, Any]:
    """按此刻的数据生成一份 PDF：积分、每一行的理由与记录、有效记录、数据截至日期。已修复的记录不在其中。"""
    caller = require_bound()
    ctx = context()
    if body["share_summary"]:
        only_oneself()
    made = make_report(ctx, caller.resident_id, body["share_summary"], draw_report, ctx.now())
    return view(made)


@blp.get("/v1/me/reports/<int:report_id>")
@blp.doc(summary="一份信用报告", **LOCKED)
@blp.response(200, ReportView, description="验证码、散列与签名")
@blp.refuses(401, 403, 404)
def report(report_id: int) -> dict[str, Any]:
    """一份报告的验证码、散列与签名。"""
    caller = require_bound()
    ctx = context()
    return view(show_report(ctx, caller.resident_id, report_id, ctx.now()))


@blp.get("/v1/me/reports/<int:report_id>.pdf")
@blp.doc(summary="下载信用报告", **LOCKED)
@blp.response(
    200, {"type": "string", "format": "binary"}, content_type="application/pdf", description="PDF 文件"
)
@blp.refuses(401, 403, 404)
def pdf(report_id: int) -> Response:
    """PDF，每次下载都是同样的字节。"""
    return pdf_file(require_bound().resident_id, report_id)


def pdf_file(resident_id: int, report_id: int) -> Response:
    """The paper as a file to keep or print."""
    ctx = context()
    at = ctx.now()
    shown = show_report(ctx, resident_id, report_id, at)
    digest = base64.b64encode(bytes.fromhex(shown.pdf_sha256)).decode()
    name = f"haihe-report-{shown.content['as_of']}.pdf"
    return Response(
        report_pdf(ctx, resident_id, report_id, at),
        content_type="application/pdf",
        headers={
            "Content-Disposition": f'attachment; filename="{name}"',
            "Content-Digest": f"sha-256=:{digest}:",
        },
    )


def view(shown: ShownReport) -> dict[str, Any]:
    """What the resident's program is told of it."""
    return {
        "id": shown.id,
        "code": shown.code,
        "made_at": shown.made_at,
        "expires_at": shown.expires_at,
        "shares_summary": shown.shares_summary,
        "pdf_url": f"{context().base_url}/v1/me/reports/{shown.id}.pdf",
        "pdf_sha256": shown.pdf_sha256,
        "content_sha256": shown.content_sha256,
        "jws": shown.jws,
    }
