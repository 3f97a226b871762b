"""`flask rescore --all`: everybody's points anew, in bounded memory, resumable."""

from __future__ import annotations

import click
from flask.cli import with_appcontext

from haihe.usecases.rescore_everybody import rescore_everybody, resident_count
from haihe.web.context import context


@click.command("rescore")
@click.option("--all", "everybody", is_flag=True, required=True, help="重算全体居民")
@with_appcontext
def rescore_command(everybody: bool) -> None:
    """按今天的日期和现行规则集重算；中断后再次运行会从中断处继续。"""
    ctx = context()
    with click.progressbar(length=resident_count(), label="重算", show_eta=True, show_pos=True) as bar:
        report = rescore_everybody(ctx, ctx.now(), "operator:cli", bar.update)
    resumed = f"（从第 {report.resumed_from + 1} 人继续）" if report.resumed_from else ""
    click.echo(f"已核对 {report.done} 人{resumed}，其中 {report.changed} 人的总分有变动")
