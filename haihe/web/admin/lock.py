"""The lock on the staff's doors: a session with a second factor behind it, and a role that may."""

from __future__ import annotations

from typing import Any

from flask import Response, g, request

from haihe.domain.errors import Forbidden, HaiheError, OutOfReach, Unauthenticated
from haihe.usecases.staff_login import Role, StaffCaller, record_refusal, staff_of
from haihe.web.bodies import StrictBlueprint
from haihe.web.context import context
from haihe.web.oauth_lock import require_partner
from haihe.web.problems import told_by

# What a department's own client may do: send records, and answer what it is asked about them.
SOURCE_SCOPE = "records"


class StaffDoors(StrictBlueprint):
    """Doors of the staff: whatever was not theirs to do (a role, a district, their own draft) stays on the record."""

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.register_error_handler(Forbidden, _refused)
        self.register_error_handler(OutOfReach, _refused)


def bearer() -> str:
    """The token in the Authorization header."""
    scheme, _space, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise Unauthenticated("SESSION_MISSING", "请先登录，并以 Authorization: Bearer 出示令牌")
    return token.strip()


def require_staff(*roles: Role, expired_too: bool = False) -> StaffCaller:
    """Whoever of the staff is asking, if their role is one of these (any role where none is named).

    Whoever's password has expired must change it first; only what is needed for that is open to them (`expired_too`).
    """
    caller = staff_of(bearer(), context().now())
    g.staff = caller
    if roles and caller.role not in roles:
        raise Forbidden("ROLE_NOT_ALLOWED", "您的岗位没有这项权限")
    if caller.must_change and not expired_too:
        raise Forbidden("PASSWORD_EXPIRED", "密码已到期或是首次密码，请先修改（POST /v1/admin/password）")
    return caller


def _refused(error: HaiheError) -> Response:
    if "staff" in g:
        route = request.url_rule.rule if request.url_rule else request.path
        record_refusal(g.staff, f"{request.method} {route}", error.code, context().now())
    return told_by(error)


def require_source() -> str:
    """The source department whose client is asking."""
    partner = require_partner(SOURCE_SCOPE)
    if partner.source is None:
        raise Forbidden("NOT_A_SOURCE", "只有来源部门可以使用这个接口")
    return partner.source
