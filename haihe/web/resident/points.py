"""海河分: the total, every line of it, and what will change by itself."""

from __future__ import annotations

from flask_smorest import Blueprint

blp = Blueprint("resident_points", __name__, description="海河分与得分明细")
