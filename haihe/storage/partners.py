"""商户 and other partners that speak to us by machine: who they are, what they may ask, and their credentials."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, DateTime, ForeignKey, Index, LargeBinary, String, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from haihe.storage.db import db


class Merchant(db.Model):
    """商户: `uscc` is the 统一社会信用代码 (GB 32100); only an ACTIVE one is answered.

    Whoever has applied is a merchant too, APPLIED or RETURNED, until approved or REFUSED. Anybody can write somebody else's code
    into an application, so it belongs to one merchant alone only from the approval on.

    A merchant that tries us out has a second self, `sandbox_of` it: a merchant like any other, whose passes, orders and
    residents are all of its own sandbox.
    """

    __tablename__ = "merchants"
    __table_args__ = (
        CheckConstraint("state IN ('APPLIED','RETURNED','REFUSED','ACTIVE','SUSPENDED')", name="state"),
        Index(
            "uq_merchants_uscc",
            "uscc",
            unique=True,
            postgresql_where=text("state IN ('ACTIVE','SUSPENDED') AND sandbox_of IS NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(128))
    uscc: Mapped[str] = mapped_column(String(18))
    district: Mapped[str] = mapped_column(String(6))
    kind: Mapped[str] = mapped_column(String(64))
    state: Mapped[str] = mapped_column(String(16))
    sandbox_of: Mapped[int | None] = mapped_column(ForeignKey("merchants.id"), unique=True)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class Admission(db.Model):
    """准入: this merchant may ask about this scenario."""

    __tablename__ = "admissions"

    merchant_id: Mapped[int] = mapped_column(ForeignKey("merchants.id"), primary_key=True)
    scenario: Mapped[str] = mapped_column(String(16), primary_key=True)
    admitted_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class OAuthClient(db.Model):
    """An OAuth 2.0 client of a merchant or of a source department, with what it registered (RFC 7591's words).

    It authenticates in one way only: by its secret or by its key. The secret is 256 random bits that we make
    ourselves, so SHA-256 keeps it as safe as a slow hash would, and the token endpoint stays fast. `jwks` holds
    public keys alone. `renewed_at` is when its credentials were last made anew. A `sandbox` client never meets a real
    resident.
    """

    __tablename__ = "oauth_clients"
    __table_args__ = (
        CheckConstraint("(merchant_id IS NULL) <> (source IS NULL)", name="one_owner"),
        CheckConstraint(
            "auth_method = 'client_secret_basic' AND secret_sha256 IS NOT NULL AND jwks IS NULL"
            " OR auth_method = 'private_key_jwt' AND secret_sha256 IS NULL AND jwks IS NOT NULL",
            name="one_way_in",
        ),
    )

    client_id: Mapped[str] = mapped_column(String(48), primary_key=True)
    auth_method: Mapped[str] = mapped_column(
        String(32), default="client_secret_basic", server_default="client_secret_basic"
    )
    secret_sha256: Mapped[bytes | None] = mapped_column(LargeBinary)
    jwks: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    scopes: Mapped[list[str]] = mapped_column(JSONB)
    redirect_uris: Mapped[list[str]] = mapped_column(JSONB, default=list, server_default="[]")
    dpop_required: Mapped[bool] = mapped_column(default=False, server_default="false")
    sandbox: Mapped[bool] = mapped_column(default=False, server_default="false")
    merchant_id: Mapped[int | None] = mapped_column(ForeignKey("merchants.id"), index=True)
    source: Mapped[str | None] = mapped_column(ForeignKey("sources.code"), index=True)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    renewed_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    revoked_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class SigningKey(db.Model):
    """A key that signs access tokens. The private half is sealed; the public half is what /oauth/jwks shows."""

    __tablename__ = "signing_keys"

    kid: Mapped[str] = mapped_column(String(64), primary_key=True)
    public_jwk: Mapped[dict[str, str]] = mapped_column(JSONB)
    key_id: Mapped[str] = mapped_column(String(32))
    private_sealed: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    retired_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
