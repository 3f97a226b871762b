"""申请材料: licences as pictures or PDF, kept sealed."""

from __future__ import annotations

import base64
import hashlib
from datetime import datetime

from sqlalchemy import select

from haihe.domain.errors import Conflict, NotFound
from haihe.domain.papers import LARGEST, read_paper
from haihe.storage.audit import write_audit
from haihe.storage.db import db, transaction
from haihe.storage.onboarding import DOCUMENT_PURPOSE, Document
from haihe.storage.partners import Merchant
from haihe.usecases.apply import CHANGEABLE
from haihe.usecases.context import Context

MOST_DOCUMENTS = 6


def add_document(ctx: Context, merchant_id: int, name: str, content: bytes, at: datetime, actor: str) -> int:
    """Keep a document with an application that is still open, and return its number."""
    paper = read_paper(name, content, LARGEST)
    sealed = ctx.vault.seal(base64.b64encode(content).decode(), DOCUMENT_PURPOSE)
    with transaction():
        merchant = db.session.get(Merchant, merchant_id, with_for_update=True, populate_existing=True)
        if merchant is None:
            raise NotFound("MERCHANT_NOT_FOUND", "没有这家商户")
        if merchant.state not in CHANGEABLE:
            raise Conflict("APPLICATION_DECIDED", "申请已有结论，不能再补充材料")
        if len(documents_of(merchant_id)) >= MOST_DOCUMENTS:
            raise Conflict("DOCUMENTS_TOO_MANY", f"材料最多 {MOST_DOCUMENTS} 份", "document")
        document = Document(
            merchant_id=merchant_id,
            name=paper.name,
            media_type=paper.media_type,
            size=len(content),
            sha256=hashlib.sha256(content).digest(),
            key_id=sealed.key_id,
            content_sealed=sealed.ciphertext,
            sent_at=at,
        )
        db.session.add(document)
        db.session.flush()
        write_audit(at, actor, "add_document", f"merchant:{merchant_id}", document=document.id)
        return document.id


def documents_of(merchant_id: int) -> list[Document]:
    """A merchant's documents, without opening them."""
    query = select(Document).where(Document.merchant_id == merchant_id).order_by(Document.id)
    return list(db.session.execute(query).scalars())


def open_document(
    ctx: Context, merchant_id: int, document_id: int, at: datetime, actor: str
) -> tuple[Document, bytes]:
    """A document and its content; that it was looked at is on the record."""
    with transaction():
        document = db.session.get(Document, document_id)
        if document is None or document.merchant_id != merchant_id:
            raise NotFound("DOCUMENT_NOT_FOUND", "没有这份材料")
        write_audit(at, actor, "open_document", f"merchant:{merchant_id}", document=document_id)
        content = ctx.vault.open(document.key_id, document.content_sealed, DOCUMENT_PURPOSE)
        db.session.expunge(document)
    return document, base64.b64decode(content)
