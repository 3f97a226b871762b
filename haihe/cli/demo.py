"""`flask demo …`: the demo city."""

from __future__ import annotations

from flask.cli import AppGroup

group = AppGroup("demo", help="示范城市")
