"""审计: who did what to whom or what, in a chain that cannot be altered without its showing.

Entries are written at the very end of the deed's own transaction, so that the lock on the end of a chain is held for a
moment only and always taken last. There are several chains side by side (lanes); each entry carries the hash of the one
before it in its lane, and the database computes the hash itself, so what is hashed is what is stored.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import (
    BigInteger,
    DateTime,
    Identity,
    Index,
    LargeBinary,
    SmallInteger,
    String,
    UniqueConstraint,
    event,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, Session, mapped_column

from haihe.storage.db import db

LANES = 32
# What the security administrators look at: somebody did not get in, or not through a door.
REFUSALS = "deed IN ('staff_log_in_failed', 'staff_refused', 'change_password_failed')"
WAITING = "audit_entries"
HAND = "audit_hand"
HELPING = "helping"


class AuditEntry(db.Model):
    """One deed. `hash` is over `previous` and everything else in the row; `place` counts from 1 in each lane."""

    __tablename__ = "audit"
    __table_args__ = (
        UniqueConstraint("lane", "place"),
        Index(
            "ix_audit_refusals",
            "id",
            postgresql_where=text(REFUSALS),
        ),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    at: Mapped[datetime] = mapped_column(DateTime(timezone=True), index=True)
    actor: Mapped[str] = mapped_column(String(96), index=True)
    deed: Mapped[str] = mapped_column(String(64))
    subject: Mapped[str] = mapped_column(String(96), index=True)
    detail: Mapped[dict[str, Any]] = mapped_column(JSONB)
    lane: Mapped[int] = mapped_column(SmallInteger)
    place: Mapped[int] = mapped_column(BigInteger)
    previous: Mapped[bytes] = mapped_column(LargeBinary)
    hash: Mapped[bytes] = mapped_column(LargeBinary)


class AuditHead(db.Model):
    """The end of a lane: how many entries it has, and the hash of the last."""

    __tablename__ = "audit_heads"

    lane: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    place: Mapped[int] = mapped_column(BigInteger)
    hash: Mapped[bytes] = mapped_column(LargeBinary)


@dataclass(frozen=True, slots=True)
class Hand:
    """亲情代办: while a relative acts for a resident, the trace of each deed bears the name of whoever did it (`actor`), and
    says for whom."""

    helping_id: int
    actor: str
    acting_for: str


@dataclass(frozen=True, slots=True)
class Break:
    """Where a chain does not hold: the lane, the place, and what is wrong there."""

    lane: int
    place: int
    what: str


def write_audit(at: datetime, actor: str, deed: str, subject: str, **detail: Any) -> None:
    """Leave the trace of a deed; call it inside the deed's own transaction. Never put personal data into `detail`."""
    hand: Hand | None = db.session().info.get(HAND)
    if hand is not None and actor == hand.acting_for:
        actor = hand.actor
        detail = {**detail, HELPING: hand.helping_id, "for": hand.acting_for}
    entry = {"at": at, "actor": actor, "deed": deed, "subject": subject, "detail": detail}
    db.session().info.setdefault(WAITING, []).append(entry)


def act_by(hand: Hand | None) -> None:
    """From here on this session's deeds are done by that hand; None: by the residents themselves."""
    info = db.session().info
    if hand is None:
        info.pop(HAND, None)
    else:
        info[HAND] = hand


def waiting_entries(session: Session) -> list[dict[str, Any]]:
    """The traces that the transaction about to be committed will leave."""
    return list(session.info.get(WAITING, ()))


@event.listens_for(Session, "before_commit")
def _write_waiting(session: Session) -> None:
    """Write what is waiting, in the transaction that is about to be committed. One lane a transaction: no two of them can
    then wait for each other."""
    waiting = session.info.pop(WAITING, None)
    if not waiting:
        return
    session.flush()
    lane = zlib.crc32(waiting[0]["subject"].encode()) % LANES
    for entry in waiting:
        values = {**entry, "detail": orjson.dumps(entry["detail"]).decode(), "lane": lane}
        if session.execute(_APPEND, values).first() is None:
            session.execute(_BEGIN, {"lane": lane})
            session.execute(_APPEND, values)


@event.listens_for(Session, "after_soft_rollback")
def _forget_waiting(session: Session, _previous: object) -> None:
    """What was not done leaves no trace."""
    session.info.pop(WAITING, None)


_APPEND = text(
    "WITH said AS (SELECT CAST(:lane AS smallint) AS lane, CAST(:at AS timestamptz) AS at, CAST(:actor AS text) AS actor,"
    " CAST(:deed AS text) AS deed, CAST(:subject AS text) AS subject, CAST(:detail AS jsonb) AS detail),"
    " head AS (SELECT h.place + 1 AS place, h.hash AS previous FROM audit_heads h JOIN said USING (lane) FOR UPDATE OF h),"
    " added AS (INSERT INTO audit (at, actor, deed, subject, detail, lane, place, previous, hash)"
    " SELECT at, actor, deed, subject, detail, lane, place, previous,"
    " audit_hash(previous, lane, place, at, actor, deed, subject, detail) FROM said, head RETURNING lane, place, hash)"
    " UPDATE audit_heads h SET place = added.place, hash = added.hash FROM added"
    " WHERE h.lane = added.lane RETURNING h.place"
)
_BEGIN = text(
    "INSERT INTO audit_heads (lane, place, hash) VALUES (:lane, 0, sha256('')) ON CONFLICT (lane) DO NOTHING"
)
_BREAKS = text(
    "WITH chained AS (SELECT lane, place, previous, hash,"
    " audit_hash(previous, lane, place, at, actor, deed, subject, detail) AS computed,"
    # Where only the ends are looked at, the first entry of each is taken at its word about what came before it.
    " lag(hash, 1, CASE WHEN start = 0 THEN sha256('') ELSE previous END) OVER lanes AS before,"
    " lag(place, 1, start) OVER lanes AS place_before"
    " FROM audit LEFT JOIN (SELECT lane, greatest(place - CAST(:recent AS bigint), 0) AS start FROM audit_heads) s"
    " USING (lane) WHERE place > coalesce(start, 0) WINDOW lanes AS (PARTITION BY lane ORDER BY place))"
    " SELECT lane, place, CASE WHEN hash <> computed THEN 'CHANGED'"
    " WHEN place <> place_before + 1 THEN 'MISSING' ELSE 'UNCHAINED' END"
    " FROM chained WHERE hash <> computed OR place <> place_before + 1 OR previous <> before"
    " UNION ALL SELECT h.lane, h.place, 'CUT_OFF' FROM audit_heads h"
    " WHERE h.place > 0 AND NOT EXISTS (SELECT FROM audit a WHERE a.lane = h.lane AND a.place = h.place AND a.hash = h.hash)"
    " UNION ALL SELECT l.lane, m.place, 'BEYOND_END' FROM generate_series(0, :last_lane) AS l(lane)"
    " CROSS JOIN LATERAL (SELECT max(place) AS place FROM audit a WHERE a.lane = l.lane) m"
    " LEFT JOIN audit_heads h ON h.lane = l.lane WHERE m.place > coalesce(h.place, 0)"
    " ORDER BY 1, 2"
)


def find_breaks(recent: int = 2**62) -> list[Break]:
    """Every place at which a chain does not hold: changed, missing, unchained, or cut off at the end; only among the last
    so many entries of each lane where `recent` says so."""
    found = db.session.execute(_BREAKS, {"recent": recent, "last_lane": LANES - 1})
    return [Break(*row) for row in found]


def heads() -> dict[int, tuple[int, bytes]]:
    """The end of every lane: its place and hash. Kept elsewhere, they prove later that nothing before them was altered."""
    rows = db.session.execute(text("SELECT lane, place, hash FROM audit_heads ORDER BY lane"))
    return {lane: (place, bytes(hash_)) for lane, place, hash_ in rows}


def hash_at(lane: int, place: int) -> bytes | None:
    """The hash of one entry; None where there is none."""
    row = db.session.execute(
        text("SELECT hash FROM audit WHERE lane = :lane AND place = :place"), {"lane": lane, "place": place}
    ).first()
    return bytes(row.hash) if row else None
