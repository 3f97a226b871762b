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
    """

    __tablename__ = "decisions"
    __table_args__ = (
        Index("ix_decisions_resident_id", "resident_id", "at"),
        Index("ix_decisions_merchant_id", "merchant_id", "at"),
    )

    decision_id: Mapped[str] = mapped_column(String(40), primary_key=True)
    at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    merchant_id: Mapped[int] = mapped_column(ForeignKey("merchants.id"))
    resident_id: Mapped[int | None] = mapped_column(ForeignKey("residents.id"))
    pass_hash: Mapped[bytes | None] = mapped_column(LargeBinary)
    scenario: Mapped[str] = mapped_column(String(16))
    revision: Mapped[int]
    rulebook: Mapped[str] = mapped_column(String(32))
    code: Mapped[str] = mapped_column(String(24))
    offer: Mapped[int | None]
    facts: Mapped[bytes | None] = mapped_column(LargeBinary)


class Order(db.Model):
    """订单: a benefit in use. `out_order_no` is the merchant's own number and makes opening it safe to repeat.

    `benefit` is what was granted, {"label", "ceiling_fen"}: later revisions of the scenario do not change it.
    """

    __tablename__ = "orders"
    __table_args__ = (
        UniqueConstraint("merchant_id", "out_order_no"),
        CheckConstraint("state IN ('CREATED','DOING','COMPLETED','REVOKED','EXPIRED')", name="state"),
        Index("ix_orders_resident_id", "resident_id", "state"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    merchant_id: Mapped[int] = mapped_column(ForeignKey("merchants.id"))
    out_order_no: Mapped[str] = mapped_column(String(32))
    decision_id: Mapped[str] = mapped_column(String(40), unique=True)
    resident_id: Mapped[int] = mapped_column(ForeignKey("residents.id"))
    scenario: Mapped[str] = mapped_column(String(16))
    revision: Mapped[int]
    benefit: Mapped[dict[str, Any]] = mapped_column(JSONB)
    state: Mapped[str] = mapped_column(String(16))
    opened_on: Mapped[date]
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    ended_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
