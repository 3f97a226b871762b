"""亲情代办: inviting a relative and ending it; on the relative's side accepting, turning to the resident and back."""

from __future__ import annotations

from datetime import date

import segno
from flask import g, redirect, request
from werkzeug.wrappers import Response as AnyResponse

from haihe.domain.dates import add_months
from haihe.domain.errors import Conflict, Forbidden, HaiheError, InvalidInput
from haihe.domain.helping import CODE_DIGITS, RELATION_WORDS, SCOPE_WORDS, Relation
from haihe.usecases.act_for import start_acting, stop_acting
from haihe.usecases.consent_texts import helping_text
from haihe.usecases.context import day_of
from haihe.usecases.helping import (
    Wish,
    accept_invitation,
    end_helping,
    helped_by,
    helpers_of,
    invite_helper,
    look_at_invitation,
)
from haihe.web.context import context
from haihe.web.page_session import page_session
from haihe.web.resident.acting import acting_of
from haihe.web.resident.helpers import accept_url
from haihe.web.resident.pages.door import MemberPages, member, page
from haihe.web.resident.pages.prose import paragraphs

blp = MemberPages("helpers", __name__)
LONGEST_NAME, LONGEST_CODE = 64, 16
SPANS = ((1, "一个月"), (3, "三个月"), (6, "半年"), (12, "一年"))


@blp.get("/helpers")
def helpers() -> AnyResponse:
    """Who may act for me, and inviting somebody."""
    return _helpers_page("", [], None)


@blp.post("/helpers")
def invite() -> AnyResponse:
    """Agree to the very text that was shown; the code is shown once."""
    caller, ctx = member(), context()
    name, scopes = request.form.get("name", "").strip()[:LONGEST_NAME], request.form.getlist("scope")
    try:
        if not name:
            raise InvalidInput("NAME_MISSING", "请写亲友的姓名", "name")
        wish = Wish(name, _relation(), scopes, _until(), request.form.get("version", ""))
        invited = invite_helper(ctx, caller.resident_id, wish, ctx.now())
    except (InvalidInput, Conflict) as error:
        if error.code == "NOT_JOINED":
            raise
        return _helpers_page(name, scopes, error)
    drawn = segno.make(accept_url(invited), error="m", micro=False)
    return page(
        "helper_invited.html",
        "me",
        invited=invited,
        h=invited.helping,
        name=name,
        digits=f"{invited.code[:4]} {invited.code[4:]}",
        qr=drawn.svg_data_uri(scale=6, border=4, light="#fff"),
    )


@blp.post("/helpers/<int:helping_id>/end")
def end(helping_id: int) -> AnyResponse:
    """Either side, at once."""
    caller, ctx = member(), context()
    end_helping(caller.resident_id, helping_id, ctx.now())
    return redirect("/m/helping" if request.form.get("side") == "helper" else "/m/helpers", 303)


@blp.get("/helping")
def acting() -> AnyResponse:
    """For whom I may act; and, while I do, everything that I may do."""
    return _helping_page(request.args.get("code", "")[:LONGEST_CODE], "")


@blp.post("/helping/look")
def look() -> AnyResponse:
    """What accepting would mean."""
    caller, ctx = member(), context()
    code = request.form.get("code", "")[:LONGEST_CODE]
    try:
        found = look_at_invitation(ctx, caller.resident_id, code, ctx.now())
    except HaiheError as error:
        return _helping_page(code, error.detail)
    return page("helping_accept.html", "me", h=found, code=code)


@blp.post("/helping/accept")
def accept() -> AnyResponse:
    """It begins."""
    caller, ctx = member(), context()
    try:
        accept_invitation(ctx, caller.resident_id, request.form.get("code", "")[:LONGEST_CODE], ctx.now())
    except HaiheError as error:
        return _helping_page("", error.detail)
    return redirect("/m/helping", 303)


@blp.post("/helping/<int:helping_id>/start")
def start(helping_id: int) -> AnyResponse:
    """From here on every page is theirs."""
    caller, ctx = member(), context()
    start_acting(ctx, page_session(), caller.resident_id, helping_id, ctx.now())
    return redirect("/m/helping", 303)


@blp.post("/helping/stop")
def stop() -> AnyResponse:
    """Back to oneself."""
    caller, ctx = member(), context()
    stop_acting(page_session(), caller.resident_id, ctx.now())
    return redirect("/m/helping", 303)


def _helpers_page(name: str, scopes: list[str], wrong: HaiheError | None) -> AnyResponse:
    caller, ctx = member(), context()
    at = ctx.now()
    today, text = day_of(at), helping_text()
    return page(
        "helpers.html",
        "me",
        422 if wrong else 200,
        helpers=helpers_of(ctx, caller.resident_id, at),
        helped=helped_by(ctx, caller.resident_id, at),
        relations=RELATION_WORDS,
        scopes=SCOPE_WORDS,
        spans=[(add_months(today, months), words) for months, words in SPANS],
        text=text,
        body=paragraphs(text.text),
        name=name,
        chosen=scopes,
        wrong=wrong.detail if wrong else "",
        field=wrong.field if wrong else None,
    )


def _helping_page(code: str, wrong: str) -> AnyResponse:
    caller, ctx = member(), context()
    ended = False
    if g.caller.helping_id is not None:
        try:
            g.acting = acting_of(g.caller)
        except Forbidden:
            ended = True
    helped = helped_by(ctx, caller.resident_id, ctx.now())
    return page(
        "helping.html",
        "helping" if g.get("acting") else "me",
        422 if wrong else 200,
        helped=helped,
        ended=ended,
        code=code,
        wrong=wrong,
        length=CODE_DIGITS,
    )


def _relation() -> Relation:
    given = request.form.get("relation", "")
    if given not in set(Relation):
        raise InvalidInput("RELATION_MISSING", "请选择这位亲友是您的什么人", "relation")
    return Relation(given)


def _until() -> date:
    try:
        return date.fromisoformat(request.form.get("until", ""))
    except ValueError:
        raise InvalidInput("UNTIL_INVALID", "请选择代办到什么时候", "until") from None
