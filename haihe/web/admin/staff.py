"""人员账号 over HTTP: the same deeds as the console's pages. What is handed out (a first password, a second factor) is told once."""

from __future__ import annotations

from typing import Any

from flask import request
from marshmallow import Schema, fields, validate

from haihe.storage.audit import AuditEntry
from haihe.storage.office import Staff
from haihe.usecases import staff_accounts as accounts
from haihe.usecases.staff_login import Role, StaffCaller
from haihe.web.admin.lock import StaffDoors, require_staff
from haihe.web.bodies import LARGEST_ID, Body, Moment, Number, Text
from haihe.web.context import context

STAFF = [{"staff": []}]
GUARDS = (Role.SYSTEM_ADMIN, Role.SECURITY_ADMIN, Role.AUDITOR)
WATCHERS = (Role.SECURITY_ADMIN, Role.AUDITOR)


class AccountDoors(StaffDoors):
    """Doors that all refuse alike."""

    REFUSALS = {  # noqa: RUF012 - declared as ClassVar where it comes from
        403: "岗位没有这项权限，或这是自己的账号",
        404: "没有这个账号",
        409: "账号的状态不允许",
        422: "内容不符合要求",
    }


class PostBody(Body):
    """A post: a role, for the whole city or for some districts."""

    role = Text(32, validate=validate.OneOf([r.value for r in Role], error="没有这个岗位"))
    districts = fields.List(
        Text(6),
        load_default=[],
        validate=validate.Length(max=16, error="最多 16 个区"),
        error_messages={"invalid": "应为列表", "null": "不能为空"},
        metadata={"description": "空表示全市", "example": ["120103"]},
    )


class NewStaffBody(PostBody):
    """An account to be opened."""

    username = Text(64, metadata={"example": "wang-min"})


class WhyBody(Body):
    """Why; it goes into the audit."""

    reason = Text(500)


class StaffAccountView(Schema):
    """An account."""

    username = fields.String(required=True)
    role = fields.String(required=True)
    districts = fields.List(fields.String(), required=True)
    state = fields.String(
        required=True, metadata={"description": "PROPOSED 待确认、OPEN 可用、LOCKED 已锁定、CLOSED 已停用"}
    )
    proposed_by = fields.String(required=True)
    password_expires_at = Moment(required=True)
    locked_until = Moment(
        required=True, allow_none=True, metadata={"description": "连续输错而暂时锁定到何时"}
    )
    created_at = Moment(required=True)


class StaffAccounts(Schema):
    """Every account, those in use first."""

    staff = fields.List(fields.Nested(StaffAccountView), required=True)


class FirstPassword(Schema):
    """A first password, told this once; it is to be changed at the first login."""

    username = fields.String(required=True)
    first_password = fields.String(required=True)


class SecondFactor(Schema):
    """A second factor, told this once."""

    username = fields.String(required=True)
    totp_secret = fields.String(required=True)


class RefusalView(Schema):
    """Somebody did not get in, or not through a door."""

    id = fields.Integer(required=True)
    at = Moment(required=True)
    actor = fields.String(required=True)
    deed = fields.String(required=True)
    detail = fields.Dict(required=True)


class RefusalsQuery(Body):
    """Which page of the list."""

    limit = Number(1, 200, load_default=50)
    before = Number(1, LARGEST_ID, load_default=None, metadata={"description": "上一页最后一条的 id"})


class Refusals(Schema):
    """A page of them, the latest first."""

    refusals = fields.List(fields.Nested(RefusalView), required=True)


blp = AccountDoors("admin_staff", __name__, url_prefix="/v1/admin", description="人员账号")


@blp.before_request
def locked() -> None:
    """Settled before anything of the request is read."""
    require_staff(*(GUARDS if request.method in ("GET", "HEAD") else GUARDS[:2]))


def _system() -> StaffCaller:
    return require_staff(Role.SYSTEM_ADMIN)


def _security() -> StaffCaller:
    return require_staff(Role.SECURITY_ADMIN)


@blp.get("/staff")
@blp.doc(summary="全部账号", security=STAFF)
@blp.response(200, StaffAccounts)
def view_staff() -> dict[str, Any]:
    """可用的在前，已停用的在后。"""
    return {"staff": accounts.staff_accounts()}


@blp.post("/staff")
@blp.doc(summary="开立账号（系统管理）", security=STAFF)
@blp.arguments(NewStaffBody)
@blp.response(201, FirstPassword, description="已开立，待安全管理员确认岗位；首次密码只出现这一次")
@blp.refuses(403, 409, 422)
def open_account(body: dict[str, Any]) -> dict[str, str]:
    """提出岗位与所辖区；安全管理员确认之后才能登录。"""
    ctx, caller = context(), _system()
    password = accounts.propose_staff(
        ctx, caller, body["username"], body["role"], body["districts"], ctx.now()
    )
    return {"username": body["username"], "first_password": password}


@blp.get("/staff/<username>")
@blp.doc(summary="一个账号", security=STAFF)
@blp.response(200, StaffAccountView)
@blp.refuses(403, 404)
def view_account(username: str) -> Staff:
    """岗位、状态与密码何时到期。"""
    return accounts.staff_account(username)


@blp.post("/staff/<username>/post")
@blp.doc(summary="换岗（系统管理）", security=STAFF)
@blp.arguments(PostBody)
@blp.response(204, description="已提出，该账号立即退出登录，待安全管理员确认")
@blp.refuses(403, 404, 409, 422)
def change_post(body: dict[str, Any], username: str) -> None:
    """提出另一个岗位。"""
    accounts.propose_post(_system(), username, body["role"], body["districts"], context().now())


@blp.post("/staff/<username>/password")
@blp.doc(summary="重置密码（系统管理）", security=STAFF)
@blp.response(200, FirstPassword, description="新的首次密码只出现这一次")
@blp.refuses(403, 404, 409)
def renew_password(username: str) -> dict[str, str]:
    """忘了密码的，另给首次密码；登录后须先修改。"""
    password = accounts.renew_password(_system(), username, context().now())
    return {"username": username, "first_password": password}


@blp.post("/staff/<username>/close")
@blp.doc(summary="停用账号（系统管理）", security=STAFF)
@blp.arguments(WhyBody)
@blp.response(204, description="已停用，不能恢复")
@blp.refuses(403, 404, 409, 422)
def close_account(body: dict[str, Any], username: str) -> None:
    """立即退出登录；做过的事仍留在审计里。"""
    accounts.close_staff(_system(), username, body["reason"], context().now())


@blp.post("/staff/<username>/confirm")
@blp.doc(summary="确认岗位（安全管理）", security=STAFF)
@blp.response(200, SecondFactor, description="已确认；动态口令密钥只出现这一次")
@blp.refuses(403, 404, 409)
def confirm_account(username: str) -> dict[str, str]:
    """确认之后，凭首次密码与这里给出的动态口令登录。"""
    ctx = context()
    return {
        "username": username,
        "totp_secret": accounts.confirm_staff(ctx, _security(), username, ctx.now()),
    }


@blp.post("/staff/<username>/second-factor")
@blp.doc(summary="重置动态口令（安全管理）", security=STAFF)
@blp.response(200, SecondFactor, description="新的动态口令密钥只出现这一次，旧的立即作废")
@blp.refuses(403, 404, 409)
def renew_second_factor(username: str) -> dict[str, str]:
    """换了手机的，重新绑定。"""
    ctx = context()
    return {
        "username": username,
        "totp_secret": accounts.renew_second_factor(ctx, _security(), username, ctx.now()),
    }


@blp.post("/staff/<username>/lock")
@blp.doc(summary="锁定账号（安全管理）", security=STAFF)
@blp.arguments(WhyBody)
@blp.response(204, description="已锁定，立即退出登录")
@blp.refuses(403, 404, 409, 422)
def lock_account(body: dict[str, Any], username: str) -> None:
    """解锁之前不能登录。"""
    accounts.lock_staff(_security(), username, body["reason"], context().now())


@blp.post("/staff/<username>/unlock")
@blp.doc(summary="解锁账号（安全管理）", security=STAFF)
@blp.response(204, description="已解锁，连续输错的次数清零")
@blp.refuses(403, 404, 409)
def unlock_account(username: str) -> None:
    """手工锁定的与因输错而暂时锁定的都解开。"""
    accounts.unlock_staff(_security(), username, context().now())


@blp.get("/staff-refusals")
@blp.doc(summary="登录失败与越权（安全管理、审计）", security=STAFF)
@blp.arguments(RefusalsQuery, location="query")
@blp.response(200, Refusals)
def refusals(query: dict[str, Any]) -> dict[str, list[AuditEntry]]:
    """谁没能登录、谁想做不归自己做的事；最近的在前。"""
    require_staff(*WATCHERS)
    return {"refusals": accounts.sign_in_refusals(query["limit"], query["before"])}
