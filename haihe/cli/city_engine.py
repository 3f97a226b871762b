"""The engine that the whole city's commands compute with."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from haihe.config import read_settings

if TYPE_CHECKING:
    from haihe.city.engine import BaseBackend


@contextmanager
def city_engine(temporary: Path) -> Iterator[BaseBackend]:
    """The engine of HAIHE_CITY_ENGINE while the block lasts; what it cannot hold in memory lies in `temporary`."""
    # The web workers import this file with the whole command line; columns are of no use to them.
    from haihe.city.engine import connect

    engine = connect(read_settings().city_engine, temporary=temporary)
    try:
        yield engine
    finally:
        engine.disconnect()
