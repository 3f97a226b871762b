"""A change to a resident's records changes the points, and the ledger says why."""

import itertools

from sqlalchemy import select

from haihe.storage.db import db
from haihe.storage.scores import LedgerEntry, ScoreRow
from haihe.usecases.context import Context
from tests.builders import Builders


def ledger(resident_id: int) -> list[LedgerEntry]:
    return list(
        db.session.execute(
            select(LedgerEntry).where(LedgerEntry.resident_id == resident_id).order_by(LedgerEntry.id)
        ).scalars()
    )


def test_a_resident_who_joins_starts_at_five_hundred(ctx: Context, a: Builders) -> None:
    resident = a.resident()

    row = db.session.get_one(ScoreRow, resident)
    assert (row.total, row.grade) == (500, "G2")
    assert {e.cause for e in ledger(resident)} == {"CONSENT"}


def test_every_ledger_entry_begins_where_the_last_one_ended(ctx: Context, a: Builders) -> None:
    resident = a.resident()
    a.record(resident, "A01", level="L3")
    a.record(resident, "D01", quantity=20)
    a.record(resident, "B14", document_no="津市监罚〔2026〕1号")

    entries = ledger(resident)
    assert entries[0].before == 0
    assert all(later.before == earlier.after for earlier, later in itertools.pairwise(entries))
    assert entries[-1].after == db.session.get_one(ScoreRow, resident).total == 500 + 10 + 20 - 20
    assert (entries[-1].part, entries[-1].cause, entries[-1].delta) == ("B14", "NEW", -20)


def test_somebody_who_has_not_joined_has_no_points(ctx: Context, a: Builders) -> None:
    resident = a.resident(joined=False)
    a.record(resident, "D01", quantity=20)

    assert db.session.get(ScoreRow, resident) is None
    assert ledger(resident) == []
