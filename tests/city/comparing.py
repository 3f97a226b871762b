"""The same residents by both readings: what the domain says of each, as rows that have the columns' names."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any

import pyarrow as pa
from ibis.backends import BaseBackend

from haihe.city import columns
from haihe.city.scoring import score_columns
from haihe.domain.dates import age_on
from haihe.domain.facts import ADULT_AGE, Facts
from haihe.domain.records import Record, RecordState
from haihe.domain.rulebook import Rulebook
from haihe.domain.scoring import LineKind, Score, score
from tests.city.imagined import Life

Row = dict[str, Any]


def scored_alone(life: Life, rulebook: Rulebook, on: date) -> Score | None:
    """What `score()` says of one resident; None for whoever is not counted."""
    resident = life.resident
    if not resident.joined or resident.birth_date is None or age_on(resident.birth_date, on) < ADULT_AGE:
        return None
    return score(life.records, rulebook, on, resident.sensitive_consents, foreseen_months=0)


def facts_alone(life: Life, rulebook: Rulebook, on: date, **orders: dict[str, int]) -> Facts:
    """The facts on which `decide()` would rest. What is stated of somebody who has not joined is not looked at."""
    resident, counted = life.resident, scored_alone(life, rulebook, on)
    return Facts(
        joined=resident.joined,
        birth_date=resident.birth_date,
        district=resident.district,
        points=counted.total if counted else None,
        grade=counted.grade if counted else None,
        dimensions=counted.dimensions if counted else None,
        listed=counted.listed if counted else frozenset(),
        sensitive_consents=resident.sensitive_consents,
        stated=stated_alone(life.records, rulebook, on) if resident.joined else {},
        **orders,
    )


def stated_alone(records: Iterable[Record], rulebook: Rulebook, on: date) -> dict[str, bool]:
    """The last thing stated of each fact that is in force, as the use cases gather it."""
    return {
        r.indicator: r.level == "YES"
        for r in sorted(records, key=lambda r: (r.first_day, r.record_id))
        if r.state is RecordState.EFFECTIVE
        and r.indicator in rulebook.fact_by_code
        and r.first_day <= on
        and (r.valid_to is None or on <= r.valid_to)
    }


def rows_alone(lives: Sequence[Life], rulebook: Rulebook, on: date) -> list[Row]:
    """One row a resident, computed one by one."""
    return [_row(life, rulebook, on) for life in lives]


def rows_together(
    engine: BaseBackend, lives: Sequence[Life], rulebook: Rulebook, on: date, classes: Sequence[str]
) -> list[Row]:
    """One row a resident, computed for all of them at once."""
    residents, records = tables(lives, classes)
    with_engine = tables_in(engine, residents=residents, records=records)
    found = score_columns(rulebook, with_engine["residents"], with_engine["records"], on, last_day=True)
    return rows_of(engine, found.drop("birth_date", "district", *(columns.consent(c) for c in classes)))


def tables(lives: Sequence[Life], classes: Sequence[str]) -> tuple[pa.Table, pa.Table]:
    """The tables of a snapshot that has just these residents in it."""
    return (
        columns.residents_table((life.resident for life in lives), classes),
        columns.records_table({life.resident.resident_id: life.records for life in lives}),
    )


def tables_in(engine: BaseBackend, **given: pa.Table) -> dict[str, Any]:
    """Arrow tables, as tables of the engine."""
    return {name: engine.create_table(name, table, overwrite=True) for name, table in given.items()}


def rows_of(engine: BaseBackend, table: Any) -> list[Row]:
    """All rows of an expression, by resident."""
    return sorted(engine.to_pyarrow(table).to_pylist(), key=lambda row: row["resident_id"])


def _row(life: Life, rulebook: Rulebook, on: date) -> Row:
    counted = scored_alone(life, rulebook, on)
    stated = stated_alone(life.records, rulebook, on) if life.resident.joined else {}
    given = dict.fromkeys(rulebook.by_code, 0 if counted else None)
    if counted:
        given |= {str(x.indicator): x.points for x in counted.lines if x.kind is LineKind.INDICATOR}
    listed = counted.listed if counted else ()
    dimensions = counted.dimensions if counted else dict.fromkeys(rulebook.dimension_by_code)
    return {
        "resident_id": life.resident.resident_id,
        "joined": life.resident.joined,
        "scored": counted is not None,
        "total": counted and counted.total,
        "grade": counted and counted.grade,
        **{columns.dimension(code): points for code, points in dimensions.items()},
        **{columns.points(code): points for code, points in given.items()},
        **{columns.listed(code): code in listed for code in rulebook.negative_codes},
        **{columns.stated(code): stated.get(code) for code in rulebook.fact_by_code},
        "last_day": counted and counted.last_day,
    }
