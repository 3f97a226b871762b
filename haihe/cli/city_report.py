"""`flask city report`: the fairness and coverage report as one HTML file."""

from __future__ import annotations

import errno
from datetime import datetime
from pathlib import Path

import click
from flask.cli import with_appcontext

from haihe.cli.city_answer import answered
from haihe.cli.trouble import told_plainly
from haihe.usecases.city_jobs import CityQuestion


@click.command("report")
@click.option("--on", type=click.DateTime(["%Y-%m-%d"]), help="按哪一天（默认快照的日期，没有快照则为今天）")
@click.option(
    "--snapshot",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="从快照目录读取，不读数据库里的居民",
)
@click.option(
    "--out",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    required=True,
    help="写到哪个 HTML 文件",
)
@with_appcontext
def report_command(on: datetime | None, snapshot: Path | None, out: Path) -> None:
    """公平与覆盖报告：积分、等级与各场景可及（分区、分年龄），数据是否完整、新鲜，与上次相比；一个可离线打开的文件。"""
    # The web workers import this file with the whole command line; columns are of no use to them.
    from haihe.city.report_page import report_page

    if not out.parent.is_dir():
        raise click.ClickException(f"没有 {out.parent} 这个目录")
    with told_plainly():
        report = answered(CityQuestion.REPORT, None, snapshot, on)
        _write(out, report_page(report))
    click.echo(f"已写入 {out}（截至 {report.on}）")


def _write(out: Path, page: str) -> None:
    """The page whole, or whatever was there before."""
    unfinished = out.with_name(f".{out.name}.unfinished")
    try:
        unfinished.write_text(page, "utf-8")
        unfinished.replace(out)
    except OSError as error:
        unfinished.unlink(missing_ok=True)
        why = "磁盘已满" if error.errno == errno.ENOSPC else error.strerror
        raise click.ClickException(f"无法写入 {out}：{why}") from error
