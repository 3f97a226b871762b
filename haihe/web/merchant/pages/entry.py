"""Into the merchant's pages and out of them."""

from __future__ import annotations

from flask import redirect, request
from werkzeug.wrappers import Response

from haihe.domain.errors import Unauthenticated
from haihe.usecases.merchant_login import log_in_merchant, log_out_merchant
from haihe.web.context import context
from haihe.web.merchant.pages.lock import begin_session, end_session, safe_next, session_token
from haihe.web.pages import Pages, check_form, show

blp = Pages("merchant_entry", __name__, url_prefix="/merchant")
LONGEST = 256


@blp.before_request
def own_forms() -> None:
    """Nobody is logged in here yet, but the form must be ours."""
    check_form()


@blp.get("/login")
def login() -> Response:
    """The login page."""
    return show("merchant/login.html", next=safe_next(request.args.get("next", "")), username="", wrong="")


@blp.post("/login")
def log_in() -> Response:
    """Name, password and code together; whatever is wrong is told alike."""
    ctx = context()
    username, password, totp = (request.form.get(n, "")[:LONGEST] for n in ("username", "password", "totp"))
    wanted = safe_next(request.form.get("next", ""))
    try:
        if "\0" in username:
            raise Unauthenticated("LOGIN_FAILED", "用户名、密码或动态口令不正确")
        token = log_in_merchant(ctx, username.strip(), password, totp.strip(), ctx.now())
    except Unauthenticated as error:
        return show("merchant/login.html", 401, next=wanted, username=username, wrong=error.detail)
    answer = redirect(wanted, 303)
    begin_session(answer, token)
    return answer


@blp.post("/logout")
def log_out() -> Response:
    """End the session; without one there is nothing to end."""
    log_out_merchant(session_token(), context().now())
    answer = redirect("/merchant/login", 303)
    end_session(answer)
    return answer
