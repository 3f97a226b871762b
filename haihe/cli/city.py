"""`flask city …`: questions about everybody at once. The commands load the column engine only when they run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click
from flask.cli import AppGroup

from haihe.config import read_settings

if TYPE_CHECKING:
    from haihe.city.engine import BaseBackend

group = AppGroup("city", help="全市：重算、试算、预热、报告，以及供它们使用的快照与示范城市")


@contextmanager
def city_engine(temporary: Path) -> Iterator[BaseBackend]:
    """The engine of HAIHE_CITY_ENGINE while the block lasts; what it cannot hold in memory lies in `temporary`."""
    # The web workers import this file with the whole command line; columns are of no use to them.
    from haihe.city.engine import EngineUnavailable, connect

    try:
        engine = connect(read_settings().city_engine, temporary=temporary)
    except EngineUnavailable as error:
        raise click.ClickException(str(error)) from error
    try:
        yield engine
    finally:
        engine.disconnect()


# The commands are in files of their own, which need the group to be there.
from haihe.cli import city_generate, city_rescore, city_try, city_warm  # noqa: E402, F401
