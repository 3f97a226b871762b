"""Logging in through the mini-program, and binding the real name."""

from __future__ import annotations

from flask_smorest import Blueprint

blp = Blueprint("resident_login", __name__, description="居民登录与实名")
