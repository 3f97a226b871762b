"""对账单: one for each merchant and day, never altered once made, and which event of which order stands in which."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import BigInteger, Date, DateTime, ForeignKey, ForeignKeyConstraint, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from haihe.storage.db import db


class Statement(db.Model):
    """A day's statement as it was handed out: both files to the byte, their SHA-256 and their detached signatures.

    `change_fen` is by how much the merchant's orders came to more, or less, than the day before.
    """

    __tablename__ = "statements"

    merchant_id: Mapped[int] = mapped_column(ForeignKey("merchants.id"), primary_key=True)
    day: Mapped[date] = mapped_column(Date, primary_key=True)
    lines: Mapped[int]
    corrections: Mapped[int]
    change_fen: Mapped[int] = mapped_column(BigInteger)
    csv: Mapped[bytes] = mapped_column(LargeBinary)
    csv_sha256: Mapped[bytes] = mapped_column(LargeBinary)
    csv_jws: Mapped[str] = mapped_column(String(512))
    json: Mapped[bytes] = mapped_column(LargeBinary)
    json_sha256: Mapped[bytes] = mapped_column(LargeBinary)
    json_jws: Mapped[str] = mapped_column(String(512))
    made_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class StatementLine(db.Model):
    """An event of an order stands in one statement, once: the key sees to it."""

    __tablename__ = "statement_lines"
    __table_args__ = (
        ForeignKeyConstraint(
            ["order_id", "sequence"],
            ["order_events.order_id", "order_events.sequence"],
            name="fk_statement_lines_order_events",
        ),
        ForeignKeyConstraint(
            ["merchant_id", "day"],
            ["statements.merchant_id", "statements.day"],
            name="fk_statement_lines_statements",
        ),
    )

    order_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    sequence: Mapped[int] = mapped_column(primary_key=True)
    merchant_id: Mapped[int]
    day: Mapped[date] = mapped_column(Date)
    change_fen: Mapped[int]
