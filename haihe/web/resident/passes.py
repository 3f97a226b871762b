"""信用码: the one-time code."""

from __future__ import annotations

import io
from typing import Any

import segno
from flask import Response
from marshmallow import Schema, fields

from haihe.usecases.issue_pass import issue_pass, shown_code
from haihe.web.bodies import Body, Moment, Text
from haihe.web.context import context
from haihe.web.resident.benefit_view import FindingView, view_findings
from haihe.web.resident.door import LOCKED, Blueprint
from haihe.web.resident.lock import keep_locked, require_bound

blp = Blueprint("resident_passes", description="信用码")
keep_locked(blp)
# Large modules and the full quiet zone: old counters have old cameras.
SCALE, QUIET_ZONE = 8, 4


class PassBody(Body):
    """Which benefit the code is for."""

    scenario = Text(16, metadata={"description": "场景代码", "example": "XYZ-07"})


class PassView(Schema):
    """A code to show, and how the benefit stands for the resident right now."""

    code = fields.String(
        required=True, metadata={"description": "18 位数字，也可报给店员", "example": "284019375620184736"}
    )
    expires_at = Moment(required=True, metadata={"description": "60 秒后过期"})
    scenario = fields.String(required=True)
    scenario_name = fields.String(required=True)
    eligible = fields.Boolean(
        required=True, metadata={"description": "此刻是否可用；商户只会得到“可以/不可以”"}
    )
    headline = fields.String(required=True)
    findings = fields.List(fields.Nested(FindingView), required=True)
    default_terms = fields.String(required=True)
    qr_svg_url = fields.String(required=True, metadata={"description": "二维码图片（SVG），须带会话令牌读取"})
    qr = fields.String(required=True, metadata={"description": "同一二维码，data: 地址，可直接显示"})


@blp.post("/v1/me/passes")
@blp.doc(summary="出示信用码", **LOCKED)
@blp.arguments(PassBody)
@blp.response(201, PassView, description="新的信用码；此前未被扫描的码随之失效")
@blp.refuses(401, 403, 404, 409, 415, 422, 429)
def show(body: dict[str, Any]) -> dict[str, Any]:
    """为一项优惠生成一次性信用码。条件未满足时也会生成，并如实告诉您差什么；商户得到的只是“不可以”。"""
    caller = require_bound()
    ctx = context()
    issued = issue_pass(ctx, caller.resident_id, body["scenario"], ctx.now())
    benefit = issued.benefit
    return {
        "code": issued.code,
        "expires_at": issued.expires_at,
        "scenario": benefit.scenario.code,
        "scenario_name": benefit.scenario.name,
        "eligible": benefit.eligible,
        "headline": benefit.told.headline,
        "findings": view_findings(benefit.decision.findings),
        "default_terms": benefit.scenario.default_terms,
        "qr_svg_url": f"{ctx.base_url}/v1/me/passes/{issued.code}/qr.svg",
        "qr": draw_pass(issued.code),
    }


@blp.get("/v1/me/passes/<string:code>/qr.svg")
@blp.doc(summary="信用码的二维码", **LOCKED)
@blp.response(200, {"type": "string"}, content_type="image/svg+xml", description="SVG 图片")
@blp.refuses(401, 403, 404)
def picture(code: str) -> Response:
    """本人正在出示的信用码的二维码；别人的、过期的一律没有。"""
    caller = require_bound()
    ctx = context()
    drawn = io.BytesIO()
    qr = _draw(shown_code(ctx, caller.resident_id, code, ctx.now()))
    qr.save(drawn, kind="svg", scale=SCALE, border=QUIET_ZONE, light="#fff", title="信用码")
    return Response(drawn.getvalue(), content_type="image/svg+xml")


def draw_pass(code: str) -> str:
    """The code as a picture that can be shown at once (a data: address): dark on white, also in dark mode."""
    return str(_draw(code).svg_data_uri(scale=SCALE, border=QUIET_ZONE, light="#fff"))


def _draw(code: str) -> segno.QRCode:
    return segno.make(code, error="m", micro=False)
