"""导出: everything stored about a resident, as it is stored, for the resident (个人信息保护法 第四十五条).

Every table with a `resident_id` is in it by itself, so nothing can be forgotten when a table is added. Left out are only
hashes and ciphertexts, which say nothing; sealed texts are opened. Files (a report's paper, what was handed in with an
objection) are named here and fetched one by one.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import LargeBinary, Table, select

from haihe.storage.audit import write_audit
from haihe.storage.db import transaction
from haihe.storage.objections import ATTACHMENT_NAME_PURPOSE, MESSAGE_PURPOSE, REASON_PURPOSE
from haihe.storage.tables import db
from haihe.usecases.context import TIANJIN, Context

# What is sealed, and for which purpose: column → (name in the export, purpose).
SEALED = {
    ("residents", "id_number_sealed"): ("id_number", "id_number"),
    ("residents", "name_sealed"): ("name", "name"),
    ("objections", "reason_sealed"): ("reason", REASON_PURPOSE),
    ("objection_attachments", "name_sealed"): ("name", ATTACHMENT_NAME_PURPOSE),
    ("objection_messages", "text_sealed"): ("text", MESSAGE_PURPOSE),
    ("reports", "content_sealed"): ("content", "report"),
}
# Inner workings without a word about the person: which of our copies in Redis are to be renewed.
WITHOUT_CONTENT = {"stale_copies"}
THROUGH_RECORDS = "record_history"
# What somebody does for a relative is of both of them.
AS_HELPER = "helpings_as_helper"


def export_my_data(ctx: Context, resident_id: int, at: datetime) -> dict[str, list[dict[str, Any]]]:
    """Table by table, each a list of rows in the order in which they came; the export itself leaves a trace."""
    tables = db.metadata.tables
    with transaction():
        told = {"residents": _rows(ctx, tables["residents"], "id", resident_id)}
        for name in sorted(own_tables()):
            told[name] = _rows(ctx, tables[name], "resident_id", resident_id)
        told[THROUGH_RECORDS] = _history(ctx, resident_id)
        told[AS_HELPER] = _rows(ctx, tables["helpings"], "helper_id", resident_id)
        write_audit(at, f"resident:{resident_id}", "export_my_data", f"resident:{resident_id}")
    return told


def own_tables() -> set[str]:
    """The tables whose rows belong to a resident."""
    return {
        name for name, table in db.metadata.tables.items() if "resident_id" in table.columns
    } - WITHOUT_CONTENT


def _rows(ctx: Context, table: Table, key: str, value: int) -> list[dict[str, Any]]:
    found = db.session.execute(
        select(table).where(table.columns[key] == value).order_by(*table.primary_key.columns)
    ).mappings()
    return [_told(ctx, table, row) for row in found]


def _history(ctx: Context, resident_id: int) -> list[dict[str, Any]]:
    history, records = db.metadata.tables[THROUGH_RECORDS], db.metadata.tables["records"]
    found = db.session.execute(
        select(history)
        .join(records, records.columns.id == history.columns.record_id)
        .where(records.columns.resident_id == resident_id)
        .order_by(*history.primary_key.columns)
    ).mappings()
    return [_told(ctx, history, row) for row in found]


def _told(ctx: Context, table: Table, row: Mapping[Any, Any]) -> dict[str, Any]:
    told = {}
    for column in table.columns:
        sealed = SEALED.get((table.name, column.name))
        if sealed is not None:
            name, purpose = sealed
            told[name] = ctx.vault.open(row["key_id"], row[column.name], purpose)
        elif not isinstance(column.type, LargeBinary) and column.name != "key_id":
            told[str(column.name)] = _plain(row[column.name])
    return told


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(TIANJIN).isoformat(timespec="seconds")
    if isinstance(value, date):
        return value.isoformat()
    return str(value) if isinstance(value, Decimal) else value
