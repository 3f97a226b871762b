"""信用码: the one-time code."""

from __future__ import annotations

from flask_smorest import Blueprint

blp = Blueprint("resident_passes", __name__, description="信用码")
