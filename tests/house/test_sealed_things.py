"""Whatever is sealed is sealed anew when the data key changes."""

from __future__ import annotations

from haihe.storage.tables import db
from haihe.usecases.rotate_data_keys import KEPT


def test_every_sealed_column_takes_part_in_the_rotation_of_data_keys() -> None:
    sealed = {
        (table.name, column.name)
        for table in db.metadata.sorted_tables
        for column in table.columns
        if column.name.endswith("_sealed")
    }

    assert {(kept.table.name, column) for kept in KEPT for column in kept.purposes} == sealed
    assert all("key_id" in kept.table.columns for kept in KEPT)
