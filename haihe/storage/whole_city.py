"""The queries that read the whole city at once, as SQL for a reader of columns that knows no session, and where it connects."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from psycopg import pq
from psycopg.conninfo import make_conninfo
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Engine,
    Integer,
    Select,
    Text,
    cast,
    func,
    literal_column,
    select,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.postgresql import aggregate_order_by
from sqlalchemy.orm import InstrumentedAttribute
from sqlalchemy.types import NullType

from haihe.storage.db import db
from haihe.storage.decisions import Order
from haihe.storage.links import Link
from haihe.storage.order_counts import counted_orders
from haihe.storage.reading import JOIN, SENSITIVE
from haihe.storage.records import RecordRow
from haihe.storage.residents import Consent, Resident
from haihe.storage.scores import ScoreRow

EFFECTIVE = "EFFECTIVE"
PATIENCE_S = 10
# The place of a row in its table; no type of it is known here, nor needed.
TID = NullType()


def connection_words(engine: Engine | None = None) -> str:
    """How libpq finds the database that the session uses: sockets, passwords and several hosts included."""
    engine = engine or db.engine
    known = {option.keyword.decode() for option in pq.Conninfo.get_defaults()}
    _none, given = engine.dialect.create_connect_args(engine.url)
    return make_conninfo(**{"connect_timeout": PATIENCE_S, **{k: v for k, v in given.items() if k in known}})


def residents_sql(classes: Mapping[str, str], joined_only: bool = False) -> str:
    """Every resident, whether they have joined, and a column of that name for each of these classes of consent."""
    held = (
        select(
            Consent.resident_id,
            func.bool_or(Consent.purpose == JOIN).label("joined"),
            *(
                func.bool_or(Consent.purpose == f"{SENSITIVE}{sensitive}").label(column)
                for column, sensitive in classes.items()
            ),
        )
        .where(Consent.withdrawn_at.is_(None))
        .group_by(Consent.resident_id)
        .subquery()
    )
    query = select(
        Resident.id.label("resident_id"),
        Resident.birth_date,
        Resident.district,
        *(func.coalesce(held.c[name], False).label(name) for name in ("joined", *classes)),
    ).outerjoin(held, held.c.resident_id == Resident.id)
    query = query.where(Resident.sandbox_of.is_(None))
    return _sql(query.where(held.c.joined) if joined_only else query)


def records_sql(pages: int, parts: int) -> list[str]:
    """The effective records of those who have joined: nobody else's, and no record that has been repaired, leaves the database.

    Several queries for as many parts of the table, which has so many `pages`.
    """
    joined = select(Consent.resident_id).where(Consent.purpose == JOIN, Consent.withdrawn_at.is_(None))
    query = select(
        RecordRow.id.label("record_id"),
        RecordRow.resident_id,
        RecordRow.indicator,
        RecordRow.occurred_on,
        cast(RecordRow.quantity * 100, BigInteger).label("hundredths"),
        RecordRow.level,
        RecordRow.severity,
        RecordRow.valid_from,
        RecordRow.valid_to,
        RecordRow.state,
    ).where(
        RecordRow.state == EFFECTIVE, RecordRow.resident_id.in_(joined), ~_in_a_sandbox(RecordRow.resident_id)
    )
    bounds = sorted({pages * n // parts for n in range(1, parts)} - {0})
    place = literal_column("records.ctid", TID)
    return [
        _sql(
            query.where(
                *([place >= _page(first)] if first is not None else []),
                *([place < _page(end)] if end is not None else []),
            )
        )
        for first, end in zip([None, *bounds], [*bounds, None], strict=True)
    ]


def orders_sql(on: date) -> str:
    """How everybody's orders count on this day, scenario by scenario and merchant by merchant."""
    return _sql(counted_orders(on).where(~_in_a_sandbox(Order.resident_id)))


def scores_sql(dimensions: Mapping[str, str]) -> str:
    """For every resident their version and the score that is stored, if any: its parts as text, its dimensions as columns."""
    return _sql(
        select(
            Resident.id.label("resident_id"),
            Resident.version,
            ScoreRow.total,
            ScoreRow.grade,
            cast(ScoreRow.parts, Text).label("parts"),
            ScoreRow.last_day,
            ScoreRow.rulebook,
            ScoreRow.computed_at,
            *(
                cast(ScoreRow.dimensions[code].astext, Integer).label(column)
                for column, code in dimensions.items()
            ),
        )
        .outerjoin(ScoreRow, ScoreRow.resident_id == Resident.id)
        .where(Resident.sandbox_of.is_(None))
    )


def versions_sql() -> str:
    """The version of every resident."""
    return _sql(
        select(Resident.id.label("resident_id"), Resident.version).where(Resident.sandbox_of.is_(None))
    )


def links_sql() -> str:
    """The links that have not been taken back, as they were given: one list for each resident who has any.

    A link is a list too: the merchant's name of the resident, the merchant, until when (ms), the scenarios.
    """
    until_ms = cast(func.floor(func.extract("epoch", Link.expires_at) * 1000), BigInteger)
    link = func.json_build_array(Link.pairwise_id, Link.merchant_id, until_ms, Link.scenarios)
    return _sql(
        select(Link.resident_id, cast(func.json_agg(aggregate_order_by(link, Link.id)), Text).label("links"))
        .where(Link.withdrawn_at.is_(None))
        .group_by(Link.resident_id)
    )


def _in_a_sandbox(resident_id: InstrumentedAttribute[int]) -> ColumnElement[bool]:
    """Test residents of merchants are nobody, and do not count anywhere in the city."""
    return resident_id.in_(select(Resident.id).where(Resident.sandbox_of.is_not(None)))


def about_the_city_sql() -> str:
    """The moment, how many residents and records PostgreSQL believes to have (for a progress bar), and the records' pages."""
    return (
        "SELECT now(), coalesce(sum(greatest(reltuples, 0)), 0)::bigint,"
        " pg_relation_size('records') / current_setting('block_size')::bigint FROM pg_class"
        " WHERE oid IN ('residents'::regclass, 'records'::regclass)"
    )


def _page(number: int) -> ColumnElement[object]:
    return literal_column(f"CAST('({number},0)' AS tid)", TID)


def _sql(query: Select[Any]) -> str:
    """The query with its values written into it, for whoever takes no parameters."""
    compiled = query.compile(
        dialect=postgresql.dialect(paramstyle="named"), compile_kwargs={"literal_binds": True}
    )
    return str(compiled)
