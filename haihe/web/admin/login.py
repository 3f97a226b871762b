"""Staff login with a second factor."""

from __future__ import annotations

from typing import Any

from flask import request

from haihe.usecases.own_password import change_own_password
from haihe.usecases.staff_login import StaffLoggedIn, log_in_staff, log_out_staff
from haihe.web.admin.lock import StaffDoors, bearer, require_staff
from haihe.web.admin.schemas import OwnPasswordBody, StaffAnswer, StaffLoginAnswer, StaffLoginBody
from haihe.web.context import context

blp = StaffDoors("admin_login", __name__, url_prefix="/v1/admin", description="管理人员登录")

STAFF = [{"staff": []}]


@blp.before_request
def locked() -> None:
    """Whoever is to show who they are is not asked yet; everybody else is, before anything of the request is read."""
    if request.endpoint != f"{blp.name}.login":
        require_staff(expired_too=True)


@blp.post("/login")
@blp.doc(summary="管理人员登录", security=[])
@blp.arguments(StaffLoginBody)
@blp.response(200, StaffLoginAnswer, description="已登录，半小时内有效")
@blp.alt_response(401, description="用户名、密码或动态口令不正确，或账号暂时锁定")
def login(body: dict[str, Any]) -> StaffLoggedIn:
    """以用户名、密码和动态口令登录。连续 5 次失败，账号锁定 15 分钟。"""
    ctx = context()
    return log_in_staff(ctx, body["username"], body["password"], body["totp"], ctx.now())


@blp.post("/logout")
@blp.doc(summary="管理人员退出登录", security=STAFF)
@blp.response(204, description="已退出登录")
def logout() -> None:
    """结束这一次登录。"""
    require_staff(expired_too=True)
    log_out_staff(bearer(), context().now())


@blp.get("/me")
@blp.doc(summary="当前登录的管理人员", security=STAFF)
@blp.response(200, StaffAnswer)
def me() -> dict[str, Any]:
    """谁在登录，什么岗位，管哪些区，到什么时候。"""
    caller = require_staff(expired_too=True)
    return {
        "username": caller.username,
        "role": caller.role,
        "districts": sorted(caller.districts),
        "expires_at": caller.expires_at,
        "must_change_password": caller.must_change,
    }


@blp.post("/password")
@blp.doc(summary="修改自己的密码", security=STAFF)
@blp.arguments(OwnPasswordBody)
@blp.response(204, description="已修改，90 天内有效；其他登录都已退出")
@blp.alt_response(422, description="现在的密码不正确，或新密码不合要求")
def change_password(body: dict[str, Any]) -> None:
    """首次登录与密码到期之后，只能先做这一件事。"""
    caller = require_staff(expired_too=True)
    change_own_password(caller, bearer(), body["password"], body["new_password"], context().now())
