"""The whole table. Everything runs on this machine, on servers of its own, and ends by itself."""

from __future__ import annotations

import logging
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from flask import Flask
from flask_migrate import upgrade

from haihe.app import create_app
from haihe.demo.making import make
from haihe.usecases.context import Context
from haihe.web.context import EXTENSION
from tests.bench import (
    checkout,
    console,
    many,
    notices,
    orders,
    points,
    publishing,
    records,
    residents,
    tokens,
)
from tests.bench.table import Row, printed
from tests.builders import Builders

ROOT = Path(__file__).parents[2]
RESIDENTS = int(os.environ.get("RESIDENTS", "20000"))


def main() -> int:
    """Measure everything, row by row, and print the table at the end."""
    logging.disable(logging.INFO)
    app = create_app()
    with app.app_context(), tempfile.TemporaryDirectory() as folder:
        upgrade(directory=str(ROOT / "migrations"))
        ctx: Context = app.extensions[EXTENSION]
        card = Path(folder, "demo.json")
        make(ctx, RESIDENTS, seed=2026, file=card)
        rows = []
        for row in _measured(app, ctx, Builders(ctx), residents.card_of(card)):
            print(f"· {row.what}：{row.figure}", file=sys.stderr, flush=True)
            rows.append(row)
    print(printed(rows))
    return 0


def _measured(app: Flask, ctx: Context, a: Builders, card: dict[str, Any]) -> Iterator[Row]:
    yield from checkout.measure(ctx, a)
    yield from many.measure(ctx, a)
    yield from residents.measure(ctx, card)
    yield from console.measure(ctx, app, RESIDENTS)
    yield from publishing.measure(ctx, a)
    yield from points.measure(ctx)
    yield from records.measure(ctx, a)
    yield from tokens.measure(ctx, a)
    yield from notices.measure(ctx, a)
    yield from orders.measure(ctx, a)


if __name__ == "__main__":
    sys.exit(main())
