"""员工页: a manager opens accounts for the shop's people and closes them. The second factor is shown once, to be scanned."""

from __future__ import annotations

import pyotp
import segno
from flask import redirect, request, url_for
from werkzeug.wrappers import Response

from haihe.domain.errors import HaiheError
from haihe.usecases.merchant_people import MerchantRole, NewPerson, close_person, open_person, people_of
from haihe.web.context import context
from haihe.web.merchant.pages.lock import caller, keep_locked
from haihe.web.merchant.pages.words import ROLES
from haihe.web.pages import Pages, show
from haihe.web.problems import STATUS

blp = Pages("merchant_people", __name__, url_prefix="/merchant/desk/people")
keep_locked(blp, MerchantRole.MANAGER)


@blp.get("")
def people() -> Response:
    """Who may act for the shop."""
    return _page()


@blp.post("")
def open_account() -> Response:
    """Open an account."""
    ctx, mine, sent = context(), caller(), request.form
    username = sent.get("username", "").strip()
    secret = pyotp.random_base32()
    person = NewPerson(username, sent.get("password", ""), secret, sent.get("role", ""))
    try:
        open_person(ctx, mine.merchant_id, person, ctx.now(), mine.actor)
    except HaiheError as error:
        status = next((s for kind, s in STATUS.items() if isinstance(error, kind)), 400)
        return _page(status, wrong=error.detail, where=error.field, username=username)
    return second_factor(username, secret, "账号已开立", "/merchant/desk/people")


@blp.post("/<username>/close")
def close_account(username: str) -> Response:
    """Close it; whoever is logged in with it is out at once."""
    mine = caller()
    close_person(mine.merchant_id, username, context().now(), mine.actor)
    return redirect(url_for("merchant_people.people"), 303)


def second_factor(username: str, secret: str, done: str, onward: str) -> Response:
    """The secret of a second factor, as a picture to be scanned: this once."""
    address = pyotp.TOTP(secret).provisioning_uri(name=username, issuer_name="海河分商户")
    drawn = segno.make(address, micro=False).svg_data_uri(scale=5, border=4, light="#fff")
    return show(
        "merchant/applied.html", drawn=drawn, secret=secret, username=username, done=done, onward=onward
    )


def _page(status: int = 200, wrong: str = "", where: str | None = None, username: str = "") -> Response:
    return show(
        "merchant/desk_people.html",
        status,
        people=people_of(caller().merchant_id),
        roles=ROLES,
        wrong=wrong,
        where=where,
        username=username,
    )
