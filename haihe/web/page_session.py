"""A resident's session on a page of ours: the same kind as the mini-program's, in a cookie that no script can read."""

from __future__ import annotations

from datetime import timedelta

from flask import request
from werkzeug.wrappers import Response

from haihe.web.forms import secure

LASTS = timedelta(minutes=30)


def page_session() -> str:
    """The session token in the cookie; empty if there is none."""
    return request.cookies.get(_name(), "")


def keep_page_session(answer: Response, token: str) -> None:
    """Give the browser its session, for this visit."""
    answer.set_cookie(_name(), token, max_age=LASTS, httponly=True, secure=secure(), samesite="Lax", path="/")


def forget_page_session(answer: Response) -> None:
    """The visit is over."""
    answer.delete_cookie(_name(), path="/", secure=secure(), httponly=True, samesite="Lax")


def _name() -> str:
    # With this prefix a browser takes the cookie from this very host and over TLS alone.
    return "__Host-haihe_page" if secure() else "haihe_page"
