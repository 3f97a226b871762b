"""Columns into PostgreSQL by COPY: residents sealed, their consents, accounts and records, inside the caller's transaction."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, time, timedelta
from typing import Any

import numpy as np
from sqlalchemy import text

from haihe.demo.births import id_numbers
from haihe.demo.departments import DEPARTMENTS
from haihe.demo.histories import CODES, LEVELS, SEVERITIES, SOURCES, STATES, Records
from haihe.demo.people import NEVER, Residents
from haihe.demo.plan import Plan, districts
from haihe.domain.identity import IdType
from haihe.storage.db import db
from haihe.storage.reading import JOIN, SENSITIVE
from haihe.storage.vault import Vault
from haihe.usecases.consent_texts import present_text
from haihe.usecases.context import TIANJIN

CHANNEL = "demo"
OFFICE_OPENS = time(9, 0, tzinfo=TIANJIN)
NULL = "\\N"


def store_residents(vault: Vault, residents: Residents, at: datetime) -> list[int]:
    """Store one block of residents; returns their ids in the block's order."""
    ids = _new_ids(len(residents))
    numbers = id_numbers(residents.birth, residents.sequence).tolist()
    copy_rows(
        "residents (id, id_type, key_id, id_number_sealed, id_number_index, name_sealed, birth_date, district,"
        " created_at)",
        (
            (
                resident_id,
                str(IdType.RESIDENT),
                vault.current,
                vault.seal(number, "id_number").ciphertext,
                vault.index(f"{IdType.RESIDENT}:{number}", "id_number"),
                vault.seal(name, "name").ciphertext,
                birth,
                districts().codes[district],
                at,
            )
            for resident_id, number, name, birth, district in zip(
                ids,
                numbers,
                residents.names(),
                residents.birth.tolist(),
                residents.district.tolist(),
                strict=True,
            )
        ),
    )
    return ids


def store_consents(residents: Residents, ids: Sequence[int], at: datetime) -> None:
    """Store who joined and who agreed to what, on the day they did."""
    copy_rows(
        "consents (resident_id, purpose, text_version, text_sha256, channel, given_at)",
        (
            (
                resident_id,
                purpose,
                present_text(purpose).version,
                present_text(purpose).sha256,
                CHANNEL,
                at - timedelta(days=days),
            )
            for resident_id, days, medical, blood in zip(
                ids,
                residents.joined_days.tolist(),
                residents.medical.tolist(),
                residents.blood.tolist(),
                strict=True,
            )
            if days != NEVER
            for purpose in _purposes(medical, blood)
        ),
    )


def store_records(records: Records, ids: Sequence[int], plan: Plan, block: int, at: datetime) -> None:
    """Store the records of one block. Their numbers say that they are the demo city's."""
    resident_ids = np.array(ids)[records.resident].tolist()
    columns = (
        resident_ids,
        records.habit.tolist(),
        records.occurred.tolist(),
        records.received.tolist(),
        records.quantity.tolist(),
        records.level.tolist(),
        records.severity.tolist(),
        records.valid_to.tolist(),
        records.state.tolist(),
    )
    names = {d.code: d.name for d in DEPARTMENTS}
    rows = []
    for n, row in enumerate(zip(*columns, strict=True)):
        resident_id, habit, occurred, received, quantity, level, severity, valid_to, state = row
        # Something reported today was reported by now, whatever the hour.
        received_at = datetime.combine(received, OFFICE_OPENS) if received < plan.reference else at
        document = f"示范〔{occurred.year}〕{block:04d}-{n:06d}号" if severity else NULL
        rows.append(
            f"{SOURCES[habit]}\tCITY-{block:04d}-{n:06d}\t{resident_id}\t{CODES[habit]}\t{occurred}\t{document}"
            f"\t{names[SOURCES[habit]]}\t{quantity}\t{LEVELS[level] or NULL}\t{SEVERITIES[severity] or NULL}"
            f"\t{valid_to or NULL}\t{STATES[state]}\t{received_at}\n"
        )
    with (
        _cursor() as cursor,
        cursor.copy(
            "COPY records (source, record_no, resident_id, indicator, occurred_on, document_no, issuer, quantity,"
            " level, severity, valid_to, state, received_at) FROM STDIN"
        ) as copy,
    ):
        copy.write("".join(rows))


def store_accounts(vault: Vault, openids: Iterable[tuple[str, int, str | None]], at: datetime) -> None:
    """Bind mini-program accounts: (openid, resident, real-name level)."""
    copy_rows(
        "accounts (openid_index, resident_id, realname_level, created_at)",
        ((vault.index(openid, "openid"), resident, level, at) for openid, resident, level in openids),
    )


def copy_rows(table_and_columns: str, rows: Iterable[tuple[Any, ...]]) -> None:
    """COPY rows of plain values into a table, in the session's transaction."""
    with _cursor() as cursor, cursor.copy(f"COPY {table_and_columns} FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)


def tell_the_planner() -> None:
    """What has just been loaded is unknown to the planner, which would read whole tables to find a few rows."""
    for table in ("residents", "consents", "records", "accounts"):
        db.session.execute(text(f"ANALYZE {table}"))


def _purposes(medical: bool, blood: bool) -> Iterator[str]:
    yield JOIN
    if medical:
        yield f"{SENSITIVE}MEDICAL"
    if blood:
        yield f"{SENSITIVE}BLOOD_DONATION"


def _new_ids(count: int) -> list[int]:
    found = db.session.execute(
        text("SELECT nextval(pg_get_serial_sequence('residents', 'id')) FROM generate_series(1, :count)"),
        {"count": count},
    )
    return list(found.scalars())


def _cursor() -> Any:
    """The driver's own cursor on the session's connection, and so in its transaction."""
    return db.session.connection().connection.driver_connection.cursor()
