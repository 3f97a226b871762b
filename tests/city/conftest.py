"""One DuckDB for the whole of these tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from ibis.backends import BaseBackend

from haihe.city.engine import connect


@pytest.fixture(scope="session")
def engine() -> Iterator[BaseBackend]:
    """The default engine."""
    engine = connect(memory="1GB")
    yield engine
    engine.disconnect()
