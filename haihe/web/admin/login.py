"""Staff login with a second factor."""

from __future__ import annotations

from flask_smorest import Blueprint

blp = Blueprint("admin_login", __name__, description="管理人员登录")
