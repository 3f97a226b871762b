"""Records in: files from departments, and what became of them."""

from __future__ import annotations

from flask_smorest import Blueprint

blp = Blueprint("admin_records", __name__, description="信用记录报送")
