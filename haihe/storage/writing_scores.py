"""Scores and ledger entries by the thousand: each is one statement over one document, whatever the number of rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from sqlalchemy import TextClause, text

from haihe.storage.db import db

SCORES = {
    "resident_id": "bigint",
    "total": "integer",
    "grade": "text",
    "dimensions": "jsonb",
    "parts": "jsonb",
    "as_of": "date",
    "last_day": "date",
    "rulebook": "text",
    "computed_at": "timestamptz",
}
ENTRIES = {
    "resident_id": "bigint",
    "at": "timestamptz",
    "as_of": "date",
    "before": "integer",
    "after": "integer",
    "delta": "integer",
    "part": "text",
    "cause": "text",
    "record_ids": "jsonb",
    "rulebook": "text",
}


def store_scores(rows: Sequence[Mapping[str, Any]]) -> None:
    """Each resident's score in the place of the one that was stored, if any."""
    _store(_REPLACE_SCORES, rows)


def store_entries(rows: Sequence[Mapping[str, Any]]) -> None:
    """Ledger entries, numbered in the order in which they come."""
    _store(_ADD_ENTRIES, rows)


def _insert(table: str, types: Mapping[str, str]) -> str:
    names = ", ".join(types)
    # The order of the rows is that of the document, and the numbers of ledger entries follow it.
    columns = ", ".join(f"{name} {type_}" for name, type_ in types.items())
    return (
        f"INSERT INTO {table} ({names}) SELECT {names} FROM ROWS FROM"  # noqa: S608
        f" (json_to_recordset(CAST(:rows AS json)) AS ({columns})) WITH ORDINALITY AS given({names}, place)"
        f" ORDER BY place"
    )


_REPLACE_SCORES = text(
    f"{_insert('scores', SCORES)} ON CONFLICT (resident_id) DO UPDATE SET "
    + ", ".join(f"{n} = excluded.{n}" for n in SCORES if n != "resident_id")
)
_ADD_ENTRIES = text(_insert("ledger", ENTRIES))


def _store(statement: TextClause, rows: Sequence[Mapping[str, Any]]) -> None:
    if rows:
        db.session.execute(statement, {"rows": orjson.dumps(rows).decode()})
