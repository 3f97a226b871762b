"""亲情代办: who may act for whom, in what, until when; and how a relative's deeds are told to the resident."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    LargeBinary,
    String,
    event,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, Session, mapped_column

from haihe.domain.helping import EndedBy
from haihe.storage.audit import HELPING, waiting_entries
from haihe.storage.db import db
from haihe.storage.notifications import notify

# The day by which "once a day" is counted is the resident's.
TIANJIN = ZoneInfo("Asia/Shanghai")


class Helping(db.Model):
    """An invitation, and what came of it. `resident_id` is who is helped; `helper_id` is who accepted.

    Of the invitation only keyed hashes are kept: of its code, and of the name of the relative it is meant for. An ended one
    stays as the proof that the consent had been given (个人信息保护法).
    """

    __tablename__ = "helpings"
    __table_args__ = (
        Index(
            "uq_helpings_in_force",
            "resident_id",
            "helper_id",
            unique=True,
            postgresql_where=text("ended_at IS NULL AND accepted_at IS NOT NULL"),
        ),
        CheckConstraint("(helper_id IS NULL) = (accepted_at IS NULL)", name="accepted_by_somebody"),
        CheckConstraint("helper_id <> resident_id", name="helped_by_another"),
        CheckConstraint("(ended_at IS NULL) = (ended_by IS NULL)", name="ended_by_somebody"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    resident_id: Mapped[int] = mapped_column(ForeignKey("residents.id"), index=True)
    helper_id: Mapped[int | None] = mapped_column(ForeignKey("residents.id"), index=True)
    relation: Mapped[str] = mapped_column(String(16))
    scopes: Mapped[list[str]] = mapped_column(JSONB)
    text_version: Mapped[str] = mapped_column(String(32))
    text_sha256: Mapped[bytes] = mapped_column(LargeBinary)
    name_index: Mapped[bytes] = mapped_column(LargeBinary)
    code_index: Mapped[bytes] = mapped_column(LargeBinary, index=True)
    given_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    code_expires_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    accepted_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    expires_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    ended_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    ended_by: Mapped[str | None] = mapped_column(String(16))


def end_helpings_of(resident_id: int, at: datetime, also_as_helper: bool = False) -> None:
    """End everything that this resident has given, and on request what was given to them; call inside the deed's
    transaction."""
    whose = Helping.resident_id == resident_id
    if also_as_helper:
        whose = or_(whose, Helping.helper_id == resident_id)
    db.session.execute(
        update(Helping)
        .where(whose, Helping.ended_at.is_(None))
        .values(ended_at=at, ended_by=EndedBy.LEFT)
        .execution_options(synchronize_session=False)
    )


@event.listens_for(Session, "before_commit", insert=True)
def _tell_who_is_helped(session: Session) -> None:
    """Whatever a relative has done is told to whom it was done for, in the transaction in which it is done.

    The same deed on the same thing is told once a day: a code on a screen is drawn anew every minute.
    """
    for entry in waiting_entries(session):
        helping_id = entry["detail"].get(HELPING)
        if helping_id is None:
            continue
        deed, subject, at = entry["deed"], entry["subject"], entry["at"]
        helped = session.execute(select(Helping.resident_id).where(Helping.id == helping_id)).scalar_one()
        about = f"help.{helping_id}.{deed}.{subject}.{at.astimezone(TIANJIN):%Y%m%d}"
        parts = {"helping": helping_id, "deed": deed, "subject": subject}
        if "scenario" in entry["detail"]:
            about += f".{entry['detail']['scenario']}"
            parts["scenario"] = entry["detail"]["scenario"]
        notify(helped, about, "HELPER_DID", parts, at)
