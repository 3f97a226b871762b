"""The lock on the staff's doors: a session with a second factor behind it, and a role that may."""

from __future__ import annotations

from flask import request

from haihe.domain.errors import Forbidden, Unauthenticated
from haihe.usecases.staff_login import Role, StaffCaller, staff_of
from haihe.web.context import context


def bearer() -> str:
    """The token in the Authorization header."""
    scheme, _space, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise Unauthenticated("SESSION_MISSING", "请先登录，并以 Authorization: Bearer 出示令牌")
    return token.strip()


def require_staff(*roles: Role) -> StaffCaller:
    """Whoever of the staff is asking, if their role is one of these (any role where none is named)."""
    caller = staff_of(bearer(), context().now())
    if roles and caller.role not in roles:
        raise Forbidden("ROLE_NOT_ALLOWED", "您的岗位没有这项权限")
    return caller
