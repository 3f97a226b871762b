"""Revoking one access token before its time (RFC 7009). Every worker holds the few that were, with the configuration."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert as upsert

from haihe.domain.errors import TooOften
from haihe.storage.audit import write_audit
from haihe.storage.copies import next_generation
from haihe.storage.db import db, transaction
from haihe.storage.links import RevokedToken
from haihe.usecases.context import Context
from haihe.usecases.publish_rules import configuration_changed

# Each revocation makes every worker read its configuration anew; no client may keep them busy with that.
MOST_A_MINUTE = 30
MINUTE = timedelta(minutes=1)


def revoke_access_token(ctx: Context, client_id: str, jti: str, expires_at: datetime, at: datetime) -> None:
    """Refuse this token from the very next request on, in every worker; doing so again changes nothing.

    TooOften where the client has revoked a great many within a minute.
    """
    with transaction():
        db.session.execute(delete(RevokedToken).where(RevokedToken.expires_at <= at - MINUTE))
        lately = db.session.execute(
            select(func.count())
            .select_from(RevokedToken)
            .where(RevokedToken.client_id == client_id, RevokedToken.revoked_at > at - MINUTE)
        ).scalar_one()
        if lately >= MOST_A_MINUTE:
            raise TooOften("REVOCATIONS_TOO_OFTEN", "吊销过于频繁，请稍后再试", int(MINUTE.total_seconds()))
        made = db.session.execute(
            upsert(RevokedToken)
            .values(jti=jti, client_id=client_id, revoked_at=at, expires_at=expires_at)
            .on_conflict_do_nothing()
            .returning(RevokedToken.jti)
        ).first()
        if made is None:
            return
        write_audit(at, f"client:{client_id}", "revoke_access_token", client_id)
        number = next_generation()
    configuration_changed(ctx, number)
