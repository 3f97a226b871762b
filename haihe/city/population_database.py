"""The people a draft is tried on, read once from PostgreSQL into Parquet files: in one view of the database, batch by batch."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from pathlib import Path

import adbc_driver_manager
import pyarrow as pa
import pyarrow.parquet as pq
from adbc_driver_postgresql import dbapi
from ibis.backends import BaseBackend

from haihe.city import columns
from haihe.city.population import Population, read_snapshot
from haihe.domain.errors import Unavailable
from haihe.domain.records import RecordState
from haihe.storage.reading import COUNTED_ORDER_STATES, JOIN, SENSITIVE

ONE_VIEW = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"


def read_database(
    engine: BaseBackend, url: str, directory: Path, sensitive_classes: Iterable[str], on: date
) -> Population:
    """Everybody as PostgreSQL knows them now, as Parquet in this directory; orders are counted as of `on`.

    Only records in effect are read: nothing else counts, and a repaired record is nobody's business any more.
    """
    classes = tuple(sensitive_classes)
    queries = {
        "residents": (_residents(classes), columns.residents_schema(classes)),
        "records": (_records(), columns.records_schema()),
        "orders": (_orders(on), columns.orders_schema()),
    }
    try:
        with dbapi.connect(_plain(url)) as connection, connection.cursor() as cursor:
            cursor.execute(ONE_VIEW)
            for name, (query, schema) in queries.items():
                cursor.execute(query)
                _write(cursor.fetch_record_batch(), schema, directory / f"{name}.parquet")
    except (adbc_driver_manager.Error, pa.ArrowException) as error:
        raise Unavailable("DATABASE_AWAY", f"从数据库读取全市数据时中断，什么也没有改动：{error}") from error
    return read_snapshot(engine, directory)


def _write(batches: pa.RecordBatchReader, schema: pa.Schema, file: Path) -> None:
    with pq.ParquetWriter(file, schema, compression="zstd") as writer:
        for batch in batches:
            table = pa.Table.from_batches([batch])
            arrays = [_as(table[f.name].combine_chunks(), f.type) for f in schema]
            writer.write_table(pa.Table.from_arrays(arrays, schema=schema))


def _as(array: pa.Array, kind: pa.DataType) -> pa.Array:
    if pa.types.is_dictionary(kind):
        words = array.cast(pa.string()).dictionary_encode()
        return pa.DictionaryArray.from_arrays(words.indices.cast(kind.index_type), words.dictionary)
    return array.cast(kind)


def _residents(classes: tuple[str, ...]) -> str:
    agreed = "".join(f", {_has(SENSITIVE + c)} AS {_name(columns.consent(c))}" for c in classes)
    return (
        f"SELECT r.id AS resident_id, r.birth_date, r.district, {_has(JOIN)} AS joined{agreed}"  # noqa: S608
        " FROM residents r LEFT JOIN (SELECT resident_id, array_agg(purpose::text) AS purposes FROM consents"
        " WHERE withdrawn_at IS NULL GROUP BY resident_id) c ON c.resident_id = r.id"
    )


def _records() -> str:
    return (
        "SELECT id AS record_id, resident_id, indicator, occurred_on,"  # noqa: S608
        " (quantity * 100)::bigint AS hundredths, level, severity, valid_from, valid_to, state"
        f" FROM records WHERE state = {_text(RecordState.EFFECTIVE)}"
    )


def _orders(on: date) -> str:
    year, month = _text(f"{on:%Y}-01-01"), _text(f"{on:%Y-%m}-01")
    states = ", ".join(_text(s) for s in COUNTED_ORDER_STATES)
    in_year = f"opened_on >= {year}::date AND opened_on < {year}::date + interval '1 year'"
    in_month = f"opened_on >= {month}::date AND opened_on < {month}::date + interval '1 month'"
    return (
        "SELECT resident_id, scenario, (count(*) FILTER (WHERE state = 'DOING'))::int AS running,"  # noqa: S608
        f" (count(*) FILTER (WHERE {in_month}))::int AS this_month,"
        f" (count(*) FILTER (WHERE {in_year}))::int AS this_year"
        f" FROM orders WHERE state IN ({states}) AND ((opened_on >= {year}::date) OR state = 'DOING')"
        " GROUP BY resident_id, scenario"
    )


def _has(purpose: str) -> str:
    return f"coalesce({_text(purpose)} = ANY (c.purposes), false)"


def _text(value: str) -> str:
    quoted = value.replace("'", "''")
    return f"'{quoted}'"


def _name(value: str) -> str:
    quoted = value.replace('"', '""')
    return f'"{quoted}"'


def _plain(url: str) -> str:
    """The address as PostgreSQL itself reads it, without the name of a Python driver."""
    scheme, rest = url.split("://", 1)
    return f"{scheme.split('+')[0]}://{rest}"
