"""One DuckDB for the whole of these tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from ibis.backends import BaseBackend

from haihe.city.engine import connect

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def engine() -> Iterator[BaseBackend]:
    """The default engine."""
    engine = connect(memory="1GB")
    yield engine
    engine.disconnect()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Ibis still calls DuckDB's fetching methods by their old names, and nothing that we write could make it stop."""
    old_names = pytest.mark.filterwarnings("ignore:fetch_(arrow_table|record_batch)\\(\\) is deprecated")
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(old_names)
