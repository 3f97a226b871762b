"""`flask city …`: questions about everybody at once. The commands load the column engine only when they run."""

from __future__ import annotations

from flask.cli import AppGroup

group = AppGroup("city", help="全市：重算、试算、预热与报告")
