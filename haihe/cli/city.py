"""`flask city …`: questions about everybody at once. The commands load the column engine only when they run."""

from __future__ import annotations

from flask.cli import AppGroup

group = AppGroup("city", help="全市：重算、试算、预热、报告，以及供它们使用的快照与示范城市")

# The commands are in files of their own, which need the group to be there.
from haihe.cli import city_generate, city_rescore, city_try, city_warm  # noqa: E402, F401
