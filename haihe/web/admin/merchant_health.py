"""商户运行与告警 over HTTP: the same board as the console's page."""

from __future__ import annotations

from flask import g
from marshmallow import Schema, fields

from haihe.usecases.judge_merchant import Judge
from haihe.usecases.partner_health import Board, health_board
from haihe.usecases.staff_login import Role
from haihe.web.admin.lock import StaffDoors, require_staff
from haihe.web.bodies import Moment
from haihe.web.context import context

blp = StaffDoors("admin_merchant_health", __name__, url_prefix="/v1/admin", description="商户准入")
FEW = {"description": "1 至 19 不列出，为空"}


class HealthView(Schema):
    """Asked, told yes, ordered, kept in thirty days."""

    merchant_id = fields.Integer(required=True, allow_none=True)
    name = fields.String(required=True, metadata={"description": "商户或场景的名称"})
    scenario = fields.String(required=True)
    asked = fields.Integer(required=True, allow_none=True, metadata=FEW)
    eligible = fields.Integer(required=True, allow_none=True, metadata=FEW)
    opened = fields.Integer(required=True, allow_none=True, metadata=FEW)
    kept = fields.Integer(
        required=True, allow_none=True, metadata={"description": "按时结清；1 至 19 不列出，为空"}
    )
    silent = fields.Boolean(required=True, metadata={"description": "准入满 30 天而没有用过"})


class ProbingView(Schema):
    """A merchant that ran into the limits."""

    merchant_id = fields.Integer(required=True)
    name = fields.String(required=True)
    kind = fields.String(required=True, metadata={"description": "ASKED_TOO_OFTEN 或 UNKNOWN_CODES"})
    count = fields.Integer(required=True)
    days = fields.Integer(required=True)
    last_at = Moment(required=True)


class BoardView(Schema):
    """The last thirty days."""

    since = fields.Date(required=True)
    counted_at = Moment(required=True, allow_none=True, metadata={"description": "统计到何时"})
    scenarios = fields.List(fields.Nested(HealthView), required=True)
    merchants = fields.List(fields.Nested(HealthView), required=True)
    probing = fields.List(fields.Nested(ProbingView), required=True)


@blp.before_request
def locked() -> None:
    """Partner managers and auditors, within their districts."""
    caller = require_staff(Role.PARTNER_MANAGER, Role.AUDITOR)
    g.judge = Judge(caller.actor, caller.districts)


@blp.get("/merchant-health")
@blp.doc(summary="商户运行与告警", security=[{"staff": []}])
@blp.response(200, BoardView)
def view_board() -> Board:
    """近 30 天各场景、各商户的“询问→可以→开单→守约”，沉默与探测的告警。"""
    ctx = context()
    return health_board(ctx, g.judge, ctx.now())
