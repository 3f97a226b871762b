"""What may be shown once only: the jti of a client assertion (RFC 7523) or of a DPoP proof (RFC 9449), a way in to a page.

PostgreSQL decides, by its primary key: of two that come at once, in whatever workers, one is the first. Redis is not
asked, for it may be lost, and a lost memory would let everything be shown again.
"""

from __future__ import annotations

import hashlib
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert as upsert

from haihe.storage.db import db, transaction
from haihe.storage.links import SeenOnce

# Each newcomer takes a few of those away that have run out, so that the table stays as small as what is in use.
SWEPT = 4


def first_time(kind: str, whose: str, name: str, until: datetime, at: datetime) -> bool:
    """Is this shown for the first time? It is remembered until then; afterwards it must be refused as too old."""
    digest = hashlib.sha256("\0".join((kind, whose, name)).encode()).digest()
    over = (
        select(SeenOnce.digest).where(SeenOnce.expires_at < at).limit(SWEPT).with_for_update(skip_locked=True)
    )
    with transaction():
        db.session.execute(
            delete(SeenOnce)
            .where(SeenOnce.digest.in_(over.scalar_subquery()))
            .execution_options(synchronize_session=False)
        )
        made = db.session.execute(
            upsert(SeenOnce)
            .values(digest=digest, expires_at=until)
            .on_conflict_do_nothing()
            .returning(SeenOnce.digest)
        ).first()
    return made is not None
