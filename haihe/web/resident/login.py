"""Logging in through the mini-program, and binding the real name."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields

from haihe.domain.identity import IdType
from haihe.usecases.bind_identity import Bound, Claimed, bind_identity
from haihe.usecases.sessions import LoggedIn, log_in, log_out
from haihe.web.bodies import Body, Moment, Text
from haihe.web.context import context
from haihe.web.resident.door import LOCKED, Blueprint, bearer
from haihe.web.resident.lock import keep_locked, require_resident

blp = Blueprint("resident_login", description="居民登录与实名")
keep_locked(blp, "login")


class MiniProgramLogin(Body):
    """What the mini-program hands in."""

    js_code = Text(128, metadata={"description": "wx.login 所得的一次性凭证", "example": "demo-lihua"})


class ResidentSession(Schema):
    """A session, and what is still to be done before points can be shown."""

    token = fields.String(required=True, metadata={"description": "以 Authorization: Bearer 出示"})
    expires_at = Moment(required=True, metadata={"description": "使用期间自动延长，最长 30 天"})
    real_name_bound = fields.Boolean(required=True, metadata={"description": "是否已实名绑定"})
    joined = fields.Boolean(required=True, metadata={"description": "是否已开通海河分"})


class IdentityBody(Body):
    """Who somebody says they are."""

    name = Text(64, metadata={"description": "姓名", "example": "李华"})
    id_type = Text(
        32,
        load_default=IdType.RESIDENT.value,
        required=False,
        metadata={"description": "证件类型", "example": "RESIDENT"},
    )
    id_number = Text(32, metadata={"description": "证件号码", "example": "110105194912310021"})


class IdentityAnswer(Schema):
    """What came of the verification."""

    level = fields.String(required=True, metadata={"description": "实名核验等级，L2 或 L3"})
    verified_on = fields.Date(required=True)
    moved = fields.Boolean(
        required=True, metadata={"description": "此前绑定在您的另一个账号上，那个账号已退出登录"}
    )
    notice = fields.String(required=True, metadata={"description": "给居民的一句话"})


@blp.post("/v1/login")
@blp.doc(summary="登录", security=[])
@blp.arguments(MiniProgramLogin)
@blp.response(200, ResidentSession, description="已登录")
@blp.refuses(403, 415, 422, 429, 503)
def login(body: dict[str, Any]) -> LoggedIn:
    """以小程序的一次性凭证登录；首次登录即建立账号。"""
    ctx = context()
    return log_in(ctx, body["js_code"], ctx.now())


@blp.post("/v1/logout")
@blp.doc(summary="退出登录", security=[{"resident": []}])
@blp.response(204, description="已退出登录")
@blp.refuses(401)
def logout() -> None:
    """结束这一次登录；其他手机上的登录不受影响。"""
    require_resident()
    log_out(bearer() or "", context().now())


@blp.post("/v1/me/identity")
@blp.doc(summary="实名绑定", **LOCKED)
@blp.arguments(IdentityBody)
@blp.response(200, IdentityAnswer, description="已核验并绑定")
@blp.refuses(401, 403, 409, 415, 422, 429, 503)
def bind(body: dict[str, Any]) -> dict[str, Any]:
    """核验姓名与证件号码并绑定到本账号。海河分跟随真人：同一个人在新账号上核验后，旧账号即解除绑定并退出登录。"""
    caller = require_resident()
    ctx = context()
    claimed = Claimed(body["name"], body["id_type"], body["id_number"])
    bound = bind_identity(ctx, caller.account_id, claimed, ctx.now())
    return {
        "level": bound.level,
        "verified_on": bound.verified_on,
        "moved": bound.moved,
        "notice": _notice(bound),
    }


def _notice(bound: Bound) -> str:
    if bound.moved:
        return "实名绑定完成。您此前绑定的账号已解除绑定并退出登录。"
    return "实名绑定完成。"
