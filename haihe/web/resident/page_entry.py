"""From the mini-program to a page: the mini-program fetches an address, its web-view opens it, and the resident is in."""

from __future__ import annotations

from typing import Any

from flask import redirect, request
from marshmallow import Schema, fields
from werkzeug.wrappers import Response as AnyResponse

from haihe.domain.errors import InvalidInput
from haihe.usecases.web_tickets import make_ticket, use_ticket
from haihe.web.bodies import Body, Moment, Text
from haihe.web.context import context
from haihe.web.page_session import keep_page_session
from haihe.web.pages import Pages
from haihe.web.resident.door import LOCKED, Blueprint
from haihe.web.resident.lock import keep_locked, require_resident

blp = Blueprint("resident_page_entry", description="关联线上商户")
keep_locked(blp)
pages = Pages("resident_page_entry_page", __name__)
AUTHORIZE = "/oauth/authorize"
LONGEST = 4096


class LinkRequest(Body):
    """The address that the merchant wants the resident to open."""

    url = Text(
        LONGEST,
        verbatim=True,
        metadata={"description": "商户给出的 /oauth/authorize?… 完整网址"},
    )


class PageAddress(Schema):
    """Where the web-view goes."""

    url = fields.Url(required=True, metadata={"description": "在 web-view 中打开，60 秒内有效，只能用一次"})
    expires_at = Moment(required=True)


@blp.post("/v1/me/links")
@blp.doc(summary="打开一家线上商户的关联页面", **LOCKED)
@blp.arguments(LinkRequest)
@blp.response(200, PageAddress, description="在 web-view 中打开的一次性网址")
@blp.refuses(401, 415, 422)
def enter(body: dict[str, Any]) -> dict[str, Any]:
    """商户请居民打开授权网址时，小程序先来换一个一次性网址，再在 web-view 中打开；同意与否由居民在页面上决定。"""
    caller = require_resident()
    ctx = context()
    address, _question, query = body["url"].partition("?")
    if address != ctx.base_url + AUTHORIZE or not query.isascii() or not query.isprintable() or "#" in query:
        raise InvalidInput("NOT_OUR_PAGE", f"网址应以 {ctx.base_url}{AUTHORIZE}? 开头", "url")
    ticket, until = make_ticket(ctx, caller.account_id, query, ctx.now())
    return {"url": f"{ctx.base_url}/oauth/enter?ticket={ticket}", "expires_at": until}


@pages.get("/oauth/enter")
def entered() -> AnyResponse:
    """The web-view has come; from here on the cookie says who it is."""
    ctx = context()
    token, query = use_ticket(ctx, request.args.get("ticket", ""), ctx.now())
    answer = redirect(f"{AUTHORIZE}?{query}", 303)
    answer.headers["Referrer-Policy"] = "no-referrer"
    keep_page_session(answer, token)
    return answer
