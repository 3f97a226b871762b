"""异议材料: pictures and PDF that go with an objection, sealed; only its filer and the objection officers open them."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select

from haihe.domain.errors import Conflict, NotFound
from haihe.domain.objections import ObjectionState
from haihe.domain.papers import Paper
from haihe.storage.audit import write_audit
from haihe.storage.db import db, transaction
from haihe.storage.objections import ATTACHMENT_NAME_PURPOSE, ATTACHMENT_PURPOSE, Attachment, Objection
from haihe.usecases.context import Context

MOST_ATTACHMENTS = 6
# A photograph from a phone as it is taken.
LARGEST_ATTACHMENT = 8 << 20


def attach(ctx: Context, objection: Objection, papers: Sequence[Paper], at: datetime) -> None:
    """Keep these files with an objection, in the transaction of its filing."""
    if len(objection.attachments) + len(papers) > MOST_ATTACHMENTS:
        raise Conflict("DOCUMENTS_TOO_MANY", f"每项异议最多 {MOST_ATTACHMENTS} 份材料", "document")
    for paper in papers:
        content = ctx.vault.seal(base64.b64encode(paper.content).decode(), ATTACHMENT_PURPOSE)
        objection.attachments.append(
            Attachment(
                resident_id=objection.resident_id,
                key_id=content.key_id,
                name_sealed=ctx.vault.seal(paper.name, ATTACHMENT_NAME_PURPOSE).ciphertext,
                media_type=paper.media_type,
                size=len(paper.content),
                sha256=hashlib.sha256(paper.content).digest(),
                content_sealed=content.ciphertext,
                sent_at=at,
            )
        )
    db.session.flush()


def add_attachment(ctx: Context, resident_id: int, objection_id: int, paper: Paper, at: datetime) -> None:
    """One file more for an open objection of one's own."""
    with transaction():
        objection = _own_open(resident_id, objection_id)
        attach(ctx, objection, [paper], at)
        write_audit(at, f"resident:{resident_id}", "add_attachment", f"objection:{objection_id}")


def remove_attachment(resident_id: int, objection_id: int, attachment_id: int, at: datetime) -> None:
    """Take a file away again while nobody has answered yet."""
    with transaction():
        objection = _own_open(resident_id, objection_id)
        objection.attachments.remove(find_attachment(objection.attachments, attachment_id))
        write_audit(at, f"resident:{resident_id}", "remove_attachment", f"objection:{objection_id}")


def open_own_attachment(
    ctx: Context, resident_id: int, objection_id: int, attachment_id: int, at: datetime
) -> Paper:
    """What one handed in oneself."""
    with transaction():
        attachment = find_attachment(_own(resident_id, objection_id).attachments, attachment_id)
        write_audit(at, f"resident:{resident_id}", "open_attachment", f"objection:{objection_id}")
        return opened(ctx, attachment)


def find_attachment(attachments: Sequence[Attachment], attachment_id: int) -> Attachment:
    """The file of this number among these."""
    for one in attachments:
        if one.id == attachment_id:
            return one
    raise NotFound("DOCUMENT_NOT_FOUND", "没有这份材料")


def opened(ctx: Context, attachment: Attachment) -> Paper:
    """A file with its content."""
    return Paper(
        name=ctx.vault.open(attachment.key_id, attachment.name_sealed, ATTACHMENT_NAME_PURPOSE),
        media_type=attachment.media_type,
        content=base64.b64decode(
            ctx.vault.open(attachment.key_id, attachment.content_sealed, ATTACHMENT_PURPOSE)
        ),
    )


def _own(resident_id: int, objection_id: int) -> Objection:
    objection = db.session.execute(
        select(Objection)
        .where(Objection.id == objection_id, Objection.resident_id == resident_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).scalar_one_or_none()
    if objection is None:
        raise NotFound("OBJECTION_NOT_FOUND", "没有找到这项异议")
    return objection


def _own_open(resident_id: int, objection_id: int) -> Objection:
    objection = _own(resident_id, objection_id)
    if objection.state != ObjectionState.OPEN:
        raise Conflict("OBJECTION_ANSWERED", "这项异议已经办结，不能再改动材料")
    return objection
