"""改密码页: everybody's own; whoever's password has expired sees this page until it is changed."""

from __future__ import annotations

from flask import redirect, request
from werkzeug.wrappers import Response

from haihe.domain.errors import InvalidInput
from haihe.usecases.own_password import change_own_password
from haihe.web.admin.pages.lock import HOME, ConsolePages, page, session_token, staff
from haihe.web.context import context

blp = ConsolePages("own_password", __name__)
LONGEST = 257


@blp.get("/password")
def own_password() -> Response:
    """The form."""
    return page("own_password.html", wrong={})


@blp.post("/password")
def change() -> Response:
    """Change it."""
    sent = {n: request.form.get(n, "")[:LONGEST] for n in ("password", "new_password", "again")}
    try:
        if sent["again"] != sent["new_password"]:
            raise InvalidInput("PASSWORD_INVALID", "两次输入的新密码不同", "again")
        change_own_password(staff(), session_token(), sent["password"], sent["new_password"], context().now())
    except InvalidInput as error:
        return page("own_password.html", 422, wrong={error.field: error.detail})
    return redirect(HOME, 303)
