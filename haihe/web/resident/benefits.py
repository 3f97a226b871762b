"""Benefits: what I can use, and what is missing for the rest."""

from __future__ import annotations

from flask_smorest import Blueprint

blp = Blueprint("resident_benefits", __name__, description="信用+优惠")
