"""The way in: from the mini-program, then the real name, then the consent. Three pages, each with one thing to do."""

from __future__ import annotations

from flask import g, redirect, request
from werkzeug.wrappers import Response as AnyResponse

from haihe.domain.errors import Conflict, Forbidden, HaiheError, NotFound
from haihe.domain.identity import IdType
from haihe.usecases.bind_identity import Claimed, bind_identity
from haihe.usecases.consent_texts import present_text
from haihe.usecases.consents import consents_in_force, give_consent
from haihe.usecases.sessions import Caller, log_in, log_out
from haihe.web.context import context
from haihe.web.forms import forget_browser_key
from haihe.web.page_session import forget_page_session, keep_page_session, page_session
from haihe.web.resident.pages.door import HOME, JOIN, LOGIN, MemberPages, back_to, page
from haihe.web.resident.pages.prose import paragraphs

blp = MemberPages("entrance", __name__, "login", "enter")
CHANNEL = "page"
LONGEST_NAME, LONGEST_NUMBER = 64, 32


@blp.get("/login")
def login() -> AnyResponse:
    """Everybody comes from the mini-program; only the demo city has a door of its own."""
    return page("login.html", "", demo=context().demo, next=back_to(request.args.get("next", HOME)), wrong="")


@blp.post("/login")
def enter() -> AnyResponse:
    """The demo city's door: `demo-<name>` is whoever the demo says it is."""
    ctx = context()
    if not ctx.demo:
        raise NotFound("NOT_FOUND", "请从海河分小程序打开")
    wanted = back_to(request.form.get("next", HOME))
    try:
        held = log_in(ctx, request.form.get("js_code", "").strip(), ctx.now())
    except HaiheError as error:
        return page("login.html", "", 422, demo=True, next=wanted, wrong=error.detail)
    answer = redirect(wanted if held.joined else JOIN, 303)
    forget_browser_key(answer)
    keep_page_session(answer, held.token)
    return answer


@blp.post("/logout")
def leave_page() -> AnyResponse:
    """End this visit."""
    log_out(page_session(), context().now())
    answer = redirect(LOGIN, 303)
    forget_page_session(answer)
    forget_browser_key(answer)
    return answer


@blp.get("/join")
def join() -> AnyResponse:
    """The real name first, then the consent; whoever has both goes home."""
    return _join_page(g.caller)


@blp.post("/join/name")
def name() -> AnyResponse:
    """Bind the real name; what was typed is shown again beside what is wrong with it, except the number."""
    ctx = context()
    typed = request.form.get("name", "")[:LONGEST_NAME]
    claimed = Claimed(typed, IdType.RESIDENT, request.form.get("id_number", "")[:LONGEST_NUMBER].strip())
    try:
        bind_identity(ctx, g.caller.account_id, claimed, ctx.now())
    except HaiheError as error:
        return page("join_name.html", "", 422, name=typed, wrong=error.detail, field=error.field)
    return redirect(JOIN, 303)


@blp.post("/join")
def agree() -> AnyResponse:
    """Agree to the very text that was shown."""
    ctx = context()
    if g.caller.resident_id is None:
        return redirect(JOIN, 303)
    try:
        give_consent(ctx, g.caller.resident_id, "JOIN", request.form.get("version", ""), CHANNEL, ctx.now())
    except (Conflict, Forbidden) as error:
        return _join_page(g.caller, error.detail)
    return redirect(HOME, 303)


def _join_page(caller: Caller, wrong: str = "") -> AnyResponse:
    if caller.resident_id is None:
        return page("join_name.html", "", name="", wrong="", field=None)
    if "JOIN" in consents_in_force(caller.resident_id):
        return redirect(HOME, 303)
    text = present_text("JOIN")
    status = 409 if wrong else 200
    return page("join_consent.html", "", status, text=text, body=paragraphs(text.text), wrong=wrong)
