"""`flask worker`: keeps Redis in step with PostgreSQL and takes over the journal of decisions."""

from __future__ import annotations

import click
from flask.cli import with_appcontext


@click.command("worker")
@with_appcontext
def worker_command() -> None: ...
