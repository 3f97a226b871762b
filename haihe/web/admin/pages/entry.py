"""Into the console, its first page with what waits for whoever is here, and out of it."""

from __future__ import annotations

from collections.abc import Iterable

from flask import redirect, request
from werkzeug.wrappers import Response

from haihe.domain.districts import DISTRICTS
from haihe.domain.errors import NotFound, Unauthenticated
from haihe.usecases.staff_login import log_in_staff, log_out_staff
from haihe.web.admin.pages.doors import ROLE_NAMES, may, sections_for
from haihe.web.admin.pages.lock import (
    LOGIN,
    ConsolePages,
    begin_session,
    end_session,
    page,
    safe_next,
    session_token,
    staff,
)
from haihe.web.admin.pages.waiting import what_waits
from haihe.web.context import context

blp = ConsolePages("entry", __name__)
blp.add_app_template_global(sections_for, "sections_for")
blp.add_app_template_global(ROLE_NAMES, "ROLE_NAMES")


@blp.app_template_global("may_open")
def may_open(path: str) -> bool:
    """Whether whoever is here may open this page of the console."""
    return may(staff().role, "GET", path)


LONGEST = 256


@blp.app_template_filter("district_names")
def district_names(codes: Iterable[str]) -> str:
    """Districts as people call them, in the order of their codes."""
    return "、".join(DISTRICTS[code] for code in sorted(codes))


@blp.get("")
def home() -> Response:
    """What waits for whoever is here."""
    return page("home.html", waiting=what_waits(staff(), context().now()))


@blp.get("/login")
def login() -> Response:
    """The login page."""
    return page("login.html", next=safe_next(request.args.get("next", "")), username="", wrong="")


@blp.post("/login")
def log_in() -> Response:
    """Name, password and code together; whatever is wrong is told alike."""
    ctx = context()
    username, password, totp = (request.form.get(n, "")[:LONGEST] for n in ("username", "password", "totp"))
    wanted = safe_next(request.form.get("next", ""))
    try:
        if "\0" in username:
            raise Unauthenticated("LOGIN_FAILED", "用户名、密码或动态口令不正确")
        session = log_in_staff(ctx, username.strip(), password, totp.strip(), ctx.now())
    except Unauthenticated as error:
        return page("login.html", 401, next=wanted, username=username, wrong=error.detail)
    answer = redirect(wanted, 303)
    begin_session(answer, session.token)
    return answer


@blp.post("/logout")
def log_out() -> Response:
    """End the session."""
    log_out_staff(session_token(), context().now())
    answer = redirect(LOGIN, 303)
    end_session(answer)
    return answer


@blp.route("/<path:anything>", methods=["GET", "POST"])
def nothing(anything: str) -> Response:
    """No page of ours, told within the console."""
    raise NotFound("NOT_FOUND", "没有这个页面，请从上方导航进入")
