"""报送的文件: what departments sent on the day the demo city began, so that a clerk finds files, and a line to put right.

Each department sends a few of its own records once more, through the same door as in life: nothing changes by that, but
its data is fresh. What 市文明办 sends has one line with a number that cannot be.
"""

from __future__ import annotations

import csv
import io
from datetime import datetime

from sqlalchemy import select

from haihe.demo.departments import SENDERS, Department, client_id_of
from haihe.domain.records import RecordState
from haihe.storage.db import db
from haihe.storage.records import RecordRow
from haihe.storage.residents import Resident
from haihe.usecases.context import Context, day_of
from haihe.usecases.import_records import import_records

RECORDS_SENT = 20
MISTAKEN = "civility"
IDENTITY = ("record_no", "indicator", "id_type", "id_number", "name", "occurred_on")
HEADER = (*IDENTITY, "document_no", "issuer", "quantity", "level", "severity", "valid_from", "valid_to")
# 120100 belongs to nobody, and the last sign does not fit the rest.
MISTAKE = (
    "FILE-1",
    "D07",
    "RESIDENT",
    "120100199001010011",
    "和平示例",
    "2026-01-05",
    "",
    "",
    "1",
    *[""] * 4,
)


def send_files(ctx: Context, at: datetime) -> None:
    """Every department that has something to say sends a file of it."""
    for department in SENDERS:
        lines = _lines(ctx, department)
        if not lines:
            continue
        if department.code == MISTAKEN:
            lines.append(MISTAKE)
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows((HEADER, *lines))
        name = f"{department.name}-{day_of(at):%Y%m%d}.csv"
        stream = io.BytesIO(text.getvalue().encode())
        import_records(ctx, department.code, name, stream, at, f"client:{client_id_of(department)}")


def _lines(ctx: Context, department: Department) -> list[tuple[str, ...]]:
    rows = db.session.execute(
        select(RecordRow, Resident)
        .join(Resident, Resident.id == RecordRow.resident_id)
        .where(RecordRow.source == department.code, RecordRow.state == RecordState.EFFECTIVE)
        .order_by(RecordRow.id)
        .limit(RECORDS_SENT)
    ).all()
    return [_line(ctx, record, resident) for record, resident in rows]


def _line(ctx: Context, record: RecordRow, resident: Resident) -> tuple[str, ...]:
    def told(value: object) -> str:
        return "" if value is None else str(value)

    return (
        record.record_no,
        record.indicator,
        resident.id_type,
        ctx.vault.open(resident.key_id, resident.id_number_sealed, "id_number"),
        ctx.vault.open(resident.key_id, resident.name_sealed, "name"),
        record.occurred_on.isoformat(),
        told(record.document_no),
        told(record.issuer),
        str(record.quantity),
        told(record.level),
        told(record.severity),
        told(record.valid_from),
        told(record.valid_to),
    )
