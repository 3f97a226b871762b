"""商户的账号与密钥: the first manager of a shop, and the clients with which its systems come in. Secrets are shown once."""

from __future__ import annotations

from typing import Any

import orjson
import pyotp
import segno
from flask import redirect, request
from werkzeug.wrappers import Response

from haihe.domain.errors import Conflict, InvalidInput, NotFound
from haihe.usecases.client_registrations import BASIC, Owner, Registration, register_client, renew_secret
from haihe.usecases.merchant_people import NewPerson, close_person, open_person
from haihe.usecases.oauth_clients import clients_of, revoke_client_of
from haihe.web.admin.pages.lock import ConsolePages, page, staff
from haihe.web.admin.pages.partners import partner_page, reachable
from haihe.web.admin.pages.sources import seen_before, seen_of
from haihe.web.context import context
from haihe.web.problems import status_of

blp = ConsolePages("partner_access", __name__)
SCOPES = ("check", "order", "statement", "webhook")
ISSUER = "海河分商户"


@blp.post("/partners/<int:merchant_id>/people")
def open_account(merchant_id: int) -> Response:
    """Open an account; the second factor is shown this once."""
    reachable(merchant_id)
    ctx, form, secret = context(), request.form, pyotp.random_base32()
    username = form.get("username", "").strip()
    person = NewPerson(username, form.get("password", ""), secret, form.get("role", ""))
    try:
        open_person(ctx, merchant_id, person, ctx.now(), staff().actor)
    except (InvalidInput, Conflict) as error:
        return partner_page(merchant_id, status_of(error), error=error, deed="people")
    address = pyotp.TOTP(secret).provisioning_uri(name=username, issuer_name=ISSUER)
    drawn = segno.make(address, micro=False).svg_data_uri(scale=5, border=4, light="#fff")
    return page("partner_person.html", merchant_id=merchant_id, username=username, secret=secret, drawn=drawn)


@blp.post("/partners/<int:merchant_id>/people/<username>/close")
def close_account(merchant_id: int, username: str) -> Response:
    """Close it; whoever is logged in with it is out at once."""
    reachable(merchant_id)
    close_person(merchant_id, username, context().now(), staff().actor)
    return redirect(f"/console/partners/{merchant_id}?done=people#people", 303)


@blp.post("/partners/<int:merchant_id>/clients")
def add_client(merchant_id: int) -> Response:
    """Register a client; its secret, where it has one, is shown this once."""
    reachable(merchant_id)
    ctx, form = context(), request.form
    if form.get("seen") != str(len(clients_of(merchant_id))):
        raise seen_before()
    method = form.get("auth_method", "")
    registration = Registration(
        auth_method=method,
        scopes=tuple(s for s in form.getlist("scopes") if s in SCOPES),
        jwks=None,
        redirect_uris=tuple(form.get("redirect_uris", "").split()),
        dpop_required=form.get("dpop") == "yes",
    )
    try:
        if method != BASIC:
            registration = Registration(
                method,
                registration.scopes,
                _key_set(form.get("jwks", "")),
                registration.redirect_uris,
                registration.dpop_required,
            )
        handed = register_client(ctx, Owner(merchant_id), registration, ctx.now(), staff().actor)
    except InvalidInput as error:
        return partner_page(merchant_id, status_of(error), error=error, deed="clients")
    return partner_page(merchant_id, handed=handed)


@blp.post("/partners/<int:merchant_id>/clients/<client_id>/rotate")
def rotate(merchant_id: int, client_id: str) -> Response:
    """Another secret, shown this once; the old one is worth nothing from now on."""
    reachable(merchant_id)
    mine = [c for c in clients_of(merchant_id) if c.client_id == client_id]
    if not mine:
        raise NotFound("CLIENT_NOT_FOUND", "没有这个客户端", "client_id")
    if request.form.get("seen") != seen_of(mine[0]):
        raise seen_before()
    try:
        handed = renew_secret(context(), client_id, context().now(), staff().actor)
    except InvalidInput as error:
        return partner_page(merchant_id, status_of(error), error=error, deed="clients")
    return partner_page(merchant_id, handed=handed)


@blp.post("/partners/<int:merchant_id>/clients/<client_id>/revoke")
def revoke(merchant_id: int, client_id: str) -> Response:
    """Take it away: the next request with it is refused."""
    reachable(merchant_id)
    revoke_client_of(context(), merchant_id, client_id, context().now(), staff().actor)
    return redirect(f"/console/partners/{merchant_id}?done=clients#clients", 303)


def _key_set(text: str) -> dict[str, Any]:
    """A key set, or a single key that was pasted alone."""
    try:
        given = orjson.loads(text)
    except orjson.JSONDecodeError:
        given = None
    if not isinstance(given, dict):
        raise InvalidInput("CLIENT_INVALID", '公钥应为 JSON：一把 JWK，或 {"keys": […]}', "jwks")
    return given if "keys" in given else {"keys": [given]}
