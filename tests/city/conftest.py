"""One DuckDB for the whole of these tests; the same examples every time, so that a red run can be run again by anybody."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import Phase, settings
from ibis.backends import BaseBackend

from haihe.city.engine import connect

HERE = Path(__file__).parent

settings.register_profile(
    "city",
    max_examples=40,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
)
settings.load_profile("city")


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
