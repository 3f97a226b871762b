"""Authorization grants (RFC 6749 §1.3): a resident's consent becomes a code, the code a family of tokens.

A code serves once and for a minute; a refresh token serves once, and the next takes its place. Whoever shows one a second
time ends the whole family (RFC 9700 §2.1.1, §4.14): either they or the first to show it had stolen it.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NoReturn

from sqlalchemy import Row, Select, select, update

from haihe.domain.errors import Conflict
from haihe.storage.audit import write_audit
from haihe.storage.db import db, transaction
from haihe.storage.links import Link, OAuthGrant, RefreshToken
from haihe.usecases.consent_texts import link_text
from haihe.usecases.context import Context
from haihe.usecases.links import give_link

CODE_LIVES = timedelta(seconds=60)
# One that is not used for so long is given up; the link itself may last longer, and the resident need only come back.
REFRESH_LIVES = timedelta(days=90)
TOKEN_BYTES = 32


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a client asks a resident for, once everything about it has been found right."""

    client_id: str
    merchant_id: int
    scopes: tuple[str, ...]
    scenarios: tuple[str, ...]
    resources: tuple[str, ...]
    code_challenge: str
    redirect_uri: str | None
    dpop_jkt: str | None


@dataclass(frozen=True, slots=True)
class Granted:
    """A grant that rests on a link in force; `pairwise_id` is the subject of its tokens."""

    grant_id: int
    client_id: str
    pairwise_id: str
    scopes: tuple[str, ...]
    resources: tuple[str, ...]
    code_challenge: str
    redirect_uri: str | None
    dpop_jkt: str | None
    link_expires_at: datetime


class AlreadyUsed(Conflict):
    """A code or refresh token was shown a second time; its whole family has been revoked."""


def grant_code(
    ctx: Context, resident_id: int, wanted: Wanted, scenarios: tuple[str, ...], at: datetime
) -> str:
    """The resident agrees, to these of the scenarios asked for: link them to the merchant and make the code."""
    code = secrets.token_urlsafe(TOKEN_BYTES)
    with transaction():
        link = give_link(ctx, resident_id, wanted.merchant_id, scenarios, link_text(), at)
        db.session.add(
            OAuthGrant(
                # Random, because it goes into tokens: merchants are not to count how many residents link.
                id=secrets.randbits(62),
                link_id=link.id,
                client_id=wanted.client_id,
                scopes=[*wanted.scopes, *(f"scenario:{code}" for code in sorted(scenarios))],
                resources=list(wanted.resources),
                code_sha256=_hash(code),
                code_challenge=wanted.code_challenge,
                redirect_uri=wanted.redirect_uri,
                dpop_jkt=wanted.dpop_jkt,
                granted_at=at,
            )
        )
    return code


def grant_of_code(client_id: str, code: str, at: datetime) -> Granted | None:
    """The grant behind a code of this client that still serves; AlreadyUsed if it has served before."""
    query = _in_force(at).where(
        OAuthGrant.client_id == client_id,
        OAuthGrant.code_sha256 == _hash(code),
        OAuthGrant.revoked_at.is_(None),
    )
    found = db.session.execute(query).one_or_none()
    if found is None or found.OAuthGrant.granted_at + CODE_LIVES <= at:
        return None
    if found.OAuthGrant.redeemed_at is not None:
        _end_family(found.OAuthGrant.id, "code", at)
    return _granted(found)


def redeem_code(granted: Granted, at: datetime) -> str:
    """Use the code up; returns the first refresh token. AlreadyUsed if another request was faster."""
    with transaction():
        first = db.session.execute(
            update(OAuthGrant)
            .where(OAuthGrant.id == granted.grant_id, OAuthGrant.redeemed_at.is_(None))
            .values(redeemed_at=at)
            .returning(OAuthGrant.id)
        ).first()
        if first is not None:
            return _new_refresh_token(granted, at)
    _end_family(granted.grant_id, "code", at)


def refresh_token_of(client_id: str, token: str, at: datetime) -> tuple[Granted, RefreshToken] | None:
    """A refresh token of this client and its grant, while both are in force, whether or not it has been used."""
    query = (
        _in_force(at)
        .add_columns(RefreshToken)
        .join(RefreshToken, RefreshToken.grant_id == OAuthGrant.id)
        .where(
            OAuthGrant.client_id == client_id,
            RefreshToken.token_sha256 == _hash(token),
            RefreshToken.expires_at > at,
            OAuthGrant.revoked_at.is_(None),
        )
    )
    found = db.session.execute(query).one_or_none()
    return None if found is None else (_granted(found), found.RefreshToken)


def grant_of_refresh_token(client_id: str, token: str, at: datetime) -> Granted | None:
    """The grant behind a refresh token of this client that still serves; AlreadyUsed if it has served before."""
    found = refresh_token_of(client_id, token, at)
    if found is None:
        return None
    granted, shown = found
    if shown.used_at is not None:
        _end_family(granted.grant_id, "refresh_token", at)
    return granted


def rotate_refresh_token(granted: Granted, token: str, at: datetime) -> str:
    """Use a refresh token up; returns the next one. AlreadyUsed if another request was faster."""
    with transaction():
        first = db.session.execute(
            update(RefreshToken)
            .where(RefreshToken.token_sha256 == _hash(token), RefreshToken.used_at.is_(None))
            .values(used_at=at)
            .returning(RefreshToken.token_sha256)
        ).first()
        if first is not None:
            return _new_refresh_token(granted, at)
    _end_family(granted.grant_id, "refresh_token", at)


def subject_of_grant(grant_id: int, at: datetime) -> str | None:
    """The resident's pairwise id while grant and link are in force; asked for every request made with such a token."""
    return db.session.execute(
        select(Link.pairwise_id)
        .join(OAuthGrant, OAuthGrant.link_id == Link.id)
        .where(
            OAuthGrant.id == grant_id,
            OAuthGrant.revoked_at.is_(None),
            Link.withdrawn_at.is_(None),
            Link.expires_at > at,
        )
    ).scalar()


def revoke_grant(grant_id: int, actor: str, at: datetime, cause: str) -> None:
    """End a family of tokens; the resident's consent is another matter and stays."""
    with transaction():
        ended = db.session.execute(
            update(OAuthGrant)
            .where(OAuthGrant.id == grant_id, OAuthGrant.revoked_at.is_(None))
            .values(revoked_at=at)
            .returning(OAuthGrant.id)
        ).first()
        if ended is not None:
            write_audit(at, actor, "revoke_grant", f"grant:{grant_id}", cause=cause)


def owner_of_refresh_token(token: str) -> tuple[int, str] | None:
    """The grant and the client that a refresh token was issued to, whether or not it still serves."""
    row = db.session.execute(
        select(OAuthGrant.id, OAuthGrant.client_id)
        .join(RefreshToken, RefreshToken.grant_id == OAuthGrant.id)
        .where(RefreshToken.token_sha256 == _hash(token))
    ).one_or_none()
    return None if row is None else (row.id, row.client_id)


def _in_force(at: datetime) -> Select[tuple[OAuthGrant, Link]]:
    return (
        select(OAuthGrant, Link)
        .join(Link, Link.id == OAuthGrant.link_id)
        .where(Link.withdrawn_at.is_(None), Link.expires_at > at)
        .execution_options(populate_existing=True)
    )


def _granted(found: Row[tuple[OAuthGrant, Link]]) -> Granted:
    grant, link = found.OAuthGrant, found.Link
    return Granted(
        grant_id=grant.id,
        client_id=grant.client_id,
        pairwise_id=link.pairwise_id,
        scopes=tuple(grant.scopes),
        resources=tuple(grant.resources),
        code_challenge=grant.code_challenge,
        redirect_uri=grant.redirect_uri,
        dpop_jkt=grant.dpop_jkt,
        link_expires_at=link.expires_at,
    )


def _new_refresh_token(granted: Granted, at: datetime) -> str:
    token = secrets.token_urlsafe(TOKEN_BYTES)
    db.session.add(
        RefreshToken(
            token_sha256=_hash(token),
            grant_id=granted.grant_id,
            issued_at=at,
            expires_at=min(at + REFRESH_LIVES, granted.link_expires_at),
        )
    )
    return token


def _end_family(grant_id: int, shown_twice: str, at: datetime) -> NoReturn:
    revoke_grant(grant_id, "system:reuse", at, f"{shown_twice} shown twice")
    raise AlreadyUsed("ALREADY_USED", "授权码或刷新令牌已使用过，由此签发的令牌已全部吊销")


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()
