"""`flask statements …`: making the statements of a day by hand; the worker makes them every night by itself."""

from __future__ import annotations

from datetime import datetime, timedelta

import click
from flask.cli import AppGroup

from haihe.domain.errors import HaiheError
from haihe.usecases.context import day_of
from haihe.usecases.make_statements import make_statements
from haihe.web.context import context

group = AppGroup("statements", help="商户对账单")


@group.command("make")
@click.argument("day", type=click.DateTime(["%Y-%m-%d"]), required=False)
def make(day: datetime | None) -> None:
    """生成到 DAY（缺省为昨天）为止尚未生成的对账单；重复运行不会改动已有的。"""
    ctx = context()
    at = ctx.now()
    until = day.date() if day else day_of(at) - timedelta(days=1)
    try:
        made = make_statements(ctx, until, at)
    except HaiheError as error:
        raise click.ClickException(error.detail) from error
    click.echo(f"新生成 {made} 份对账单，截至 {until.isoformat()}。")
