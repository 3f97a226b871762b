"""The question at the counter, as OpenID AuthZEN Authorization API 1.0 has it."""

from __future__ import annotations

from flask_smorest import Blueprint

blp = Blueprint("merchant_access", __name__, description="核验（AuthZEN）")
