"""订单: a benefit in use."""

from __future__ import annotations

from flask_smorest import Blueprint

blp = Blueprint("merchant_orders", __name__, description="订单")
