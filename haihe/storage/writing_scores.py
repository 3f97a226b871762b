"""Scores and ledger entries by the thousand: each is one statement over arrays, whatever the number of rows."""

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
JSONB = "jsonb"


def store_scores(rows: Sequence[Mapping[str, Any]]) -> None:
    """Each resident's score in the place of the one that was stored, if any."""
    _store(_REPLACE_SCORES, SCORES, rows)


def store_entries(rows: Sequence[Mapping[str, Any]]) -> None:
    """Ledger entries, numbered in the order in which they come."""
    _store(_ADD_ENTRIES, ENTRIES, rows)


def _insert(table: str, types: Mapping[str, str]) -> str:
    names = ", ".join(types)
    # An array of jsonb would have to be written as JSON within an array literal; as texts they are cast one by one.
    arrays = ", ".join(f"CAST(:{n} AS {'text' if t == JSONB else t}[])" for n, t in types.items())
    values = ", ".join(f"CAST({n} AS jsonb)" if t == JSONB else n for n, t in types.items())
    return (
        f"INSERT INTO {table} ({names}) SELECT {values}"  # noqa: S608
        f" FROM unnest({arrays}) WITH ORDINALITY AS given({names}, place) ORDER BY place"
    )


_REPLACE_SCORES = text(
    f"{_insert('scores', SCORES)} ON CONFLICT (resident_id) DO UPDATE SET "
    + ", ".join(f"{n} = excluded.{n}" for n in SCORES if n != "resident_id")
)
_ADD_ENTRIES = text(_insert("ledger", ENTRIES))


def _store(statement: TextClause, types: Mapping[str, str], rows: Sequence[Mapping[str, Any]]) -> None:
    if not rows:
        return
    columns = {
        name: [orjson.dumps(r[name]).decode() for r in rows] if type_ == JSONB else [r[name] for r in rows]
        for name, type_ in types.items()
    }
    db.session.execute(statement, columns)
