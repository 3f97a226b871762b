"""The authorization endpoint (RFC 6749 §3.1): the page on which a resident links an online merchant, or does not."""

from __future__ import annotations

import hashlib
from dataclasses import asdict
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from authlib.common.urls import add_params_to_uri
from authlib.oauth2.rfc6749 import AccessDeniedError
from flask import Response, redirect, request
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response as AnyResponse

from haihe.domain.errors import Conflict, Forbidden, InvalidInput, Unauthenticated
from haihe.usecases.consent_texts import link_text
from haihe.usecases.context import Context
from haihe.usecases.links import LINK_LASTS, whose_page
from haihe.usecases.oauth_grants import Wanted, grant_code
from haihe.usecases.push_request import take_pushed_request
from haihe.usecases.sessions import Caller, caller_of
from haihe.usecases.web_tickets import seal, unseal
from haihe.web.context import context
from haihe.web.merchant.oauth_client import Client
from haihe.web.merchant.oauth_request import Asked, NoWayBack, Refused, WayBack, read_request
from haihe.web.page_session import page_session
from haihe.web.pages import Pages, check_form, policy, show

blp = Pages("oauth_authorize", __name__)
PURPOSE = "authorization_request"
TIME_TO_DECIDE = timedelta(minutes=10)


@blp.before_request
def own_forms() -> None:
    """A decision counts only if it was made on our own page, in this very browser."""
    check_form()


@blp.get("/oauth/authorize")
def ask() -> AnyResponse:
    """Show who asks and what for; a merchant that asks in a wrong way is told so (RFC 6749 §4.1.2.1)."""
    ctx = context()
    caller = _caller(ctx)
    try:
        client = Client.find(_only_client_id())
        if caller is None:
            # Whoever is not logged in comes again, so a pushed request is left for then.
            if "request_uri" not in request.args:
                read_request(ctx, client, request.args)
            return _login_page()
        asked = read_request(ctx, client, _parameters(ctx, client))
    except NoWayBack as error:
        return show("authorize_stopped.html", 400, reason=str(error))
    except Refused as refused:
        return _send_back(ctx, refused.back, refused.error.get_body())
    return _consent_page(ctx, caller, asked)


@blp.post("/oauth/authorize")
def decide() -> AnyResponse:
    """The resident has decided: send the browser back with a code, or with access_denied."""
    ctx = context()
    at = ctx.now()
    caller = _caller(ctx)
    said = unseal(ctx, request.form.get("asked", ""), PURPOSE)
    if caller is None or said is None or said["until"] < at.timestamp() or said["session"] != _session_name():
        raise InvalidInput("PAGE_EXPIRED", "页面已过期，请回到商户页面重新开始")
    wanted, back = _unpacked(said)
    client = Client.find(wanted.client_id)
    if not client.known or back.redirect_uri not in client.redirect_uris:
        raise InvalidInput("PAGE_EXPIRED", "这家商户刚刚停用了线上关联，什么都没有授权")
    if request.form.get("answer") != "yes" or caller.resident_id is None:
        return _send_back(ctx, back, AccessDeniedError().get_body())
    chosen = tuple(code for code in wanted.scenarios if code in request.form.getlist("scenario"))
    if not chosen:
        raise InvalidInput("NOTHING_CHOSEN", "请返回，至少勾选一项优惠；都不需要请选“不同意”", "scenario")
    try:
        code = grant_code(ctx, caller.resident_id, wanted, chosen, at)
    except Conflict:
        return _send_back(ctx, back, AccessDeniedError().get_body())
    return _send_back(ctx, back, [("code", code)])


def _only_client_id() -> str:
    given = request.args.getlist("client_id")
    if len(given) != 1:
        raise NoWayBack("商户发来的请求缺少 client_id。请回到商户页面重试，或联系商户。")
    return given[0]


def _parameters(ctx: Context, client: Client) -> MultiDict[str, str]:
    """RFC 9126 §4: where a request was pushed, it alone counts, once."""
    if "request_uri" not in request.args:
        return MultiDict((name, value) for name, value in request.args.items(multi=True) if value)
    pushed = take_pushed_request(client.client_id, request.args["request_uri"], ctx.now())
    if pushed is None:
        raise NoWayBack("这次关联请求已用过或已过期。请回到商户页面重新开始。")
    return MultiDict(pushed)


def _login_page() -> Response:
    return show("authorize_login.html", 403, way_in="/m/login?" + urlencode({"next": request.full_path}))


def _consent_page(ctx: Context, caller: Caller, asked: Asked) -> Response:
    partner = ctx.rules.partner(asked.wanted.client_id)
    sealed = {
        "wanted": asdict(asked.wanted),
        "back": asdict(asked.back),
        "session": _session_name(),
        "until": (ctx.now() + TIME_TO_DECIDE).timestamp(),
    }
    name, joined = whose_page(ctx, caller.resident_id)
    scenarios = [ctx.rules.scenario(code) for code in asked.wanted.scenarios]
    page = show(
        "authorize.html",
        merchant=partner.merchant_name if partner else "",
        scenarios=[s for s in scenarios if s is not None],
        name=name,
        joined=joined,
        days=LINK_LASTS.days,
        text=link_text(),
        asked=seal(ctx, sealed, PURPOSE),
    )
    # The answer to the form sends the browser on to the merchant, which the policy of other pages forbids.
    page.headers["Content-Security-Policy"] = policy(form_action=f"'self' {_origin(asked.back.redirect_uri)}")
    return page


def _origin(uri: str) -> str:
    return "/".join(uri.split("/", 3)[:3]).partition("?")[0]


def _send_back(ctx: Context, back: WayBack, members: list[tuple[str, str]]) -> AnyResponse:
    """With the answer, the state as it came, and our name (RFC 9207); 303, so that nothing is posted on (RFC 9700 §4.12)."""
    state = [] if back.state is None else [("state", back.state)]
    answer = redirect(add_params_to_uri(back.redirect_uri, [*members, *state, ("iss", ctx.base_url)]), 303)
    answer.headers["Referrer-Policy"] = "no-referrer"
    return answer


def _caller(ctx: Context) -> Caller | None:
    try:
        caller = caller_of(page_session(), ctx.now())
    except Unauthenticated:
        return None
    if caller.helping_id is not None:
        # Whom one is acting for cannot be linked by another, and oneself should not be by mistake.
        raise Forbidden(
            "HELPER_MAY_NOT", "您正在为家人办理。关联商户只能由本人同意，请先在“亲情代办”中回到您自己"
        )
    return caller


def _session_name() -> str:
    return hashlib.sha256(page_session().encode(errors="replace")).hexdigest()


def _unpacked(said: dict[str, Any]) -> tuple[Wanted, WayBack]:
    wanted = {k: tuple(v) if isinstance(v, list) else v for k, v in said["wanted"].items()}
    return Wanted(**wanted), WayBack(**said["back"])
