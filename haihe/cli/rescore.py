"""`flask rescore --all`: everybody's points anew, in bounded memory, resumable."""

from __future__ import annotations

import click
from flask.cli import with_appcontext


@click.command("rescore")
@with_appcontext
def rescore_command() -> None: ...
