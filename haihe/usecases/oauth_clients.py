"""OAuth clients: finding the one that shows its secret, and taking its credentials away."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import or_, select

from haihe.domain.errors import NotFound
from haihe.storage.audit import write_audit
from haihe.storage.copies import next_generation
from haihe.storage.db import db, transaction
from haihe.storage.partners import Merchant, OAuthClient
from haihe.usecases.context import Context
from haihe.usecases.publish_rules import configuration_changed


def find_client(client_id: str) -> OAuthClient | None:
    """A client that may have tokens now: not revoked, and its merchant, if it has one, not suspended."""
    if not client_id.isascii() or not client_id.isprintable():
        # PostgreSQL refuses some of these outright, and none was ever given out.
        return None
    return db.session.execute(
        select(OAuthClient)
        .outerjoin(Merchant, Merchant.id == OAuthClient.merchant_id)
        .where(
            OAuthClient.client_id == client_id,
            OAuthClient.revoked_at.is_(None),
            or_(OAuthClient.merchant_id.is_(None), Merchant.state == "ACTIVE"),
        )
        .execution_options(populate_existing=True)
    ).scalar_one_or_none()


def revoke_client(ctx: Context, client_id: str, at: datetime, actor: str) -> bool:
    """Take a client's credentials away: no new token, and those it holds are worth nothing on the very next request.

    False if that had been done before.
    """
    with transaction():
        client = db.session.get(OAuthClient, client_id, with_for_update=True)
        if client is None:
            raise NotFound("CLIENT_NOT_FOUND", f"没有客户端 {client_id}")
        if client.revoked_at is not None:
            return False
        client.revoked_at = at
        write_audit(at, actor, "revoke_client", client_id)
        number = next_generation()
    configuration_changed(ctx, number)
    return True


def clients_of(merchant_id: int) -> list[OAuthClient]:
    """A merchant's clients, the revoked ones too, the latest first."""
    query = (
        select(OAuthClient)
        .where(OAuthClient.merchant_id == merchant_id)
        .order_by(OAuthClient.created_at.desc())
    )
    return list(db.session.execute(query).scalars())


def revoke_client_of(ctx: Context, merchant_id: int, client_id: str, at: datetime, actor: str) -> None:
    """Revoke a client of this merchant; another merchant's is as good as none."""
    if not any(client.client_id == client_id for client in clients_of(merchant_id)):
        raise NotFound("CLIENT_NOT_FOUND", f"没有客户端 {client_id}", "client_id")
    revoke_client(ctx, client_id, at, actor)
