"""信用报告 as they were made: sealed, for thirty days. Whoever holds the code on the paper can ask whether it is genuine."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, DateTime, ForeignKey, Identity, Index, LargeBinary, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from haihe.storage.db import db

CONTENT_PURPOSE, PDF_PURPOSE = "report", "report_pdf"


class Report(db.Model):
    """One report. `content_sealed` is the canonical JSON that `jws` signs (RFC 7515, detached); `pdf_sealed` the paper,
    in base64. Of the code on the paper only the hash is kept beside them. `shares_summary` is the resident's choice."""

    __tablename__ = "reports"
    __table_args__ = (Index("ix_reports_resident_id", "resident_id", "id"),)

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    resident_id: Mapped[int] = mapped_column(ForeignKey("residents.id"))
    code_hash: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    key_id: Mapped[str] = mapped_column(String(32))
    content_sealed: Mapped[bytes] = mapped_column(LargeBinary)
    pdf_sealed: Mapped[bytes] = mapped_column(LargeBinary, deferred=True)
    pdf_sha256: Mapped[bytes] = mapped_column(LargeBinary)
    jws: Mapped[str] = mapped_column(Text)
    shares_summary: Mapped[bool]
    made_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    expires_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), index=True)
