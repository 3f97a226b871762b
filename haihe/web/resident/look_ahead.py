"""What would help: the steps towards a benefit, and what a deed would do to the points."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields, validate

from haihe.domain.scoring import Score
from haihe.domain.steps import MOST_UNITS, Deed
from haihe.usecases.look_ahead import imagine, way_to
from haihe.web.bodies import Body, Number, Text
from haihe.web.context import context
from haihe.web.resident.door import LOCKED, Blueprint
from haihe.web.resident.lock import keep_locked, require_bound

blp = Blueprint("resident_look_ahead", description="怎样更进一步")
keep_locked(blp)

MOST_DEEDS = 10


class StepView(Schema):
    """One way forward."""

    kind = fields.String(required=True, metadata={"description": "DO 去做、REPAIR 修复、WAIT 等待"})
    indicator = fields.String(required=True, allow_none=True)
    sentence = fields.String(required=True, metadata={"example": "参加志愿服务 2 小时"})
    points = fields.Integer(required=True, metadata={"description": "单凭这一步能增加多少分"})
    reaches = fields.Boolean(required=True, metadata={"description": "单凭这一步是否足够"})
    months = fields.Integer(
        required=True, allow_none=True, metadata={"description": "按一般进度约需几个月；不适用时为空"}
    )
    on = fields.Date(required=True, allow_none=True, metadata={"description": "最早从哪一天起有效"})


class WayView(Schema):
    """The steps towards one benefit, the soonest that suffice first."""

    code = fields.String(required=True, metadata={"example": "XYZ-07"})
    headline = fields.String(required=True, metadata={"example": "还差 1 分"})
    gap = fields.Integer(required=True, allow_none=True, metadata={"description": "还差多少分；不差分时为空"})
    steps = fields.List(fields.Nested(StepView), required=True)


class DeedBody(Body):
    """Something imagined as done today."""

    indicator = Text(8, metadata={"description": "指标代码", "example": "D01"})
    quantity = Number(
        1, MOST_UNITS, load_default=1, strict=True, metadata={"description": "数量，单位随指标"}
    )
    level = Text(16, required=False, load_default=None, metadata={"description": "分级别的指标填级别"})


class WhatIfBody(Body):
    """The deeds, taken together."""

    deeds = fields.List(
        fields.Nested(DeedBody),
        required=True,
        validate=validate.Length(1, MOST_DEEDS, error=f"写 1 至 {MOST_DEEDS} 项"),
        error_messages={"required": "必填", "null": "不能为空", "invalid": "应为列表"},
    )


class ImaginedScore(Schema):
    """A total and its grade."""

    total = fields.Integer(required=True)
    grade = fields.String(required=True)
    grade_name = fields.String(required=True)


class MovedView(Schema):
    """An indicator whose points would differ."""

    indicator = fields.String(required=True)
    name = fields.String(required=True)
    before = fields.Integer(required=True)
    after = fields.Integer(required=True)


class WhatIfView(Schema):
    """The points as they are and as they would be. Imagining stores nothing."""

    before = fields.Nested(ImaginedScore, required=True)
    after = fields.Nested(ImaginedScore, required=True)
    gain = fields.Integer(required=True)
    moved = fields.List(fields.Nested(MovedView), required=True)


@blp.get("/v1/me/benefits/<string:code>/steps")
@blp.doc(summary="怎样够到这项优惠", **LOCKED)
@blp.response(200, WayView, description="单凭一步就够的在前，快的在前")
@blp.refuses(401, 403, 404, 409)
def steps(code: str) -> dict[str, Any]:
    """还差多少分，以及合法、不花钱、不以隐私换分的办法各能增加多少分、约需多久。"""
    caller = require_bound()
    ctx = context()
    way = way_to(ctx, caller.resident_id, code, ctx.now())
    told = way.benefit.told
    ahead = told.ahead if way.benefit.eligible and told.ahead else told.headline
    return {"code": way.benefit.scenario.code, "headline": ahead, "gap": way.gap, "steps": way.steps}


@blp.post("/v1/me/what-if")
@blp.doc(summary="设想一下", **LOCKED)
@blp.arguments(WhatIfBody)
@blp.response(200, WhatIfView, description="现在的分值与设想的分值")
@blp.refuses(401, 403, 409, 415, 422)
def what_if(body: dict[str, Any]) -> dict[str, Any]:
    """如果今天就有这些记录，海河分会是多少。只作设想，不留任何记录。"""
    caller = require_bound()
    ctx = context()
    told = imagine(ctx, caller.resident_id, [Deed(**d) for d in body["deeds"]], ctx.now())

    def view(score: Score) -> dict[str, Any]:
        grade = told.rulebook.grade_of(score.total)
        return {"total": score.total, "grade": grade.code, "grade_name": grade.name}

    names = told.rulebook.by_code
    return {
        "before": view(told.before),
        "after": view(told.after),
        "gain": told.after.total - told.before.total,
        "moved": [
            {"indicator": code, "name": names[code].name, "before": before, "after": after}
            for code, before, after in told.moved
        ],
    }
