"""Records arriving by the thousand: each step is one statement over arrays, whatever the number of rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import NamedTuple

from sqlalchemy import text

from haihe.storage.db import db


class Stranger(NamedTuple):
    """A person stated for the first time, sealed."""

    blind_index: bytes
    id_type: str
    key_id: str
    number: bytes
    name: bytes
    birth_date: date


class Stated(NamedTuple):
    """A record as a source states it now; `state` is None where the source leaves it as it is."""

    record_no: str
    resident_id: int
    indicator: str
    occurred_on: date
    document_no: str | None
    issuer: str | None
    quantity: Decimal
    level: str | None
    severity: str | None
    valid_from: date | None
    valid_to: date | None
    state: str | None
    line_no: int


@dataclass(frozen=True, slots=True)
class Difference:
    """A stated record that is known otherwise: of another person, or in other words. `row` is its place in the list."""

    row: int
    record_id: int
    other_person: bool
    old_indicator: str
    old_state: str
    new_state: str


_TYPES = "text bigint text date text text numeric text text date date text int"
_STATED = (
    "unnest("
    + ", ".join(
        f"CAST(:{field} AS {kind}[])" for field, kind in zip(Stated._fields, _TYPES.split(), strict=True)
    )
    + f") WITH ORDINALITY AS s({', '.join(Stated._fields)}, n)"
)
_CONTENT = (
    "resident_id",
    "indicator",
    "occurred_on",
    "document_no",
    "issuer",
    "quantity",
    "level",
    "severity",
    "valid_from",
    "valid_to",
)

# A dispute ends when it is answered, not when a routine file comes in; withdrawal and repair hold at once.
# What went out of force only with its file is in force again once it is stated anew.
_NEW_STATE = """CASE WHEN s.state IS NULL AND r.undone_by IS NOT NULL THEN 'EFFECTIVE'
                     WHEN s.state IS NULL THEN r.state
                     WHEN s.state = 'EFFECTIVE' AND r.state = 'DISPUTED' THEN r.state
                     ELSE s.state END"""


def lock_source(code: str) -> None:
    """Let the files of one source go in one after another: of two versions of a record, one comes first."""
    db.session.execute(text("SELECT 1 FROM sources WHERE code = :code FOR NO KEY UPDATE"), {"code": code})


def residents_by_index(indexes: Sequence[bytes]) -> dict[bytes, int]:
    """Ids of those among these people who are known."""
    rows = db.session.execute(
        text(
            "SELECT r.id_number_index, r.id FROM unnest(CAST(:indexes AS bytea[])) AS s(index) "
            "JOIN residents r ON r.id_number_index = s.index"
        ),
        {"indexes": list(indexes)},
    )
    return {bytes(index): resident_id for index, resident_id in rows}


def sealed_names_of(ids: Sequence[int]) -> list[tuple[int, str, bytes]]:
    """Id, key and sealed name of these residents."""
    if not ids:
        return []
    rows = db.session.execute(
        text("SELECT id, key_id, name_sealed FROM residents WHERE id = ANY(:ids)"), {"ids": list(ids)}
    )
    return [(i, key_id, bytes(sealed)) for i, key_id, sealed in rows]


def add_residents(strangers: Sequence[Stranger], at: datetime) -> dict[bytes, int]:
    """Add these people; those whom somebody else has added meanwhile are left out.

    In the order of the index, so that two files with the same new people do not wait for each other in a ring.
    """
    if not strangers:
        return {}
    indexes, id_types, key_ids, numbers, names, births = zip(
        *sorted(strangers, key=lambda s: s.blind_index), strict=True
    )
    rows = db.session.execute(
        text(
            "INSERT INTO residents"
            " (id_number_index, id_type, key_id, id_number_sealed, name_sealed, birth_date, created_at)"
            " SELECT s.*, :at FROM unnest(CAST(:indexes AS bytea[]), CAST(:id_types AS text[]),"
            " CAST(:key_ids AS text[]), CAST(:numbers AS bytea[]), CAST(:names AS bytea[]),"
            " CAST(:births AS date[])) AS s"
            " ON CONFLICT (id_number_index) DO NOTHING RETURNING id_number_index, id"
        ),
        {
            "indexes": list(indexes),
            "id_types": list(id_types),
            "key_ids": list(key_ids),
            "numbers": list(numbers),
            "names": list(names),
            "births": list(births),
            "at": at,
        },
    )
    return {bytes(index): resident_id for index, resident_id in rows}


def joined_among(ids: Sequence[int]) -> set[int]:
    """Those of these residents whose consent to join is in force."""
    rows = db.session.execute(
        text(
            "SELECT resident_id FROM consents"
            " WHERE resident_id = ANY(:ids) AND purpose = 'JOIN' AND withdrawn_at IS NULL"
        ),
        {"ids": list(ids)},
    )
    return set(rows.scalars())


def known_among(source: str, record_nos: Sequence[str]) -> set[str]:
    """Which of these record numbers the source has used before."""
    rows = db.session.execute(
        text(
            "SELECT r.record_no FROM unnest(CAST(:record_nos AS text[])) AS s(record_no)"
            " JOIN records r ON r.source = :source AND r.record_no = s.record_no"
        ),
        {"source": source, "record_nos": _array(record_nos)},
    )
    return set(rows.scalars())


def differences_among(source: str, stated: Sequence[Stated]) -> list[Difference]:
    """Which of these records, all of them known, are known otherwise."""
    if not stated:
        return []
    same = " AND ".join(f"r.{c} IS NOT DISTINCT FROM s.{c}" for c in _CONTENT)
    rows = db.session.execute(
        text(
            f"SELECT s.n - 1, r.id, r.resident_id <> s.resident_id, r.indicator, r.state, {_NEW_STATE}"  # noqa: S608
            f" FROM {_STATED} JOIN records r ON r.source = :source AND r.record_no = s.record_no"
            f" WHERE NOT ({same} AND {_NEW_STATE} = r.state)"
        ),
        {"source": source, **_arrays(stated)},
    )
    return [Difference(*row) for row in rows]


def add_records(source: str, import_id: int, stated: Sequence[Stated], at: datetime) -> dict[str, int]:
    """Store records that are new; returns their ids by record_no."""
    if not stated:
        return {}
    rows = db.session.execute(
        text(
            "INSERT INTO records (source, import_id, received_at, record_no, resident_id, indicator, occurred_on,"  # noqa: S608
            " document_no, issuer, quantity, level, severity, valid_from, valid_to, state, line_no)"
            " SELECT :source, :import_id, :at, s.record_no, s.resident_id, s.indicator, s.occurred_on,"
            " s.document_no, s.issuer, s.quantity, s.level, s.severity, s.valid_from, s.valid_to,"
            f" COALESCE(s.state, 'EFFECTIVE'), s.line_no FROM {_STATED} RETURNING record_no, id"
        ),
        {"source": source, "import_id": import_id, "at": at, **_arrays(stated)},
    )
    return {row.record_no: row.id for row in rows}


def change_records(import_id: int, changes: Sequence[tuple[int, Stated]], at: datetime) -> None:
    """Store the next version of these records (by id); what each was until now goes into the history."""
    if not changes:
        return
    ids = [record_id for record_id, _stated in changes]
    db.session.execute(
        text(
            "INSERT INTO record_history (record_id, version, fields, replaced_at)"
            " SELECT r.id, r.version, to_jsonb(r) - 'id' - 'version', :at FROM records r WHERE r.id = ANY(:ids)"
        ),
        {"ids": ids, "at": at},
    )
    sets = ", ".join(f"{c} = s.{c}" for c in _CONTENT)
    db.session.execute(
        text(
            f"UPDATE records r SET {sets}, state = {_NEW_STATE}, version = r.version + 1,"  # noqa: S608
            " undone_by = NULL, import_id = :import_id, line_no = s.line_no, received_at = :at"
            f" FROM {_STATED} JOIN unnest(CAST(:ids AS bigint[])) WITH ORDINALITY AS i(id, n) USING (n)"
            " WHERE r.id = i.id"
        ),
        {"ids": _array(ids), "import_id": import_id, "at": at, **_arrays([s for _id, s in changes])},
    )


def _arrays(stated: Sequence[Stated]) -> dict[str, str]:
    return {
        name: _array(column) for name, column in zip(Stated._fields, zip(*stated, strict=True), strict=True)
    }


def _array(values: Iterable[object]) -> str:
    """PostgreSQL's own way to write an array; several times faster than having the driver look at each element."""
    return "{" + ",".join([_element(value) for value in values]) + "}"


def _element(value: object) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return str(value)
