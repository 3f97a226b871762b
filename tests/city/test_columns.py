"""The tables of a snapshot: what goes in comes out, and what does not fit is refused instead of rounded."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pyarrow as pa
import pytest

from haihe.city.columns import (
    SCHEMA_VERSION,
    VERSION_KEY,
    orders_schema,
    records_schema,
    records_table,
    residents_schema,
)
from haihe.city.generating import CLASSES, blocks
from haihe.demo.plan import Plan
from tests.city.comparing import tables
from tests.city.demo_columns import lives_of
from tests.city.imagined import lives
from tests.domain.published import record, rulebook

TODAY = date(2026, 6, 15)


def test_a_record_survives_its_columns_unchanged() -> None:
    residents = lives(rulebook(), TODAY, 1, 60)
    assert lives_of(*tables(residents, CLASSES)) == residents


def test_a_quantity_with_a_third_decimal_is_refused() -> None:
    with pytest.raises(ValueError, match="record 7: a quantity has at most two decimals"):
        records_table({1: [record("D01", TODAY, 7, quantity=Decimal("0.125"))]})


@pytest.mark.parametrize("schema", [residents_schema(CLASSES), records_schema(), orders_schema()])
def test_every_table_carries_the_version_of_its_schema(schema: pa.Schema) -> None:
    assert schema.metadata[VERSION_KEY] == str(SCHEMA_VERSION).encode()


def test_the_demo_city_comes_in_the_columns_of_a_snapshot() -> None:
    for residents, records in blocks(Plan(500, 1, TODAY)):
        assert residents.schema.equals(residents_schema(CLASSES), check_metadata=True)
        assert records.schema.equals(records_schema(), check_metadata=True)
        ids = records["resident_id"].to_pylist()
        assert ids == sorted(ids)
