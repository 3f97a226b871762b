"""整份撤回: a file that should not have come is undone, and everything that it changed is as if it never had."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    String,
    func,
    select,
    text,
    update,
)
from sqlalchemy.orm import Mapped, mapped_column

from haihe.storage.db import db
from haihe.storage.records import Import, RecordRow, Source

IN_FORCE = ("APPROVED", "DONE")


class FileWithdrawal(db.Model):
    """One file to be undone: who began it and why, who decided, and how far it has come (`last_record_id`)."""

    __tablename__ = "file_withdrawals"
    __table_args__ = (
        CheckConstraint("state IN ('WAITING','REFUSED','APPROVED','DONE')", name="state"),
        Index(
            "uq_file_withdrawals_open",
            "import_id",
            unique=True,
            postgresql_where=text("state IN ('WAITING', 'APPROVED', 'DONE')"),
        ),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    import_id: Mapped[int] = mapped_column(ForeignKey("imports.id"))
    reason: Mapped[str] = mapped_column(String(400))
    begun_by: Mapped[str] = mapped_column(String(96))
    begun_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    state: Mapped[str] = mapped_column(String(16), default="WAITING")
    decided_by: Mapped[str | None] = mapped_column(String(96))
    decided_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    decision: Mapped[str | None] = mapped_column(String(400))
    records: Mapped[int] = mapped_column(default=0)
    last_record_id: Mapped[int] = mapped_column(BigInteger, default=0)
    withdrawn: Mapped[int] = mapped_column(default=0)
    restored: Mapped[int] = mapped_column(default=0)
    moved: Mapped[int] = mapped_column(default=0)
    done_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


@dataclass(frozen=True, slots=True)
class Undone:
    """A record of the file: whose, and the indicators that it bears on, before and after."""

    record_id: int
    resident_id: int
    before: str
    after: str
    restored: bool


def withdrawn_file(import_id: int) -> FileWithdrawal | None:
    """The withdrawal of a file that has been approved."""
    query = select(FileWithdrawal).where(
        FileWithdrawal.import_id == import_id, FileWithdrawal.state.in_(IN_FORCE)
    )
    return db.session.execute(query).scalar_one_or_none()


def lock_withdrawal(withdrawal_id: int) -> FileWithdrawal | None:
    """A withdrawal, locked for the rest of the transaction."""
    return db.session.get(FileWithdrawal, withdrawal_id, with_for_update=True, populate_existing=True)


def next_of_file(import_id: int, after: int, most: int) -> list[tuple[int, int]]:
    """The next records that stand as this file stated them: id and resident."""
    query = (
        select(RecordRow.id, RecordRow.resident_id)
        .where(RecordRow.import_id == import_id, RecordRow.id > after)
        .order_by(RecordRow.id)
        .limit(most)
    )
    return [(i, r) for i, r in db.session.execute(query)]


def count_of_file(import_id: int) -> int:
    """How many records stand as this file stated them."""
    return db.session.execute(
        select(func.count()).select_from(RecordRow).where(RecordRow.import_id == import_id)
    ).scalar_one()


# The last version of each record that came neither from this file nor from another that has been withdrawn.
_PRIOR = """prior AS (
    SELECT DISTINCT ON (h.record_id) h.record_id, p.*
    FROM record_history h, LATERAL jsonb_populate_record(NULL::records, h.fields - 'id' - 'version') p
    WHERE h.record_id = ANY(:ids) AND h.fields ? 'import_id' AND p.import_id IS DISTINCT FROM :import_id
    AND NOT EXISTS (SELECT FROM file_withdrawals w WHERE w.import_id = p.import_id AND w.state IN ('APPROVED', 'DONE'))
    ORDER BY h.record_id, h.version DESC)"""
# What an officer has answered to a resident stays as it was answered, and what went out of force for a reason of its own
# is not brought back by what follows.
_TO_UNDO = f"""WITH {_PRIOR} SELECT r.id FROM records r LEFT JOIN prior ON prior.record_id = r.id WHERE r.id = ANY(:ids)
    AND CASE WHEN prior.record_id IS NULL THEN r.state IN ('EFFECTIVE', 'DISPUTED') ELSE NOT EXISTS (
        SELECT FROM objections o WHERE o.record_id = r.id AND o.state IN ('REMOVED', 'CORRECTED')) END"""  # noqa: S608
_CONTENT = (
    "indicator",
    "occurred_on",
    "document_no",
    "issuer",
    "quantity",
    "level",
    "severity",
    "valid_from",
    "valid_to",
    "import_id",
    "line_no",
)


def undo_records(withdrawal: FileWithdrawal, ids: Sequence[int], at: datetime) -> list[Undone]:
    """Put these records of the file back to what they were before it, or out of force where they were nothing; what each
    was until now goes into the history. An open objection stays open only where there is something left to object to."""
    named = {"ids": list(ids), "import_id": withdrawal.import_id, "at": at, "withdrawal": withdrawal.id}
    named["ids"] = ids = list(db.session.execute(text(_TO_UNDO), named).scalars())
    before = {
        i: (resident_id, indicator)
        for i, resident_id, indicator in db.session.execute(
            text("SELECT id, resident_id, indicator FROM records WHERE id = ANY(:ids)"), named
        )
    }
    db.session.execute(
        text(
            "INSERT INTO record_history (record_id, version, fields, replaced_at)"
            " SELECT r.id, r.version, to_jsonb(r) - 'id' - 'version', :at FROM records r WHERE r.id = ANY(:ids)"
        ),
        named,
    )
    sets = ", ".join(f"{c} = prior.{c}" for c in _CONTENT)
    rows = db.session.execute(
        text(
            f"WITH {_PRIOR} UPDATE records r SET {sets}, version = r.version + 1, received_at = :at,"  # noqa: S608
            " state = CASE WHEN r.state = 'DISPUTED' THEN r.state WHEN prior.state = 'DISPUTED' THEN 'EFFECTIVE'"
            " ELSE prior.state END FROM prior WHERE r.id = prior.record_id RETURNING r.id, r.indicator"
        ),
        named,
    )
    restored = dict(rows.all())
    named["ids"] = [i for i in ids if i not in restored]
    db.session.execute(
        text(
            "UPDATE records SET state = 'WITHDRAWN', undone_by = :withdrawal, version = version + 1, received_at = :at"
            " WHERE id = ANY(:ids)"
        ),
        named,
    )
    db.session.execute(
        text(
            "UPDATE objections SET state = 'REMOVED', answered_by = :by, answered_at = :at, answer = :answer"
            " WHERE record_id = ANY(:ids) AND state = 'OPEN'"
        ),
        {
            **named,
            "by": (withdrawal.decided_by or "").removeprefix("staff:")[:64],
            "answer": "来源部门报送的这份文件有误，已整份撤回，您所异议的记录随之撤销，不再计分。",
        },
    )
    return [
        Undone(i, resident_id, indicator, restored.get(i, indicator), i in restored)
        for i, (resident_id, indicator) in before.items()
    ]


def forget_as_latest(import_id: int, source: str) -> None:
    """A file that is withdrawn does not make its source's data fresh."""
    latest = (
        select(func.max(Import.finished_at))
        .where(Import.source == source, Import.id != import_id)
        .where(Import.id.not_in(select(FileWithdrawal.import_id).where(FileWithdrawal.state.in_(IN_FORCE))))
        .scalar_subquery()
    )
    db.session.execute(
        update(Source)
        .where(Source.code == source)
        .values(last_import_at=latest)
        .execution_options(synchronize_session=False)
    )
