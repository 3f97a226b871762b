"""授权: joining, sensitive classes, leaving."""

from __future__ import annotations

from flask_smorest import Blueprint

blp = Blueprint("resident_consents", __name__, description="授权与退出")
