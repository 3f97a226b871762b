"""Benefits: what I can use, and what is missing for the rest; and the facts that are mine to declare."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields

from haihe.usecases.declare import Declaration, declare, list_declarations
from haihe.usecases.show_benefits import show_benefit, show_benefits
from haihe.web.bodies import Body, Text, YesNo
from haihe.web.context import context
from haihe.web.resident.benefit_view import BenefitView, view_benefit
from haihe.web.resident.door import LOCKED, Blueprint
from haihe.web.resident.lock import keep_locked, require_bound, require_resident

blp = Blueprint("resident_benefits", description="信用+优惠与本人申明")
keep_locked(blp)


class BenefitList(Schema):
    """Eligible first, then the nearest."""

    benefits = fields.List(fields.Nested(BenefitView), required=True)


class DeclarationBody(Body):
    """A fact, and whether it holds."""

    fact = Text(8, metadata={"description": "资格事实代码", "example": "F03"})
    holds = YesNo(required=True, metadata={"description": "是否如此"})


class DeclarationView(Schema):
    """A fact that is the resident's own to state."""

    fact = fields.String(required=True)
    name = fields.String(required=True, metadata={"example": "赡养关系已申明"})
    holds = fields.Boolean(required=True, allow_none=True, metadata={"description": "尚未申明时为空"})
    declared_on = fields.Date(required=True, allow_none=True)


class DeclarationList(Schema):
    """Every such fact."""

    declarations = fields.List(fields.Nested(DeclarationView), required=True)


@blp.get("/v1/me/benefits")
@blp.doc(summary="我能用的优惠", **LOCKED)
@blp.response(200, BenefitList, description="可用的在前，其次是只差一点的")
@blp.refuses(401)
def benefits() -> dict[str, Any]:
    """每一项公开的优惠：能不能用，差什么、差多少，以及不靠积分时人人都有的条件。"""
    caller = require_resident()
    ctx = context()
    return {"benefits": [view_benefit(b) for b in show_benefits(ctx, caller.resident_id, ctx.now())]}


@blp.get("/v1/me/benefits/<string:code>")
@blp.doc(summary="一项优惠", **LOCKED)
@blp.response(200, BenefitView, description="这项优惠的全部条件与现状")
@blp.refuses(401, 404)
def benefit(code: str) -> dict[str, Any]:
    """一项优惠的条件、额度、限额与现状。"""
    caller = require_resident()
    ctx = context()
    return view_benefit(show_benefit(ctx, caller.resident_id, code, ctx.now()))


@blp.get("/v1/me/declarations")
@blp.doc(summary="我的申明", **LOCKED)
@blp.response(200, DeclarationList, description="可由本人申明的事实")
@blp.refuses(401, 403)
def declarations() -> dict[str, Any]:
    """可由本人申明的事实，以及您申明过什么。"""
    caller = require_bound()
    ctx = context()
    return {"declarations": list_declarations(ctx, caller.resident_id, ctx.now())}


@blp.post("/v1/me/declarations")
@blp.doc(summary="申明一项事实", **LOCKED)
@blp.arguments(DeclarationBody)
@blp.response(200, DeclarationView, description="已申明，立即生效")
@blp.refuses(401, 403, 404, 409, 415, 422)
def state(body: dict[str, Any]) -> Declaration:
    """由本人申明一项事实（如车牌已绑定、赡养关系）；可随时改口，以最近一次为准。"""
    caller = require_bound()
    ctx = context()
    return declare(ctx, caller.resident_id, body["fact"], body["holds"], ctx.now())
