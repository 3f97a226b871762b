"""The OAuth 2.0 authorization server."""

from __future__ import annotations

from flask_smorest import Blueprint

blp = Blueprint("merchant_oauth", __name__, description="OAuth 2.0")
