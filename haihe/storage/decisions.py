"""信用码, 判定 and 订单: what was shown, asked, answered and used."""

from __future__ import annotations

from datetime import date, datetime
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


class Pass(db.Model):
    """信用码: shown once, owned by the first merchant that scans it. Only a keyed hash of the code is kept.

    `untold` says that Redis may still hold the pass as it was before it was claimed or ended here.
    """

    __tablename__ = "passes"
    __table_args__ = (Index("ix_passes_untold", "code_hash", postgresql_where=text("untold")),)

    code_hash: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    resident_id: Mapped[int] = mapped_column(ForeignKey("residents.id"), index=True)
    scenario: Mapped[str] = mapped_column(String(16))
    issued_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    expires_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), index=True)
    merchant_id: Mapped[int | None] = mapped_column(ForeignKey("merchants.id"))
    decision_id: Mapped[str | None] = mapped_column(String(40))
    answer: Mapped[bytes | None] = mapped_column(LargeBinary)
    untold: Mapped[bool] = mapped_column(default=False, server_default="false")
    ended_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class DecisionRow(db.Model):
    """One answered question, with the facts it rested on, so that it can be decided again years later.

    `facts` is the resident's copy as it was (see cache/copy.py), to be read under the rulebook named beside it; it is
    None, like `pass_hash` and `resident_id`, where the code shown was nobody's.

    Merchants and residents are named without a foreign key: neither is ever deleted, and asking about both for each row
    would cost more than all the rest of storing it. Online merchants ask about tens of thousands a second.
    """

    __tablename__ = "decisions"
    __table_args__ = (
        Index("ix_decisions_resident_id", "resident_id", "at"),
        # They come in the order of time: a few bytes for every hundred pages find a day among them.
        Index("ix_decisions_at", "at", postgresql_using="brin"),
    )

    decision_id: Mapped[str] = mapped_column(String(40), primary_key=True)
    at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    merchant_id: Mapped[int]
    resident_id: Mapped[int | None] = mapped_column(BigInteger)
    pass_hash: Mapped[bytes | None] = mapped_column(LargeBinary)
    scenario: Mapped[str] = mapped_column(String(16))
    revision: Mapped[int]
    rulebook: Mapped[str] = mapped_column(String(32))
    code: Mapped[str] = mapped_column(String(24))
    offer: Mapped[int | None]
    facts: Mapped[bytes | None] = mapped_column(LargeBinary)


class Order(db.Model):
    """订单: a benefit in use. `out_order_no` is the merchant's own number and makes opening it safe to repeat.

    `benefit` is what was granted, {"label", "ceiling_fen"}: later revisions of the scenario do not change it. `asked` is
    what the merchant sent with each deed, so that a repetition is told from a change. `payments` and `discounts` are lists
    of {"name", "amount_fen"}; `total_fen` is known from the completion on. `counters` are the shared quotas it holds a
    place in. `steps_done`, `last_step_on` are the reminders and announcements behind it; `look_at` is when the worker must
    look at it again. `no_show_on` is the day of a booking to which, says the merchant, nobody came; it `no_show_counts`
    once the resident has been told and has had the time to dispute it.
    """

    __tablename__ = "orders"
    __table_args__ = (
        UniqueConstraint("merchant_id", "out_order_no"),
        CheckConstraint("state IN ('CREATED','DOING','COMPLETED','REVOKED','EXPIRED')", name="state"),
        CheckConstraint("total_fen BETWEEN 0 AND agreed_fen", name="total"),
        Index("ix_orders_resident_id", "resident_id", "state"),
        Index("ix_orders_look_at", "look_at", postgresql_where=text("look_at IS NOT NULL")),
        # A day is counted from its own orders alone.
        Index("ix_orders_opened_on", "opened_on"),
        Index("ix_orders_settled_on", "settled_on", postgresql_where=text("settled_on IS NOT NULL")),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    merchant_id: Mapped[int] = mapped_column(ForeignKey("merchants.id"))
    out_order_no: Mapped[str] = mapped_column(String(32))
    decision_id: Mapped[str] = mapped_column(String(40), unique=True)
    resident_id: Mapped[int] = mapped_column(ForeignKey("residents.id"))
    scenario: Mapped[str] = mapped_column(String(16))
    revision: Mapped[int]
    benefit: Mapped[dict[str, Any]] = mapped_column(JSONB)
    asked: Mapped[dict[str, Any]] = mapped_column(JSONB, default=dict, server_default=text("'{}'::jsonb"))
    state: Mapped[str] = mapped_column(String(16))
    opened_on: Mapped[date]
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    held_until: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    unconfirmed: Mapped[bool] = mapped_column(default=False, server_default="false")
    starts_later: Mapped[bool] = mapped_column(default=False, server_default="false")
    started_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    agreed_fen: Mapped[int] = mapped_column(default=0, server_default="0")
    payments: Mapped[list[Any]] = mapped_column(JSONB, default=list, server_default=text("'[]'::jsonb"))
    discounts: Mapped[list[Any]] = mapped_column(JSONB, default=list, server_default=text("'[]'::jsonb"))
    total_fen: Mapped[int | None]
    intact: Mapped[bool] = mapped_column(default=True, server_default="true")
    late: Mapped[bool] = mapped_column(default=False, server_default="false")
    due_on: Mapped[date | None]
    ended_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    settled_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    settled_on: Mapped[date | None]
    cancelled_because: Mapped[str | None] = mapped_column(String(100))
    disputed_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    dispute_reason: Mapped[str | None] = mapped_column(String(16))
    disputes: Mapped[int] = mapped_column(default=0, server_default="0")
    breach_document: Mapped[str | None] = mapped_column(String(64))
    steps_done: Mapped[int] = mapped_column(default=0, server_default="0")
    last_step_on: Mapped[date | None]
    no_show_on: Mapped[date | None]
    no_show_counts: Mapped[bool] = mapped_column(default=False, server_default="false")
    look_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    counters: Mapped[list[int]] = mapped_column(JSONB, default=list, server_default=text("'[]'::jsonb"))


# An order runs from the hold until it is settled, and counts for the month and year it was opened in unless it came to nothing.
RUNNING = Order.state.in_(("CREATED", "DOING")) | ((Order.state == "COMPLETED") & Order.settled_at.is_(None))
COUNTED = Order.state.in_(("CREATED", "DOING", "COMPLETED"))
