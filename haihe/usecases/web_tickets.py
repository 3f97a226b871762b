"""From the mini-program to a page of ours in a web-view: a ticket that opens, once and within a minute, a session there."""

from __future__ import annotations

import base64
import binascii
import secrets
from datetime import datetime, timedelta
from typing import Any

import orjson
from cryptography.exceptions import InvalidTag

from haihe.domain.errors import Unauthenticated
from haihe.usecases.context import Context
from haihe.usecases.seen_once import first_time
from haihe.usecases.sessions import open_session

LIVES = timedelta(seconds=60)
PURPOSE = "web_ticket"


def make_ticket(ctx: Context, account_id: int, path: str, at: datetime) -> tuple[str, datetime]:
    """A ticket for the account's own phone, good for this one page and until then."""
    until = at + LIVES
    said = {"account": account_id, "path": path, "until": until.timestamp(), "name": secrets.token_hex(16)}
    return seal(ctx, said, PURPOSE), until


def use_ticket(ctx: Context, ticket: str, at: datetime) -> tuple[str, str]:
    """A session token for the page, and the page that the ticket was made for; Unauthenticated if it does not serve."""
    said = unseal(ctx, ticket, PURPOSE)
    until = datetime.fromtimestamp(said["until"], at.tzinfo) if said else at
    if said is None or at >= until or not first_time(PURPOSE, "", said["name"], until, at):
        raise Unauthenticated("TICKET_INVALID", "链接已失效，请回到小程序重新打开")
    return open_session(said["account"], at), said["path"]


def seal(ctx: Context, said: dict[str, Any], purpose: str) -> str:
    """Something that we tell ourselves through somebody's browser, who can neither read nor change it."""
    sealed = ctx.vault.seal(orjson.dumps(said).decode(), purpose)
    return f"{base64.urlsafe_b64encode(sealed.ciphertext).decode()}.{sealed.key_id}"


def unseal(ctx: Context, text: str, purpose: str) -> dict[str, Any] | None:
    """What we said; None for anything that we did not seal for this purpose."""
    ciphertext, _dot, key_id = text.partition(".")
    try:
        opened = ctx.vault.open(key_id, base64.urlsafe_b64decode(ciphertext), purpose)
    except (binascii.Error, InvalidTag, KeyError, ValueError):
        return None
    said: dict[str, Any] = orjson.loads(opened)
    return said
