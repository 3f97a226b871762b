"""The lock on a merchant's pages: a session with a second factor behind it, in a cookie that no script can read."""

from __future__ import annotations

from flask import g, redirect, request, url_for
from werkzeug.wrappers import Response

from haihe.domain.errors import Forbidden, Unauthenticated
from haihe.usecases.merchant_login import SESSION, MerchantCaller, merchant_caller
from haihe.usecases.merchant_people import MerchantRole
from haihe.web.context import context
from haihe.web.forms import forget_browser_key, secure
from haihe.web.pages import LARGEST_FORM, Pages, check_form

HOME = "/merchant"


def keep_locked(door: Pages, *roles: MerchantRole, largest: int = LARGEST_FORM) -> None:
    """Show strangers where to log in; let in whoever has one of these roles (any role where none is named).

    A form may have so many bytes at most.
    """

    @door.before_request
    def ask() -> Response | None:
        try:
            g.caller = merchant_caller(session_token(), context().now())
        except Unauthenticated:
            return _to_login()
        request.max_content_length = largest
        check_form(largest)
        if roles and g.caller.role not in roles:
            raise Forbidden("ROLE_NOT_ALLOWED", "这一页只有店长可以使用")
        return None


def caller() -> MerchantCaller:
    """Who is asking."""
    held: MerchantCaller = g.caller
    return held


def session_token() -> str:
    """The token in the cookie; empty if there is none."""
    return request.cookies.get(_cookie(), "")


def begin_session(answer: Response, token: str) -> None:
    """Give the browser its session. Forms shown before the login are worth nothing after it."""
    lasts = SESSION
    answer.set_cookie(
        _cookie(), token, max_age=lasts, httponly=True, secure=secure(), samesite="Lax", path="/"
    )
    forget_browser_key(answer)


def end_session(answer: Response) -> None:
    """Take the session out of the browser."""
    answer.delete_cookie(_cookie(), path="/", secure=secure(), httponly=True, samesite="Lax")
    forget_browser_key(answer)


def safe_next(path: str) -> str:
    """Where to go after the login: a merchant's page and nothing else."""
    inside = path == HOME or path.startswith(f"{HOME}/")
    return path if inside and path.isprintable() and "\\" not in path else HOME


def _to_login() -> Response:
    wanted = request.path if request.method == "GET" else HOME
    answer = redirect(url_for("merchant_entry.login", next=wanted), 303)
    if request.headers.get("HX-Request"):
        # A part of a page cannot become the login page; the whole page goes there.
        answer.headers["HX-Redirect"] = answer.headers.pop("Location")
        answer.status_code = 200
    return answer


def _cookie() -> str:
    return "__Host-haihe_merchant" if secure() else "haihe_merchant"
