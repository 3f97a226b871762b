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

blp = Blueprint("resident_page_entry", description="打开网页")
keep_locked(blp)
pages = Pages("resident_page_entry_page", __name__)
LONGEST = 4096
# Which of our pages a mini-program may open as its resident: the residents' own, and the one that links a merchant.
ROOTS = ("/m", "/oauth/authorize")


class PageRequest(Body):
    """The page of ours that the resident wants to see."""

    url = Text(
        LONGEST,
        verbatim=True,
        metadata={"description": "本站 /m… 页面，或商户给出的 /oauth/authorize?… 完整网址"},
    )


class PageAddress(Schema):
    """Where the web-view goes."""

    url = fields.Url(required=True, metadata={"description": "在 web-view 中打开，60 秒内有效，只能用一次"})
    expires_at = Moment(required=True)


@blp.post("/v1/me/pages")
@blp.doc(summary="从小程序打开网页", **LOCKED)
@blp.arguments(PageRequest)
@blp.response(200, PageAddress, description="在 web-view 中打开的一次性网址")
@blp.refuses(401, 415, 422)
def enter(body: dict[str, Any]) -> dict[str, Any]:
    """换一个一次性网址，在 web-view 中打开即已登录。关联线上商户也走这里；同意与否由居民在页面上决定。"""
    caller = require_resident()
    ctx = context()
    ticket, until = make_ticket(ctx, caller.account_id, _path(ctx.base_url, body["url"]), ctx.now())
    return {"url": f"{ctx.base_url}/m/enter?ticket={ticket}", "expires_at": until}


@pages.get("/m/enter")
def entered() -> AnyResponse:
    """The web-view has come; from here on the cookie says who it is."""
    ctx = context()
    token, path = use_ticket(ctx, request.args.get("ticket", ""), ctx.now())
    answer = redirect(path, 303)
    answer.headers["Referrer-Policy"] = "no-referrer"
    keep_page_session(answer, token)
    return answer


def _path(base_url: str, url: str) -> str:
    """The path of one of our pages; NOT_OUR_PAGE for any other address."""
    path = url.removeprefix(base_url)
    page, _question, query = path.partition("?")
    ours = any(page == root or page.startswith(f"{root}/") for root in ROOTS)
    if not ours or not url.isascii() or not url.isprintable() or "#" in url or "\\" in url or " " in url:
        raise InvalidInput(
            "NOT_OUR_PAGE", f"网址应以 {base_url}/m 或 {base_url}/oauth/authorize? 开头", "url"
        )
    return f"{page}?{query}" if query else page
