"""`flask city …`: questions about everybody at once. The commands load the column engine only when they run."""

from __future__ import annotations

from flask.cli import AppGroup

from haihe.cli.city_generate import generate
from haihe.cli.city_report import report_command
from haihe.cli.city_rescore import rescore, snapshot
from haihe.cli.city_try import try_rulebook_command, try_scenario_command
from haihe.cli.city_warm import warm_command
from haihe.cli.city_worker import worker_command

group = AppGroup("city", help="全市：重算、试算、预热、报告，以及供它们使用的快照与示范城市")
for command in (
    generate,
    report_command,
    rescore,
    snapshot,
    try_rulebook_command,
    try_scenario_command,
    warm_command,
    worker_command,
):
    group.add_command(command)
