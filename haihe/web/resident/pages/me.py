"""我的: consents and links with one-tap withdrawal, objections, my data, large type, and leaving."""

from __future__ import annotations

import re

from flask import redirect, request
from werkzeug.wrappers import Response as AnyResponse

from haihe.domain.errors import NotFound
from haihe.usecases.consent_texts import present_text
from haihe.usecases.consents import give_consent, list_consents, withdraw_consent
from haihe.usecases.delete_account import delete_account
from haihe.usecases.inbox import count_new
from haihe.usecases.leave import what_is_kept
from haihe.usecases.links import links_of, withdraw_link
from haihe.web.context import context
from haihe.web.page_session import forget_page_session
from haihe.web.resident.my_data import export_file
from haihe.web.resident.pages.door import MemberPages, member, page
from haihe.web.resident.pages.entrance import CHANNEL
from haihe.web.resident.pages.prose import paragraphs

blp = MemberPages("me", __name__)
PURPOSE = re.compile(r"SENSITIVE:[A-Z_]{1,40}")


@blp.get("/me")
def me() -> AnyResponse:
    """Where everything of mine is."""
    return page("me.html", "me", unread=count_new(member().resident_id))


@blp.get("/consents")
def consents() -> AnyResponse:
    """What I have agreed to, and the merchants that may ask without a code."""
    caller = member()
    ctx = context()
    links = links_of(caller.resident_id, ctx.now())
    names = {s.code: s.name for s in ctx.rules.up_to_date().scenarios()}
    return page("consents.html", "me", consents=list_consents(caller.resident_id), links=links, names=names)


@blp.get("/consents/<string:purpose>")
def consent(purpose: str) -> AnyResponse:
    """The very text that is asked for."""
    caller = member()
    text = present_text(purpose)
    state = next(c for c in list_consents(caller.resident_id) if c.purpose == purpose)
    return page("consent.html", "me", text=text, body=paragraphs(text.text), state=state)


@blp.post("/consents/<string:purpose>/give")
def give(purpose: str) -> AnyResponse:
    """Agree to a sensitive class, in the version that was read."""
    caller = member()
    ctx = context()
    give_consent(
        ctx, caller.resident_id, _sensitive(purpose), request.form.get("version", ""), CHANNEL, ctx.now()
    )
    return redirect("/m/consents", 303)


@blp.post("/consents/<string:purpose>/withdraw")
def take_back(purpose: str) -> AnyResponse:
    """Take a sensitive class back; leaving has a page of its own."""
    caller = member()
    ctx = context()
    withdraw_consent(ctx, caller.resident_id, _sensitive(purpose), ctx.now())
    return redirect("/m/consents", 303)


def _sensitive(purpose: str) -> str:
    if not PURPOSE.fullmatch(purpose):
        raise NotFound("CONSENT_NOT_FOUND", "没有这项授权")
    return purpose


@blp.post("/links/<int:merchant_id>/withdraw")
def withdraw(merchant_id: int) -> AnyResponse:
    """The merchant's very next question is refused."""
    caller = member()
    ctx = context()
    withdraw_link(ctx, caller.resident_id, merchant_id, ctx.now())
    return redirect("/m/consents", 303)


@blp.get("/export")
def export() -> AnyResponse:
    """Everything stored about me, as a file."""
    return export_file(member().resident_id)


@blp.get("/leave")
def leave() -> AnyResponse:
    """What leaving means, before it is done."""
    caller = member()
    ctx = context()
    return page("leave.html", "me", kept=what_is_kept(ctx, caller.resident_id, ctx.now()), done=False)


@blp.post("/leave")
def left() -> AnyResponse:
    """Leave: one deed, and the points are gone everywhere."""
    caller = member()
    ctx = context()
    kept = withdraw_consent(ctx, caller.resident_id, "JOIN", ctx.now()).kept
    return page("leave.html", "", kept=kept, done=True)


@blp.post("/account/delete")
def remove_account() -> AnyResponse:
    """After leaving: the account goes too, and with it every login."""
    caller = member()
    ctx = context()
    kept = delete_account(ctx, caller.account_id, caller.resident_id, ctx.now())
    answer = page("account_deleted.html", "", kept=kept)
    forget_page_session(answer)
    return answer
