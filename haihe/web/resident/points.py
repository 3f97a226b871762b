"""海河分: the total, every line of it, and what will change by itself."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields

from haihe.usecases.points_over_time import points_over_time
from haihe.usecases.show_points import ShownLine, ShownPoints, show_ledger, show_points
from haihe.web.bodies import LARGEST_ID, Body, Moment, Number
from haihe.web.context import context
from haihe.web.resident.door import LOCKED, Blueprint
from haihe.web.resident.lock import keep_locked, require_bound

blp = Blueprint("resident_points", description="海河分与得分明细")
keep_locked(blp)


class GradeView(Schema):
    """等级."""

    code = fields.String(required=True, metadata={"example": "G3"})
    name = fields.String(required=True, metadata={"example": "良好"})


class DimensionView(Schema):
    """One of the five dimensions; the points of its lines add up to `points`."""

    code = fields.String(required=True)
    name = fields.String(required=True)
    points = fields.Integer(required=True)
    base = fields.Integer(required=True, metadata={"description": "起始分"})
    cap = fields.Integer(required=True, metadata={"description": "上限"})


class LineRecord(Schema):
    """The record behind a line."""

    record_id = fields.Integer(required=True, metadata={"description": "提出异议时填写"})
    record_no = fields.String(required=True)
    source = fields.String(required=True, metadata={"description": "来源部门"})
    occurred_on = fields.Date(required=True)
    document_no = fields.String(required=True, allow_none=True)
    issuer = fields.String(required=True, allow_none=True)
    quantity = fields.Float(required=True)
    level = fields.String(required=True, allow_none=True)
    severity = fields.String(required=True, allow_none=True, metadata={"description": "轻微、一般或严重"})
    valid_to = fields.Date(required=True, allow_none=True)


class LineView(Schema):
    """得分明细: all lines add up to the total."""

    kind = fields.String(
        required=True, metadata={"description": "BASE 起始分、INDICATOR 指标、ADJUSTMENT 封顶保底"}
    )
    dimension = fields.String(required=True)
    indicator = fields.String(required=True, allow_none=True)
    name = fields.String(required=True)
    points = fields.Integer(required=True)
    because = fields.String(required=True, metadata={"description": "为什么"})
    department = fields.String(required=True, allow_none=True)
    policy_item = fields.String(required=True, allow_none=True)
    legal_basis = fields.String(required=True, allow_none=True)
    records = fields.List(fields.Nested(LineRecord), required=True)


class ChangeView(Schema):
    """What will change by itself."""

    on = fields.Date(required=True)
    before = fields.Integer(required=True)
    after = fields.Integer(required=True)
    indicators = fields.List(fields.String(), required=True)
    sentence = fields.String(required=True, metadata={"example": "2027-03-01 起 +1（连续守信）"})


class FreshnessView(Schema):
    """How fresh one department's data is."""

    source = fields.String(required=True, metadata={"description": "来源部门"})
    last_at = Moment(required=True)
    words = fields.String(required=True, metadata={"example": "昨天"})


class PointsView(Schema):
    """海河分 today, computed from the records at this moment."""

    total = fields.Integer(required=True, metadata={"example": 652})
    grade = fields.Nested(GradeView, required=True)
    dimensions = fields.List(fields.Nested(DimensionView), required=True)
    lines = fields.List(fields.Nested(LineView), required=True)
    next_changes = fields.List(fields.Nested(ChangeView), required=True)
    help = fields.String(required=True, allow_none=True, metadata={"description": "有失信记录时可以怎样办"})
    as_of = fields.Date(required=True)
    rulebook = fields.String(required=True, metadata={"example": "HH-2026.1"})
    data_as_of = Moment(
        required=True, allow_none=True, metadata={"description": "部门数据最近一次到达的时间"}
    )
    sources = fields.List(
        fields.Nested(FreshnessView),
        required=True,
        metadata={"description": "各来源部门最近一次报送，新的在前"},
    )


class PointsOnView(Schema):
    """The total with which a day ended."""

    on = fields.Date(required=True)
    total = fields.Integer(required=True)


class HistoryView(Schema):
    """积分曲线 of the last 24 months: a point for every day on which the total changed."""

    points = fields.List(fields.Nested(PointsOnView), required=True)


class LedgerQuery(Body):
    """Which page."""

    before = Number(1, LARGEST_ID, load_default=None, metadata={"description": "上一页给出的 next_before"})
    limit = Number(1, 100, load_default=20)


class LedgerEntryView(Schema):
    """积分变动."""

    id = fields.Integer(required=True)
    at = Moment(required=True)
    on = fields.Date(required=True)
    before = fields.Integer(required=True)
    after = fields.Integer(required=True)
    delta = fields.Integer(required=True)
    cause = fields.String(required=True, metadata={"example": "NEW"})
    cause_words = fields.String(required=True, metadata={"example": "新的记录"})
    part = fields.String(required=True, metadata={"description": "指标代码，或维度的起始分、封顶"})
    part_name = fields.String(required=True)
    rulebook = fields.String(required=True)


class LedgerView(Schema):
    """One page, newest first."""

    entries = fields.List(fields.Nested(LedgerEntryView), required=True)
    next_before = fields.Integer(
        required=True, allow_none=True, metadata={"description": "下一页的 before；没有则为空"}
    )


@blp.get("/v1/me/points")
@blp.doc(summary="我的海河分", **LOCKED)
@blp.response(200, PointsView, description="总分、等级、五个维度、逐条明细与将来的变化")
@blp.refuses(401, 403, 409)
def points() -> dict[str, Any]:
    """当场由记录算出的海河分，每一分都说明来由。"""
    caller = require_bound()
    ctx = context()
    return _view(show_points(ctx, caller.resident_id, ctx.now()))


@blp.get("/v1/me/points/history")
@blp.doc(summary="积分曲线", **LOCKED)
@blp.response(200, HistoryView, description="近 24 个月，每个变动日一个点")
@blp.refuses(401, 403)
def history() -> dict[str, Any]:
    """近 24 个月里每个变动日结束时的海河分。"""
    caller = require_bound()
    return {"points": points_over_time(caller.resident_id, context().now())}


@blp.get("/v1/me/ledger")
@blp.doc(summary="积分变动", **LOCKED)
@blp.arguments(LedgerQuery, location="query")
@blp.response(200, LedgerView, description="由新到旧，一页一页")
@blp.refuses(401, 403, 422)
def ledger(query: dict[str, Any]) -> dict[str, Any]:
    """每一次变动的前后分值、原因和所依据的规则集。"""
    caller = require_bound()
    ctx = context()
    entries, next_before = show_ledger(ctx, caller.resident_id, query["before"], query["limit"], ctx.now())
    return {"entries": entries, "next_before": next_before}


def _view(shown: ShownPoints) -> dict[str, Any]:
    told = shown.explanation
    return {
        "total": told.total,
        "grade": {"code": told.grade, "name": told.grade_name},
        "dimensions": told.dimensions,
        "lines": [_line(line) for line in shown.lines],
        "next_changes": told.next_changes,
        "help": told.help,
        "as_of": told.on,
        "rulebook": told.rulebook,
        "data_as_of": shown.data_as_of,
        "sources": shown.sources,
    }


def _line(shown: ShownLine) -> dict[str, Any]:
    line = shown.line
    return {
        "kind": line.kind,
        "dimension": shown.dimension,
        "indicator": line.indicator,
        "name": line.name,
        "points": line.points,
        "because": line.because,
        "department": line.department,
        "policy_item": line.policy_item,
        "legal_basis": line.legal_basis,
        "records": shown.records,
    }
