"""What a resident is told without asking, and how far they have read.

Stored is only what is written nowhere else. A change of points is in the ledger, a question among the decisions, an answer
with its objection, a deed with its order: from there they are read, so that a rescore of fourteen million residents tells
all of them without writing a line for it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    BigInteger,
    CompoundSelect,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    String,
    cast,
    func,
    literal,
    select,
    tuple_,
    union_all,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Mapped, mapped_column

from haihe.domain.orders import Deed, OrderState
from haihe.storage.db import db
from haihe.storage.decisions import DecisionRow, Order
from haihe.storage.objections import Objection
from haihe.storage.orders import OrderEvent
from haihe.storage.scores import LedgerEntry

# Deeds of merchants and of time that a resident is told of; confirming, disputing and its answer are told otherwise.
TOLD_DEEDS = (Deed.START, Deed.LOWER, Deed.COMPLETE, Deed.SETTLE, Deed.CANCEL, Deed.EXPIRE)


class Notification(db.Model):
    """消息: `kind` says what it is about and `parts` are the words and figures that fill its text.

    `about` names the occasion; whoever tries to tell the same twice tells it once.
    """

    __tablename__ = "notifications"
    __table_args__ = (Index("ix_notifications_resident_id", "resident_id", "id"),)

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    resident_id: Mapped[int] = mapped_column(ForeignKey("residents.id"))
    about: Mapped[str] = mapped_column(String(96), unique=True)
    kind: Mapped[str] = mapped_column(String(32))
    parts: Mapped[dict[str, Any]] = mapped_column(JSONB)
    at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class Inbox(db.Model):
    """已读到哪里: everything told until then has been read."""

    __tablename__ = "inboxes"

    resident_id: Mapped[int] = mapped_column(ForeignKey("residents.id"), primary_key=True)
    read_until: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class Teller(StrEnum):
    """Where an occasion is written down."""

    NOTIFICATION = "n"
    DEED = "d"
    POINTS = "p"
    QUESTION = "q"
    OBJECTION = "o"


@dataclass(frozen=True, slots=True, order=True)
class Occasion:
    """Something a resident is told of: when, where it is written down, and under which key there."""

    at: datetime
    teller: str
    key: str


def notify(resident_id: int, about: str, kind: str, parts: Mapping[str, Any], at: datetime) -> None:
    """Tell a resident; call inside the transaction of what they are told of."""
    db.session.execute(
        upsert(Notification)
        .values(resident_id=resident_id, about=about, kind=kind, parts=dict(parts), at=at)
        .on_conflict_do_nothing(index_elements=[Notification.about])
    )


def notify_all(told: Sequence[tuple[int, str]], kind: str, parts: Mapping[str, Any], at: datetime) -> None:
    """Tell many residents the same: (resident, occasion) each."""
    if told:
        rows = [
            {"resident_id": resident_id, "about": about, "kind": kind, "parts": dict(parts), "at": at}
            for resident_id, about in told
        ]
        db.session.execute(
            upsert(Notification).values(rows).on_conflict_do_nothing(index_elements=[Notification.about])
        )


def occasions(resident_id: int, before: Occasion | None, most: int) -> list[Occasion]:
    """What this resident is told, newest first."""
    told = _occasions(resident_id).subquery()
    query = select(told.c.at, told.c.teller, told.c.key)
    if before is not None:
        query = query.where(
            tuple_(told.c.at, told.c.teller, told.c.key) < (before.at, before.teller, before.key)
        )
    newest = query.order_by(told.c.at.desc(), told.c.teller.desc(), told.c.key.desc()).limit(most)
    return [Occasion(*row) for row in db.session.execute(newest)]


def count_after(resident_id: int, moment: datetime | None) -> int:
    """How much this resident has been told since then, or ever."""
    told = _occasions(resident_id).subquery()
    query = select(func.count()).select_from(told)
    return db.session.execute(query if moment is None else query.where(told.c.at > moment)).scalar_one()


def read_until(resident_id: int) -> datetime | None:
    """Until when everything has been read; None where nothing ever was."""
    query = select(Inbox.read_until).where(Inbox.resident_id == resident_id)
    return db.session.execute(query).scalar_one_or_none()


def mark_read(resident_id: int, until: datetime) -> None:
    """Everything told until then has been read; never less than before."""
    statement = upsert(Inbox).values(resident_id=resident_id, read_until=until)
    db.session.execute(
        statement.on_conflict_do_update(
            index_elements=[Inbox.resident_id],
            set_={"read_until": func.greatest(Inbox.read_until, statement.excluded.read_until)},
        )
    )


def _occasions(resident_id: int) -> CompoundSelect[Any]:
    def told(teller: Teller, at: Any, key: Any) -> Any:
        # Compared and sorted byte by byte, whatever the language of the database.
        return select(
            at.label("at"), literal(str(teller)).label("teller"), cast(key, String).collate("C").label("key")
        )

    opened = (OrderEvent.what == Deed.OPEN) & (OrderEvent.state == OrderState.DOING)
    return union_all(
        told(Teller.NOTIFICATION, Notification.at, Notification.id).where(
            Notification.resident_id == resident_id
        ),
        told(
            Teller.DEED,
            OrderEvent.at,
            func.concat(OrderEvent.order_id, ".", func.lpad(cast(OrderEvent.sequence, String), 4, "0")),
        )
        .join(Order, Order.id == OrderEvent.order_id)
        .where(Order.resident_id == resident_id, opened | OrderEvent.what.in_(TOLD_DEEDS)),
        # One for each change of the total. The first score is no change: it begins at nought.
        told(Teller.POINTS, LedgerEntry.at, func.max(LedgerEntry.id))
        .where(LedgerEntry.resident_id == resident_id)
        .group_by(LedgerEntry.at)
        .having(func.sum(LedgerEntry.delta) != 0, func.bool_and(LedgerEntry.before != 0)),
        told(Teller.QUESTION, DecisionRow.at, DecisionRow.decision_id).where(
            DecisionRow.resident_id == resident_id
        ),
        told(Teller.OBJECTION, Objection.answered_at, Objection.id).where(
            Objection.resident_id == resident_id, Objection.answered_by.is_not(None)
        ),
    )
