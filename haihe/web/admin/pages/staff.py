"""人员页: accounts are opened by one administrator and confirmed by another. What is handed to somebody is shown once."""

from __future__ import annotations

from collections.abc import Callable

import pyotp
import segno
from flask import redirect, request
from werkzeug.wrappers import Response

from haihe.domain.districts import DISTRICTS
from haihe.domain.errors import Conflict, InvalidInput
from haihe.storage.audit import AuditEntry
from haihe.storage.office import Staff
from haihe.usecases import staff_accounts as accounts
from haihe.usecases.staff_login import StaffCaller
from haihe.web.admin.pages.doors import ROLE_NAMES
from haihe.web.admin.pages.export import csv_file
from haihe.web.admin.pages.lock import ConsolePages, page
from haihe.web.admin.pages.lock import staff as who
from haihe.web.context import context
from haihe.web.pages import moment
from haihe.web.problems import STATUS

blp = ConsolePages("staff", __name__)
STATES = {
    "PROPOSED": ("待确认", "wait", "hourglass"),
    "OPEN": ("可用", "good", "check"),
    "LOCKED": ("已锁定", "bad", "lock"),
    "CLOSED": ("已停用", "mute", "ban"),
}
blp.add_app_template_global(STATES, "STAFF_STATES")
REFUSED = {
    "staff_log_in_failed": "登录失败",
    "staff_refused": "越权被拒",
    "change_password_failed": "改密码时输错现密码",
}
SHOWN, EXPORTED = 100, 10_000
LONGEST = 64


@blp.get("/staff")
def people() -> Response:
    """Every account, searchable; whoever opens accounts has the form for it."""
    return _list()


@blp.post("/staff")
def open_account() -> Response:
    """Open an account; the first password is shown this once."""
    ctx, form = context(), request.form
    typed = {"username": form.get("username", "").strip()[:LONGEST], "role": form.get("role", "")[:LONGEST]}
    districts = form.getlist("districts")[:LONGEST]
    try:
        password = accounts.propose_staff(ctx, who(), typed["username"], typed["role"], districts, ctx.now())
    except (InvalidInput, Conflict) as error:
        status = STATUS[type(error)]
        return _list(status, typed={**typed, "districts": districts}, wrong={error.field: error.detail})
    return _handed(typed["username"], password=password)


@blp.get("/staff.csv")
def export() -> Response:
    """The same list as a file."""
    columns = ("用户名", "岗位", "所辖区", "状态", "密码到期", "开立时间")
    rows = [
        (
            a.username,
            ROLE_NAMES.get(a.role, a.role),
            "、".join(DISTRICTS[d] for d in a.districts) or "全市",
            STATES[a.state][0],
            moment(a.password_expires_at),
            moment(a.created_at),
        )
        for a in _sought()
    ]
    return csv_file("staff", columns, rows)


@blp.get("/staff/<username>")
def account(username: str) -> Response:
    """One account, and what may be done about it."""
    return _account(username)


@blp.post("/staff/<username>/post")
def change_post(username: str) -> Response:
    """Another post, to be confirmed."""
    role, districts = request.form.get("role", "")[:LONGEST], request.form.getlist("districts")[:LONGEST]
    return _done(username, lambda me: accounts.propose_post(me, username, role, districts, context().now()))


@blp.post("/staff/<username>/close")
def close(username: str) -> Response:
    """Closed for good."""
    reason = request.form.get("reason", "")
    return _done(username, lambda me: accounts.close_staff(me, username, reason, context().now()))


@blp.post("/staff/<username>/lock")
def lock(username: str) -> Response:
    """Out at once."""
    reason = request.form.get("reason", "")
    return _done(username, lambda me: accounts.lock_staff(me, username, reason, context().now()))


@blp.post("/staff/<username>/unlock")
def unlock(username: str) -> Response:
    """In again."""
    return _done(username, lambda me: accounts.unlock_staff(me, username, context().now()))


@blp.post("/staff/<username>/password")
def renew_password(username: str) -> Response:
    """Another first password."""
    return _handed(username, password=accounts.renew_password(who(), username, context().now()))


@blp.post("/staff/<username>/confirm")
def confirm(username: str) -> Response:
    """The post is confirmed; the second factor is shown this once."""
    ctx = context()
    return _handed(username, secret=accounts.confirm_staff(ctx, who(), username, ctx.now()))


@blp.post("/staff/<username>/second-factor")
def renew_second_factor(username: str) -> Response:
    """Another second factor."""
    ctx = context()
    return _handed(username, secret=accounts.renew_second_factor(ctx, who(), username, ctx.now()))


@blp.get("/refusals")
def refusals() -> Response:
    """Who did not get in, or not through a door."""
    asked = request.args.get("q", "").strip()[:LONGEST]
    before = request.args.get("before", "")
    last = int(before) if before.isascii() and before.isdigit() and len(before) < 19 else None
    rows = accounts.sign_in_refusals(SHOWN + 1, last, asked)
    following = rows[SHOWN - 1].id if len(rows) > SHOWN else None
    return page("refusals.html", rows=rows[:SHOWN], q=asked, following=following, REFUSED=REFUSED)


@blp.get("/refusals.csv")
def export_refusals() -> Response:
    """The latest of them as a file."""
    rows = [(moment(r.at), r.actor, REFUSED[r.deed], *_where(r)) for r in accounts.sign_in_refusals(EXPORTED)]
    return csv_file("refusals", ("时间", "谁", "什么", "哪扇门", "为何"), rows)


def _where(entry: AuditEntry) -> tuple[str, str]:
    return entry.detail.get("door", ""), entry.detail.get("code", "")


def _sought() -> list[Staff]:
    asked, state = request.args.get("q", "").strip()[:LONGEST], request.args.get("state", "")
    return [
        a
        for a in accounts.staff_accounts()
        if asked in f"{a.username} {ROLE_NAMES.get(a.role, a.role)}" and state in ("", a.state)
    ]


def _list(status: int = 200, typed: dict[str, object] | None = None, wrong: object = None) -> Response:
    return page(
        "staff.html",
        status,
        rows=_sought(),
        q=request.args.get("q", ""),
        state=request.args.get("state", ""),
        typed=typed or {},
        wrong=wrong or {},
        DISTRICTS=DISTRICTS,
        at=context().now(),
    )


def _account(username: str, status: int = 200, wrong: str = "") -> Response:
    return page(
        "staff_account.html",
        status,
        account=accounts.staff_account(username),
        wrong=wrong,
        sent=request.form,
        DISTRICTS=DISTRICTS,
        at=context().now(),
    )


def _done(username: str, deed: Callable[[StaffCaller], None]) -> Response:
    try:
        deed(who())
    except (InvalidInput, Conflict) as error:
        return _account(username, STATUS[type(error)], error.detail)
    return redirect(f"/console/staff/{username}", 303)


def _handed(username: str, password: str = "", secret: str = "") -> Response:
    """What is to be handed to the person: a first password, or a second factor as a picture to be scanned. Shown this once."""
    drawn = ""
    if secret:
        address = pyotp.TOTP(secret).provisioning_uri(name=username, issuer_name="海河分管理后台")
        drawn = segno.make(address, micro=False).svg_data_uri(scale=5, border=4, light="#fff")
    return page("staff_handed.html", username=username, password=password, secret=secret, drawn=drawn)
