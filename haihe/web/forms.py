"""Forms that only our own pages can send.

Every browser is given a random key in a cookie that no script can read; every form carries that key's HMAC. Another site can make a
browser send the cookie, but cannot know the HMAC. Where the browser says from which site a form comes, that is looked at too.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from flask import Response, current_app, request
from marshmallow import Schema, ValidationError

from haihe.domain.errors import Forbidden
from haihe.web.context import context

COOKIE = "haihe_form"
FIELD = "form_token"
MADE = "haihe.browser_key"
KEY_LENGTH = 43


def secure() -> bool:
    """Are we spoken to over TLS? Only then may a cookie demand it."""
    return context().base_url.startswith("https://")


def form_token() -> str:
    """What a form of this browser carries."""
    return _token_of(_browser_key())


def require_own_form() -> None:
    """Forbidden FORM_FOREIGN unless the form that was sent is one of ours, shown in this very browser."""
    site = request.headers.get("Sec-Fetch-Site", "same-origin")
    origin = request.headers.get("Origin")
    foreign = site not in ("same-origin", "none") or (origin is not None and not _ours(origin))
    key = request.cookies.get(COOKIE, "")
    sent = request.form.get(FIELD, "")
    if foreign or not key or not hmac.compare_digest(_token_of(key).encode(), sent.encode(errors="replace")):
        raise Forbidden("FORM_FOREIGN", "页面已过期，请返回上一页、刷新后再提交一次")


def read_form(schema: Schema, given: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """What a form says, read by the schema of the same deed's JSON; and what is wrong, by field, in one sentence each."""
    try:
        read: dict[str, Any] = schema.load(given)
    except ValidationError as error:
        return {}, {str(name): _first(told) for name, told in error.normalized_messages().items()}
    return read, {}


def _first(told: Any) -> str:
    while not isinstance(told, str):
        told = next(iter(told.values() if isinstance(told, dict) else told))
    return told


def keep_browser_key(response: Response) -> Response:
    """Give the browser its key, if it was made for this answer."""
    made = request.environ.get(MADE)
    if made is not None:
        response.set_cookie(COOKIE, made, httponly=True, secure=secure(), samesite="Lax", path="/")
    return response


def forget_browser_key(response: Response) -> None:
    """After login or logout forms shown before are worth nothing."""
    request.environ.pop(MADE, None)
    response.delete_cookie(COOKIE, path="/")


def _browser_key() -> str:
    held = request.cookies.get(COOKIE, "")
    if len(held) == KEY_LENGTH:
        return held
    made: str = request.environ.setdefault(MADE, secrets.token_urlsafe(32))
    return made


def _token_of(key: str) -> str:
    secret = current_app.config["SECRET_KEY"]
    return hmac.digest(secret.encode(), b"form\0" + key.encode(errors="replace"), "sha256").hex()


def _ours(origin: str) -> bool:
    return urlsplit(origin).netloc == request.host
