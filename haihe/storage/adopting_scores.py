"""Scores that were computed for everybody at once, taken over many thousands at a time: laid beside the tables, compared, applied.

What is laid out lies in temporary tables of the session and is gone with the transaction. Every function here is one
step of that transaction, whatever the number of residents.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import text

from haihe.storage.db import db

# A resident's new score beside what tells that nothing has happened since the old one was read: their version, and when
# the stored score had been computed. No total: nobody is counted any more, and the stored score goes.
CHANGED = (
    "resident_id bigint, version bigint, held_at timestamptz, moved boolean,"
    " total integer, grade text, dimensions jsonb, parts jsonb, last_day date"
)
# Ledger entries in their order; the names of parts and causes are numbered from one.
MOVES = "resident_id bigint, part smallint, cause smallint, before integer, delta integer"

# Each of these rows is found by its key. The planner knows nothing of tables that have just been filled, and reading
# fourteen million residents to find some thousands would be its mistake.
BY_KEY = (
    "SET LOCAL enable_hashjoin = off",
    "SET LOCAL enable_mergejoin = off",
    "SET LOCAL enable_seqscan = off",
)

LOCK = text(
    # Not for update: whoever only refers to the resident, as a new decision does, need not wait.
    "SELECT count(*) FROM (SELECT r.id FROM residents r WHERE r.id = ANY(ARRAY(SELECT resident_id FROM changed))"
    " ORDER BY r.id FOR NO KEY UPDATE) locked"
)
OVERTAKEN = text(
    "DELETE FROM changed c WHERE NOT EXISTS"
    " (SELECT FROM residents r WHERE r.id = c.resident_id AND r.version = c.version)"
    " OR c.held_at IS DISTINCT FROM (SELECT s.computed_at FROM scores s WHERE s.resident_id = c.resident_id)"
    " RETURNING c.resident_id"
)
REPLACE = text(
    "INSERT INTO scores AS s"
    " (resident_id, total, grade, dimensions, parts, as_of, last_day, rulebook, computed_at)"
    " SELECT resident_id, total, grade, dimensions, parts, :on, last_day, :rulebook, :at"
    " FROM changed WHERE total IS NOT NULL"
    " ON CONFLICT (resident_id) DO UPDATE SET total = excluded.total, grade = excluded.grade,"
    " dimensions = excluded.dimensions, parts = excluded.parts, as_of = excluded.as_of,"
    " last_day = excluded.last_day, rulebook = excluded.rulebook, computed_at = excluded.computed_at"
)
REMOVE = text(
    "DELETE FROM scores WHERE resident_id = ANY(ARRAY(SELECT resident_id FROM changed WHERE total IS NULL))"
)
ENTER = text(
    "INSERT INTO ledger (resident_id, at, as_of, before, after, delta, part, cause, record_ids, rulebook)"
    " SELECT resident_id, :at, :on, before, before + delta, delta, (CAST(:parts AS text[]))[part],"
    " (CAST(:causes AS text[]))[cause], '[]', :rulebook FROM moves"
)


def lay_out(changed: bytes, moves: bytes) -> None:
    """Bring new scores (CSV, the columns of CHANGED) and ledger entries (binary, those of MOVES) to the database."""
    for statement in BY_KEY:
        db.session.execute(text(statement))
    for name, columns, form, rows in (
        ("changed", CHANGED, "csv", changed),
        ("moves", MOVES, "binary", moves),
    ):
        db.session.execute(text(f"CREATE TEMPORARY TABLE {name} ({columns}) ON COMMIT DROP"))
        _copy(f"COPY {name} FROM STDIN (FORMAT {form})", rows)


def lock_and_leave_out_overtaken() -> list[int]:
    """Lock the residents, in order; leave out, and return, whoever is not as they were when the scores were read."""
    db.session.execute(LOCK)
    # Another statement, so that it sees what was committed while the first one waited.
    overtaken = sorted(db.session.execute(OVERTAKEN).scalars())
    if overtaken:
        db.session.execute(text("DELETE FROM moves WHERE resident_id = ANY(:ids)"), {"ids": overtaken})
    return overtaken


def apply(on: date, rulebook: str, at: datetime, parts: Sequence[str], causes: Sequence[str]) -> int:
    """Store what was laid out: the scores and their entries. Returns how many totals moved."""
    all_alike: dict[str, Any] = {"on": on, "rulebook": rulebook, "at": at}
    db.session.execute(ENTER, all_alike | {"parts": list(parts), "causes": list(causes)})
    db.session.execute(REPLACE, all_alike)
    db.session.execute(REMOVE)
    moved: int = db.session.execute(text("SELECT count(*) FROM changed WHERE moved")).scalar_one()
    return moved


def _copy(statement: str, rows: bytes) -> None:
    connection: Any = db.session.connection().connection.dbapi_connection
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        copy.write(rows)
