"""`flask keys …`: signing keys and data keys."""

from __future__ import annotations

from flask.cli import AppGroup

group = AppGroup("keys", help="密钥")
