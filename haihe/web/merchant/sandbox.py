"""沙箱: test residents and the codes that they show. For sandbox clients alone."""

from __future__ import annotations

from typing import Any, ClassVar

from flask import Response, g
from marshmallow import Schema, fields

from haihe.domain.errors import Forbidden
from haihe.usecases.make_statements import statement_so_far
from haihe.usecases.sandbox import NOTES, SandboxPass, show_pass
from haihe.web.bodies import Body, Moment, StrictBlueprint, Text
from haihe.web.context import context
from haihe.web.oauth_lock import require_partner

SCOPE = "check"
LOCK = [{"oauth2": [SCOPE]}]


class SandboxDoor(StrictBlueprint):
    """A door that refuses whoever is not a sandbox."""

    REFUSALS: ClassVar = {
        403: "不是沙箱客户端",
        404: "没有这个场景",
        409: "该场景没有每人限额",
        422: "没有这位测试居民",
    }


blp = SandboxDoor("merchant_sandbox", __name__, url_prefix="/v1/merchant/sandbox", description="沙箱")


class TestResidentView(Schema):
    """Somebody who does not exist."""

    resident = fields.String(required=True, metadata={"example": "eligible"})
    note = fields.String(required=True)


class TestResidents(Schema):
    """All of them."""

    items = fields.List(fields.Nested(TestResidentView), required=True)


class ShowSandboxPass(Body):
    """Whose code, for which benefit."""

    resident = Text(32, metadata={"example": "eligible"})
    scenario = Text(16, metadata={"example": "XYZ-07"})


class SandboxPassView(Schema):
    """A code, as the resident's phone would show it."""

    code = fields.String(required=True)
    resident = fields.String(required=True)
    scenario = fields.String(required=True)
    expires_at = Moment(required=True)


@blp.before_request
def locked() -> None:
    """The city's own clients have real residents to ask about."""
    g.partner = require_partner(SCOPE)
    if not g.partner.sandbox:
        raise Forbidden("SANDBOX_ONLY", "只有沙箱客户端可以使用测试居民")


@blp.get("/residents")
@blp.doc(summary="测试居民", security=LOCK)
@blp.response(200, TestResidents)
@blp.refuses(403)
def residents() -> dict[str, Any]:
    """每一位对应商户应当会处理的一种回答。"""
    return {"items": [{"resident": kind, "note": note} for kind, note in NOTES.items()]}


@blp.post("/passes")
@blp.doc(summary="测试居民出示信用码", security=LOCK)
@blp.arguments(ShowSandboxPass)
@blp.response(201, SandboxPassView)
@blp.refuses(403, 404, 409, 422)
def passes(body: dict[str, str]) -> SandboxPass:
    """之后以同一个沙箱客户端核验、开立订单，与正式环境走同样的接口。"""
    ctx = context()
    return show_pass(ctx, g.partner, body["resident"], body["scenario"], ctx.now())


@blp.get("/statement")
@blp.doc(summary="今天的对账单（预览）", security=LOCK)
@blp.response(
    200, {"type": "object"}, content_type="application/json", description="与每日对账单的 JSON 文件同样"
)
@blp.refuses(403)
def statement() -> Response:
    """正式的对账单次日凌晨生成；在沙箱里可以随时看今天到此刻为止的样子，不签名、不留存。"""
    return Response(statement_so_far(g.partner, context().now()), content_type="application/json")
