"""What a merchant is told of its orders: the events, where they go, every attempt to deliver them, and who signs them."""

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
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from haihe.storage.db import db

WAITING = text("state = 'WAITING'")


class MerchantEvent(db.Model):
    """通知: something happened to an order. Written in the transaction that changed the order, never altered.

    `sequence` counts the events of one order from 1; `body` is what the merchant reads under `order`.
    """

    __tablename__ = "merchant_events"
    __table_args__ = (UniqueConstraint("order_id", "sequence"),)

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    event_id: Mapped[str] = mapped_column(String(40), unique=True)
    merchant_id: Mapped[int] = mapped_column(ForeignKey("merchants.id"), index=True)
    order_id: Mapped[int | None] = mapped_column(ForeignKey("orders.id"))
    sequence: Mapped[int]
    type: Mapped[str] = mapped_column(String(48))
    body: Mapped[dict[str, Any]] = mapped_column(JSONB)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class WebhookHost(db.Model):
    """通知域名: a host that the office has registered for a merchant; `host:port` where it is not 443."""

    __tablename__ = "webhook_hosts"

    merchant_id: Mapped[int] = mapped_column(ForeignKey("merchants.id"), primary_key=True)
    host: Mapped[str] = mapped_column(String(259), primary_key=True)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class WebhookEndpoint(db.Model):
    """通知地址: where a merchant's events go. `encryption_jwk` is the merchant's public key, where it wants them sealed.

    `failing_since` says that the last attempt failed: such an endpoint is tried one event at a time.
    """

    __tablename__ = "webhook_endpoints"
    __table_args__ = (
        Index("ix_webhook_endpoints_merchant_id", "merchant_id", postgresql_where=text("deleted_at IS NULL")),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    merchant_id: Mapped[int] = mapped_column(ForeignKey("merchants.id"))
    url: Mapped[str] = mapped_column(String(512))
    encryption_jwk: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    changed_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    failing_since: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    deleted_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class Delivery(db.Model):
    """投递: one event on its way to one endpoint. While it waits, later events of the same order wait behind it.

    `leased_until` keeps other workers away while one is sending; a worker that dies leaves it to run out.
    """

    __tablename__ = "deliveries"
    __table_args__ = (
        CheckConstraint("state IN ('WAITING','DELIVERED','GIVEN_UP','DROPPED')", name="state"),
        Index("ix_deliveries_due", "endpoint_id", "due_at", postgresql_where=WAITING),
        Index("ix_deliveries_waiting", "endpoint_id", "order_id", "id", postgresql_where=WAITING),
        Index("ix_deliveries_merchant_id", "merchant_id", "id"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    event_no: Mapped[int] = mapped_column(ForeignKey("merchant_events.id"), index=True)
    endpoint_id: Mapped[int] = mapped_column(ForeignKey("webhook_endpoints.id"))
    merchant_id: Mapped[int] = mapped_column(ForeignKey("merchants.id"))
    order_id: Mapped[int | None] = mapped_column(BigInteger)
    replay: Mapped[bool] = mapped_column(default=False, server_default="false")
    state: Mapped[str] = mapped_column(String(16), default="WAITING", server_default="WAITING")
    attempts: Mapped[int] = mapped_column(default=0, server_default="0")
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    due_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    first_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    leased_until: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    settled_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class DeliveryAttempt(db.Model):
    """投递日志: one attempt. `status` is the HTTP status, None where there was no answer; then `failure` says why.

    `excerpt` is the beginning of the merchant's own answer with long numbers blotted out.
    """

    __tablename__ = "delivery_attempts"

    delivery_id: Mapped[int] = mapped_column(
        ForeignKey("deliveries.id", ondelete="CASCADE"), primary_key=True
    )
    number: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    status: Mapped[int | None]
    failure: Mapped[str | None] = mapped_column(String(32))
    took_ms: Mapped[int]
    excerpt: Mapped[str] = mapped_column(String(200))


class NoticeKey(db.Model):
    """A key that signs notices and statements, and nothing else.

    The public half is shown for ever, so that an old statement can still be checked; the private half is destroyed
    when the key retires.
    """

    __tablename__ = "notice_keys"

    kid: Mapped[str] = mapped_column(String(64), primary_key=True)
    public_jwk: Mapped[dict[str, str]] = mapped_column(JSONB)
    key_id: Mapped[str] = mapped_column(String(32))
    private_sealed: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    retired_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
