"""Pushed authorization requests (RFC 9126): what a client asks for is handed in beforehand, and fetched once by its name."""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime, timedelta

from sqlalchemy import delete

from haihe.storage.db import db, transaction
from haihe.storage.links import PushedRequest

PREFIX = "urn:ietf:params:oauth:request_uri:"
LIVES = timedelta(seconds=60)
Parameters = list[tuple[str, str]]


def push_request(client_id: str, parameters: Parameters, at: datetime) -> str:
    """Keep the request for a minute; returns its request_uri, which nobody can guess."""
    reference = secrets.token_urlsafe(32)
    with transaction():
        db.session.execute(delete(PushedRequest).where(PushedRequest.expires_at <= at))
        db.session.add(
            PushedRequest(
                reference_sha256=_hash(reference),
                client_id=client_id,
                parameters=[list(pair) for pair in parameters],
                expires_at=at + LIVES,
            )
        )
    return PREFIX + reference


def take_pushed_request(client_id: str, request_uri: str, at: datetime) -> Parameters | None:
    """What this client pushed under this name; None if there is none, or it has been fetched or has run out."""
    with transaction():
        taken = db.session.execute(
            delete(PushedRequest)
            .where(
                PushedRequest.reference_sha256 == _hash(request_uri.removeprefix(PREFIX)),
                PushedRequest.client_id == client_id,
                PushedRequest.expires_at > at,
            )
            .returning(PushedRequest.parameters)
        ).scalar()
    return None if taken is None else [(name, value) for name, value in taken]


def _hash(reference: str) -> bytes:
    return hashlib.sha256(reference.encode()).digest()
