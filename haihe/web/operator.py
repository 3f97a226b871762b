"""For those who run the service: is it alive, is it ready?"""

from __future__ import annotations

from flask import Blueprint, Response, jsonify
from sqlalchemy import text

from haihe.cache.copies import CacheDown
from haihe.storage.db import db
from haihe.web.context import context

blp = Blueprint("operator", __name__)


@blp.get("/healthz")
def alive() -> Response:
    """The process answers."""
    return jsonify(status="ok")


@blp.get("/readyz")
def ready() -> tuple[Response, int]:
    """The database answers; Redis may be away, which only makes answers slower."""
    try:
        context().copies.ping()
        redis = "ok"
    except CacheDown:
        redis = "away"
    db.session.execute(text("SELECT 1"))
    return jsonify(status="ok", database="ok", redis=redis), 200
