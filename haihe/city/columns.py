"""The tables of a snapshot of the city, as Arrow: one row a resident, one a record, one for each resident's orders of
a scenario at a merchant.

Texts of few values are dictionaries and quantities are whole hundredths, so that a hundred million records stay small
and no engine ever adds up decimals. What varies with the rules (classes of consent, dimensions, indicators, facts) is
one column each, named by the functions below.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

import pyarrow as pa

from haihe.domain.records import Record

# Raised whenever a column changes its name, type or meaning: a snapshot of another version is refused, not guessed at.
SCHEMA_VERSION = 3
VERSION_KEY = b"haihe.snapshot.version"
HUNDRED = 100

WORD = pa.dictionary(pa.int16(), pa.string())


def residents_schema(sensitive_classes: Iterable[str]) -> pa.Schema:
    """Residents: who they are for the rules, whether they have joined, and one yes or no for each class of consent."""
    return _versioned(
        pa.field("resident_id", pa.int64(), nullable=False),
        pa.field("birth_date", pa.date32()),
        pa.field("district", WORD),
        pa.field("joined", pa.bool_(), nullable=False),
        *(pa.field(consent(c), pa.bool_(), nullable=False) for c in sensitive_classes),
    )


def records_schema() -> pa.Schema:
    """Records as stated, `hundredths` being the quantity times a hundred."""
    return _versioned(
        pa.field("record_id", pa.int64(), nullable=False),
        pa.field("resident_id", pa.int64(), nullable=False),
        pa.field("indicator", WORD, nullable=False),
        pa.field("occurred_on", pa.date32(), nullable=False),
        pa.field("hundredths", pa.int64(), nullable=False),
        pa.field("level", WORD),
        pa.field("severity", WORD),
        pa.field("valid_from", pa.date32()),
        pa.field("valid_to", pa.date32()),
        pa.field("state", WORD, nullable=False),
    )


def orders_schema() -> pa.Schema:
    """How many orders of a scenario at a merchant somebody has running, and has begun this month and this year, and how many
    bookings of this quarter they let lapse; none, no row."""
    return _versioned(
        pa.field("resident_id", pa.int64(), nullable=False),
        pa.field("scenario", WORD, nullable=False),
        pa.field("merchant_id", pa.int64(), nullable=False),
        pa.field("running", pa.int32(), nullable=False),
        pa.field("this_month", pa.int32(), nullable=False),
        pa.field("this_year", pa.int32(), nullable=False),
        pa.field("no_shows", pa.int32(), nullable=False),
    )


def links_schema() -> pa.Schema:
    """The standing links of whoever has any, as a list in JSON: see `haihe.storage.whole_city.links_sql`."""
    return _versioned(
        pa.field("resident_id", pa.int64(), nullable=False),
        pa.field("links", pa.string(), nullable=False),
    )


def consent(sensitive: str) -> str:
    """The column that says whether a class of sensitive information may be used."""
    return f"consent_{sensitive}"


def dimension(code: str) -> str:
    """The column of a dimension's points."""
    return f"dimension_{code}"


def points(indicator: str) -> str:
    """The column of what one indicator gives, after its own cap and before the dimension's bounds."""
    return f"points_{indicator}"


def listed(indicator: str) -> str:
    """The column that says whether somebody has a negative record of this indicator in effect."""
    return f"listed_{indicator}"


def stated(fact: str) -> str:
    """The column of a stated fact: yes, no, or null where nobody has said."""
    return f"stated_{fact}"


def orders(period: str, scenario: str) -> str:
    """The column of how many orders of a scenario count in a period (RUNNING, MONTH, YEAR)."""
    return f"orders_{period}_{scenario}"


# Orders in progress, of all scenarios together.
RUNNING_ALTOGETHER = "orders_RUNNING"
# Bookings let lapse in this quarter, of all scenarios together.
NO_SHOWS_ALTOGETHER = "orders_NO_SHOWS"


@dataclass(frozen=True, slots=True)
class ResidentFacts:
    """One row of the residents' table, for those who have it as Python objects."""

    resident_id: int
    birth_date: date | None
    district: str | None
    joined: bool
    sensitive_consents: frozenset[str] = frozenset()


def residents_table(residents: Iterable[ResidentFacts], sensitive_classes: Iterable[str]) -> pa.Table:
    """Residents as a table, with a column for each of these classes of consent."""
    classes = tuple(sensitive_classes)
    rows = [
        {
            "resident_id": r.resident_id,
            "birth_date": r.birth_date,
            "district": r.district,
            "joined": r.joined,
            **{consent(c): c in r.sensitive_consents for c in classes},
        }
        for r in residents
    ]
    return pa.Table.from_pylist(rows, schema=residents_schema(classes))


def records_table(histories: Mapping[int, Iterable[Record]]) -> pa.Table:
    """The records of residents, by resident id, as a table."""
    rows = [
        {
            "record_id": r.record_id,
            "resident_id": resident_id,
            "indicator": r.indicator,
            "occurred_on": r.occurred_on,
            "hundredths": _hundredths(r),
            "level": r.level,
            "severity": r.severity and r.severity.value,
            "valid_from": r.valid_from,
            "valid_to": r.valid_to,
            "state": r.state.value,
        }
        for resident_id, records in histories.items()
        for r in records
    ]
    return pa.Table.from_pylist(rows, schema=records_schema())


def _hundredths(record: Record) -> int:
    hundredths = record.quantity * HUNDRED
    if hundredths != int(hundredths):
        raise ValueError(f"record {record.record_id}: a quantity has at most two decimals")
    return int(hundredths)


def _versioned(*fields: pa.Field) -> pa.Schema:
    return pa.schema(fields, metadata={VERSION_KEY: str(SCHEMA_VERSION).encode()})
