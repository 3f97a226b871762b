"""A resident's standing consent for one online merchant, and the OAuth grants and tokens that rest on it.

Secrets are kept as SHA-256: each is 256 random bits of our own making, so a plain hash guards it as well as a slow one.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    LargeBinary,
    String,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from haihe.storage.db import db


class Link(db.Model):
    """关联授权: this merchant may ask, without a pass, whether this resident may use these scenarios.

    `pairwise_id` is how the merchant names the resident: random, so that two merchants cannot find out that they know
    the same person, and given anew after a withdrawal. A withdrawn link stays as the proof that it had been given
    (个人信息保护法); `text_sha256` is of the very text that was agreed to.
    """

    __tablename__ = "links"
    __table_args__ = (
        Index(
            "uq_links_in_force",
            "resident_id",
            "merchant_id",
            unique=True,
            postgresql_where=text("withdrawn_at IS NULL"),
        ),
        Index(
            "uq_links_pairwise_id",
            "pairwise_id",
            unique=True,
            postgresql_where=text("withdrawn_at IS NULL"),
        ),
        CheckConstraint("withdrawn_at IS NULL OR withdrawn_at >= given_at", name="withdrawn_after_given"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    merchant_id: Mapped[int] = mapped_column(ForeignKey("merchants.id"), index=True)
    resident_id: Mapped[int] = mapped_column(ForeignKey("residents.id"))
    pairwise_id: Mapped[str] = mapped_column(String(40))
    scenarios: Mapped[list[str]] = mapped_column(JSONB)
    text_version: Mapped[str] = mapped_column(String(32))
    text_sha256: Mapped[bytes] = mapped_column(LargeBinary)
    given_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    expires_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    withdrawn_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class OAuthGrant(db.Model):
    """An authorization grant (RFC 6749 §1.3): one code, and the family of tokens that came of it.

    `code_challenge` is PKCE's (RFC 7636, S256), `resources` are RFC 8707's, `dpop_jkt` is the key that the code was
    bound to beforehand (RFC 9449 §10). Revoking the grant ends every token of the family.
    """

    __tablename__ = "oauth_grants"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    link_id: Mapped[int] = mapped_column(ForeignKey("links.id"), index=True)
    client_id: Mapped[str] = mapped_column(ForeignKey("oauth_clients.client_id"), index=True)
    scopes: Mapped[list[str]] = mapped_column(JSONB)
    resources: Mapped[list[str]] = mapped_column(JSONB)
    code_sha256: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    code_challenge: Mapped[str] = mapped_column(String(43))
    redirect_uri: Mapped[str | None] = mapped_column(String(2000))
    dpop_jkt: Mapped[str | None] = mapped_column(String(43))
    granted_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    redeemed_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    revoked_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class RefreshToken(db.Model):
    """A refresh token of a grant: used once, then the next takes its place (RFC 9700 §4.14)."""

    __tablename__ = "refresh_tokens"

    token_sha256: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    grant_id: Mapped[int] = mapped_column(ForeignKey("oauth_grants.id"), index=True)
    issued_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    expires_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    used_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class RevokedToken(db.Model):
    """An access token that was revoked before its time (RFC 7009), until it would have expired by itself."""

    __tablename__ = "revoked_tokens"

    jti: Mapped[str] = mapped_column(String(64), primary_key=True)
    client_id: Mapped[str] = mapped_column(ForeignKey("oauth_clients.client_id"), index=True)
    revoked_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    expires_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), index=True)


class PushedRequest(db.Model):
    """A pushed authorization request (RFC 9126): what the client asked for, until somebody comes with its name."""

    __tablename__ = "pushed_requests"

    reference_sha256: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    client_id: Mapped[str] = mapped_column(ForeignKey("oauth_clients.client_id"), index=True)
    parameters: Mapped[list[Any]] = mapped_column(JSONB)
    expires_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), index=True)


class SeenOnce(db.Model):
    """Something that may be shown once only: the jti of a client assertion or of a DPoP proof, a way in to a page.

    `digest` is of what it is, whose it is and its own name; after `expires_at` nobody would accept it anyway.
    """

    __tablename__ = "seen_once"

    digest: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    expires_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), index=True)


def end_links_of(resident_id: int, at: datetime) -> None:
    """Take every link of a resident back, who leaves; call inside the deed's transaction."""
    db.session.execute(
        update(Link)
        .where(Link.resident_id == resident_id, Link.withdrawn_at.is_(None))
        .values(withdrawn_at=at)
        .execution_options(synchronize_session=False)
    )
