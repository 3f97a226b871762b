"""The lock on the console: a staff session in a cookie that no script can read, and a role that the table of doors lets in."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from flask import Response, g, redirect, request
from werkzeug.wrappers import Response as AnyResponse

from haihe.domain.errors import Forbidden, HaiheError, OutOfReach, Unauthenticated
from haihe.usecases.staff_login import WORKING_DAY, StaffCaller, keep_staff_session, record_refusal, staff_of
from haihe.web.admin.pages.doors import NO_PAGE, OPEN_DOORS, may
from haihe.web.context import context
from haihe.web.forms import forget_browser_key, secure
from haihe.web.pages import Pages, check_form, domain_error, show

HOME = "/console"
LOGIN = "/console/login"
LOGOUT = "/console/logout"
CHANGE_FIRST = "/console/password"
# A rulebook is edited as one text.
LARGEST_FORM = 1 << 20
# Where files are handed in; a little more, for the form around them.
LARGER_FORMS = {
    "POST /console/data/uploads": (64 << 20) + (64 << 10),
    "POST /console/partners/<int:merchant_id>/documents": (4 << 20) + (64 << 10),
}


class ConsolePages(Pages):
    """A group of the console's pages. Every route of it must stand in the table of doors, or nobody gets in."""

    def __init__(self, name: str, import_name: str) -> None:
        super().__init__(f"console_{name}", import_name, url_prefix=HOME)
        self.before_request(_ask)
        self.register_error_handler(Forbidden, _refused)
        self.register_error_handler(OutOfReach, _refused)


def _ask() -> AnyResponse | None:
    """Strangers are shown where to log in; whoever's role may not go through this door is refused, on the record."""
    g.shell = "console/console.html"
    route = request.url_rule.rule if request.url_rule else request.path
    if f"{request.method} {route}" in OPEN_DOORS or request.method == "OPTIONS":
        check_form(LARGEST_FORM)
        return None
    at = context().now()
    try:
        g.staff = staff_of(session_token(), at)
    except Unauthenticated:
        # That there is no such page may be told to anybody.
        return None if f"{request.method} {route}" in NO_PAGE else _to_login()
    g.staff = keep_staff_session(g.staff, session_token(), at)
    if g.staff.must_change and route not in (CHANGE_FIRST, LOGOUT):
        return _onward(CHANGE_FIRST)
    if not may(g.staff.role, request.method, route):
        raise Forbidden("ROLE_NOT_ALLOWED", "您的岗位没有这项权限；需要时请联系安全管理员")
    check_form(LARGER_FORMS.get(f"{request.method} {route}", LARGEST_FORM))
    return None


def _refused(error: HaiheError) -> Response:
    """Whatever was not theirs to do (a role, a district, their own draft) stays on the record."""
    if "staff" in g:
        route = request.url_rule.rule if request.url_rule else request.path
        record_refusal(g.staff, f"{request.method} {route}", error.code, context().now())
    return domain_error(error)


def staff() -> StaffCaller:
    """Who is here."""
    held: StaffCaller = g.staff
    return held


def page(template: str, status: int = 200, /, **values: Any) -> Response:
    """A page of the console, within its shell."""
    return show(f"console/{template}", status, **values)


def session_token() -> str:
    """The token in the cookie; empty if there is none."""
    return request.cookies.get(_cookie(), "")


def begin_session(answer: AnyResponse, token: str) -> None:
    """Give the browser its session. Forms shown before the login are worth nothing after it."""
    answer.set_cookie(
        _cookie(), token, max_age=WORKING_DAY, httponly=True, secure=secure(), samesite="Lax", path="/"
    )
    forget_browser_key(answer)


def end_session(answer: AnyResponse) -> None:
    """Take the session out of the browser."""
    answer.delete_cookie(_cookie(), path="/", secure=secure(), httponly=True, samesite="Lax")
    forget_browser_key(answer)


def safe_next(path: str) -> str:
    """Where to go after the login: a page of the console and nothing else."""
    inside = path == HOME or path.startswith(f"{HOME}/")
    return path if inside and path.isprintable() and "\\" not in path else HOME


def _to_login() -> AnyResponse:
    wanted = request.full_path.rstrip("?") if request.method == "GET" else HOME
    address = LOGIN if wanted == HOME else f"{LOGIN}?{urlencode({'next': wanted})}"
    answer = _onward(address)
    answer.delete_cookie(_cookie(), path="/", secure=secure(), httponly=True, samesite="Lax")
    return answer


def _onward(address: str) -> AnyResponse:
    if request.headers.get("HX-Request"):
        # A part of a page cannot become another page; the whole page goes there.
        return Response(status=204, headers={"HX-Redirect": address})
    return redirect(address, 303)


def _cookie() -> str:
    return "__Host-haihe_console" if secure() else "haihe_console"
