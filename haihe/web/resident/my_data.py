"""我的数据: everything stored about me, to take away."""

from __future__ import annotations

from typing import Any

import orjson
from flask import Response
from marshmallow import Schema, fields

from haihe.usecases.context import day_of
from haihe.usecases.delete_account import delete_account
from haihe.usecases.export_my_data import export_my_data
from haihe.web.context import context
from haihe.web.resident.consents import KeptView
from haihe.web.resident.door import LOCKED, Blueprint
from haihe.web.resident.lock import keep_locked, require_bound

blp = Blueprint("resident_my_data", description="我的数据")
keep_locked(blp)


class DeletedView(Schema):
    """What stays where the law says so."""

    kept = fields.List(
        fields.Nested(KeptView), required=True, metadata={"description": "依法保留的内容、理由与期限"}
    )


@blp.get("/v1/me/export")
@blp.doc(summary="导出我的全部数据", **LOCKED)
@blp.response(200, {"type": "object"}, content_type="application/json", description="按数据表列出的全部内容")
@blp.refuses(401, 403)
def export() -> Response:
    """本系统保存的关于您的全部数据，可携带、可机读（个人信息保护法第四十五条）。"""
    return export_file(require_bound().resident_id)


@blp.delete("/v1/me/account")
@blp.doc(summary="注销账号", **LOCKED)
@blp.response(200, DeletedView, description="账号已删除，各处登录均已结束")
@blp.refuses(401, 403, 409)
def remove_account() -> dict[str, Any]:
    """退出海河分之后，删除账号与实名绑定（个人信息保护法第四十七条）；还有没完结的订单时不能注销。"""
    caller = require_bound()
    ctx = context()
    return {"kept": delete_account(ctx, caller.account_id, caller.resident_id, ctx.now())}


def export_file(resident_id: int) -> Response:
    """The export as a file to keep."""
    ctx = context()
    at = ctx.now()
    told = {"exported_on": day_of(at).isoformat(), "data": export_my_data(ctx, resident_id, at)}
    return Response(
        orjson.dumps(told, option=orjson.OPT_INDENT_2),
        content_type="application/json; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="haihe-{day_of(at).isoformat()}.json"'},
    )
