"""管理台页: what a manager looks after — orders, statements, deliveries, keys and the sandbox."""

from __future__ import annotations

from datetime import date
from typing import Any

import orjson
from flask import Response as FlaskResponse
from flask import redirect, request, url_for
from werkzeug.wrappers import Response

from haihe.domain.errors import Conflict, Forbidden, HaiheError, InvalidInput, NotFound
from haihe.storage.db import db
from haihe.storage.onboarding import Application
from haihe.usecases.client_registrations import PRIVATE_KEY_JWT, Owner, Registration, register_client
from haihe.usecases.counter import list_orders
from haihe.usecases.delivery_log import deliveries_of, replay
from haihe.usecases.judge_merchant import admissions_of
from haihe.usecases.make_statements import find_statement, statements_of
from haihe.usecases.merchant_login import partner_at_counter
from haihe.usecases.merchant_people import MerchantRole, people_of
from haihe.usecases.oauth_clients import clients_of, revoke_client_of
from haihe.usecases.rules_in_force import Partner, counter_of
from haihe.usecases.sandbox import NOTES, open_sandbox, sandbox_of, show_pass
from haihe.usecases.webhook_endpoints import endpoints_of
from haihe.web.context import context
from haihe.web.merchant.pages.lock import caller, keep_locked
from haihe.web.merchant.pages.words import DELIVERY_STATES, MERCHANT_STATES, ORDER_STATES, ROLES
from haihe.web.pages import Pages, show
from haihe.web.problems import STATUS

blp = Pages("merchant_desk", __name__, url_prefix="/merchant/desk")
keep_locked(blp, MerchantRole.MANAGER)

PAGE = 30
LONGEST_NUMBER = 18
CLIENT_SCOPES = ("check", "order", "statement", "webhook")
MOST_CLIENTS = 20
SANDBOX = "sandbox"


@blp.get("")
def overview() -> Response:
    """How the merchant stands, what it is admitted to, and who may act for it."""
    number = caller().merchant_id
    return show(
        "merchant/desk.html",
        states=MERCHANT_STATES,
        application=db.session.get(Application, number),
        scenarios=[(code, _names().get(code, code)) for code in admissions_of(number)],
        people=people_of(number),
        roles=ROLES,
    )


@blp.get("/orders")
def orders() -> Response:
    """The merchant's orders, the latest first."""
    before = request.args.get("before", "")
    known = before.isascii() and before.isdigit() and len(before) <= LONGEST_NUMBER
    merchant_id = _second_self() or caller().merchant_id
    found = list_orders(merchant_id, int(before) if known else None, PAGE + 1)
    return show(
        "merchant/desk_orders.html",
        orders=found[:PAGE],
        more=found[PAGE - 1].id if len(found) > PAGE else None,
        states=ORDER_STATES,
        names=_names(),
        **_switch(),
    )


@blp.get("/statements")
def statements() -> Response:
    """The daily statements, the newest first."""
    return show("merchant/desk_statements.html", statements=statements_of(_partner()))


@blp.get("/statements/<day>/<kind>")
def statement(day: str, kind: str) -> FlaskResponse:
    """A statement as a file, the same bytes that the interface gives."""
    try:
        one = find_statement(_partner(), date.fromisoformat(day))
    except ValueError:
        raise NotFound("STATEMENT_NOT_FOUND", "没有这一天的对账单") from None
    if kind not in ("csv", "json"):
        raise NotFound("STATEMENT_NOT_FOUND", "对账单只有 csv 与 json 两种格式")
    content, media_type = (
        (one.csv, "text/csv; charset=utf-8") if kind == "csv" else (one.json, "application/json")
    )
    name = f"haihe-{one.day.isoformat()}.{kind}"
    return FlaskResponse(
        content, content_type=media_type, headers={"Content-Disposition": f'attachment; filename="{name}"'}
    )


@blp.get("/deliveries")
def deliveries() -> Response:
    """What was sent to the merchant's system, and whether it arrived."""
    partner = _shown_partner()
    told, endpoints = deliveries_of(partner), endpoints_of(partner)
    return show(
        "merchant/desk_deliveries.html", told=told, endpoints=endpoints, states=DELIVERY_STATES, **_switch()
    )


@blp.post("/deliveries/<int:delivery_id>/replay")
def send_again(delivery_id: int) -> Response:
    """Send it once more."""
    replay(_shown_partner(), delivery_id, context().now())
    return redirect(url_for("merchant_desk.deliveries", of=SANDBOX if _second_self() else None), 303)


@blp.get("/keys")
def keys() -> Response:
    """The merchant's clients."""
    return _keys_page()


@blp.post("/keys")
def register_own_client() -> Response:
    """A client for the city, with a public key of the merchant's own, once the merchant is admitted."""
    ctx, person, sent = context(), caller(), request.form
    given = {name: sent.get(name, "") for name in ("jwks", "redirect_uris", "dpop")}
    try:
        _partner()
        registration = Registration(
            PRIVATE_KEY_JWT,
            CLIENT_SCOPES,
            jwks=_key_set(given["jwks"]),
            redirect_uris=tuple(given["redirect_uris"].split()),
            dpop_required=given["dpop"] == "yes",
        )
        if sum(client.revoked_at is None for client in clients_of(person.merchant_id)) >= MOST_CLIENTS:
            raise Conflict("CLIENTS_TOO_MANY", f"最多 {MOST_CLIENTS} 个客户端，请先吊销不用的")
        handed = register_client(ctx, Owner(person.merchant_id), registration, ctx.now(), person.actor)
    except HaiheError as error:
        return _keys_page(_status(error), wrong=error.detail, **given)
    return _keys_page(handed=handed.client_id)


@blp.post("/keys/<client_id>/revoke")
def revoke(client_id: str) -> Response:
    """Take a client's credentials away, now."""
    person = caller()
    revoke_client_of(context(), person.merchant_id, client_id, context().now(), person.actor)
    return redirect(url_for("merchant_desk.keys"), 303)


@blp.get("/sandbox")
def sandbox() -> Response:
    """Test residents, and clients that meet nobody else."""
    return _sandbox_page()


@blp.post("/sandbox/clients")
def register_sandbox_client() -> Response:
    """A sandbox client with a public key of the merchant's own; approved or not, the merchant may try."""
    ctx, person = context(), caller()
    text = request.form.get("jwks", "")
    try:
        registration = Registration(PRIVATE_KEY_JWT, CLIENT_SCOPES, jwks=_key_set(text), sandbox=True)
        second = open_sandbox(ctx, person.merchant_id, ctx.now(), person.actor)
        handed = register_client(ctx, Owner(second), registration, ctx.now(), person.actor)
    except (InvalidInput, Forbidden) as error:
        return _sandbox_page(_status(error), wrong=error.detail, jwks=text)
    return _sandbox_page(handed=handed.client_id)


@blp.post("/sandbox/passes")
def show_sandbox_pass() -> Response:
    """A code of a test resident, to be typed into the system that is being built."""
    ctx, person = context(), caller()
    try:
        second = open_sandbox(ctx, person.merchant_id, ctx.now(), person.actor)
        partner = ctx.rules.up_to_date().partner(counter_of(second))
        if partner is None:
            raise Forbidden("SANDBOX_CLOSED", "沙箱暂时不能使用")
        asked = (request.form.get("resident", ""), request.form.get("scenario", ""))
        shown = show_pass(ctx, partner, *asked, ctx.now())
    except HaiheError as error:
        return _sandbox_page(_status(error), wrong=error.detail)
    return _sandbox_page(shown=shown)


def _keys_page(status: int = 200, **more: Any) -> Response:
    return show("merchant/desk_keys.html", status, clients=clients_of(caller().merchant_id), **more)


def _sandbox_page(status: int = 200, **more: Any) -> Response:
    second = sandbox_of(caller().merchant_id)
    return show(
        "merchant/desk_sandbox.html",
        status,
        clients=[] if second is None else clients_of(second),
        notes=NOTES,
        scenarios=context().rules.up_to_date().scenarios(),
        **more,
    )


def _key_set(text: str) -> dict[str, Any]:
    """A key set, or a single key that was pasted alone."""
    try:
        given = orjson.loads(text)
    except orjson.JSONDecodeError:
        given = None
    if not isinstance(given, dict):
        raise InvalidInput("CLIENT_INVALID", '公钥应为 JSON：一把 JWK，或 {"keys": […]}', "jwks")
    return given if "keys" in given else {"keys": [given]}


def _partner() -> Partner:
    return partner_at_counter(context(), caller())


def _second_self() -> int | None:
    """The merchant's own sandbox, where it has one and asks to see that."""
    return sandbox_of(caller().merchant_id) if request.args.get("of") == SANDBOX else None


def _shown_partner() -> Partner:
    second = _second_self()
    partner = None if second is None else context().rules.up_to_date().partner(counter_of(second))
    return partner or _partner()


def _switch() -> dict[str, bool]:
    """Is there a sandbox to be looked at, and is it looked at?"""
    return {
        "has_sandbox": sandbox_of(caller().merchant_id) is not None,
        "in_sandbox": _second_self() is not None,
    }


def _names() -> dict[str, str]:
    return {s.code: s.name for s in context().rules.up_to_date().scenarios()}


def _status(error: HaiheError) -> int:
    return next((s for kind, s in STATUS.items() if isinstance(error, kind)), 400)
