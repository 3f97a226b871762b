"""A generated city into PostgreSQL by COPY, as fast as is simple. Numbers and names are not sealed: nothing here reads them."""

from __future__ import annotations

import io
from pathlib import Path

import duckdb
import psycopg
import pyarrow.csv as csv

from haihe.city.generating import CLASSES

ROWS = 500_000
SOURCE = "BENCH"
GIVEN = "TIMESTAMPTZ '2026-01-01 04:00:00+00'"
BYTES = r"'\x' || printf('%016x', resident_id)"
RESIDENTS = f"""
    SELECT resident_id, 'RESIDENT', 'bench', {BYTES}, {BYTES}, {BYTES}, birth_date, district, {GIVEN} FROM residents
"""
PURPOSES = {"JOIN": "joined", **{f"SENSITIVE:{c}": f"joined AND consent_{c}" for c in CLASSES}}
CONSENTS = " UNION ALL ".join(
    f"SELECT resident_id, '{purpose}', 'bench', '\\x00', 'bench', {GIVEN} FROM residents WHERE {given}"
    for purpose, given in PURPOSES.items()
)
RECORDS = f"""
    SELECT record_id, '{SOURCE}', printf('B%09d', record_id), resident_id, indicator, occurred_on, hundredths / 100,
        level, severity, valid_from, valid_to, state, {GIVEN} FROM records
"""
TABLES = {
    "residents (id, id_type, key_id, id_number_sealed, id_number_index, name_sealed, birth_date, district, created_at)": RESIDENTS,
    "consents (resident_id, purpose, text_version, text_sha256, channel, given_at)": CONSENTS,
    "records (id, source, record_no, resident_id, indicator, occurred_on, quantity, level, severity, valid_from,"
    " valid_to, state, received_at)": RECORDS,
}


def load(city: Path, conninfo: str) -> None:
    """Residents, consents and records; no score of anybody yet."""
    with duckdb.connect(config={"memory_limit": "2GB", "threads": 1}) as con:
        con.execute("SET TimeZone = 'UTC'")
        for name in ("residents", "records"):
            con.from_parquet(str(city / f"{name}.parquet")).create_view(name)
        with psycopg.connect(conninfo) as connection, connection.cursor() as cursor:
            # What refers to what is right by construction, and asking a hundred million times would take longer than all the rest.
            cursor.execute("SET LOCAL session_replication_role = replica")
            cursor.execute("INSERT INTO sources (code, name, indicators) VALUES (%s, '测量', '[]')", [SOURCE])
            for table, query in TABLES.items():
                reader = con.sql(query).to_arrow_reader(ROWS)
                with cursor.copy(f"COPY {table} FROM STDIN (FORMAT csv)") as copy:
                    for batch in reader:
                        text = io.BytesIO()
                        csv.write_csv(batch, text, csv.WriteOptions(include_header=False))
                        copy.write(text.getbuffer())
        with psycopg.connect(conninfo, autocommit=True) as connection:
            connection.execute("VACUUM (ANALYZE) residents, consents, records")
