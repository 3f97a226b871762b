"""`flask records …`: records in."""

from __future__ import annotations

from flask.cli import AppGroup

group = AppGroup("records", help="信用记录：导入与查看")
