"""`flask city rescore` and `flask city snapshot`: everybody's points for today in one go, and the city as a dated file."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click
from flask import current_app
from flask.cli import with_appcontext

from haihe.cli.city_engine import city_engine
from haihe.cli.rules import OPERATOR
from haihe.cli.trouble import told_plainly
from haihe.cli.watching import watch
from haihe.storage.db import db
from haihe.usecases.context import day_of
from haihe.web.context import context

if TYPE_CHECKING:
    from haihe.city.rescore import CityRun

NO_POINTS = "无积分"
UNITS = {"读出": "行", "写回": "人", "写入副本": "份"}


@click.command("rescore")
@with_appcontext
@click.option(
    "--on", type=click.DateTime(["%Y-%m-%d"]), help="按哪一天计算（默认今天；其他日期只试算，不写入）"
)
@click.option(
    "--snapshot",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="从当天的快照目录读取，而不从数据库读取",
)
def rescore(on: datetime | None, snapshot: Path | None) -> None:
    """全市重算：读出、按列计算，只写回有变动的居民；随时可以中断，再次运行即可。"""
    # The web workers import this file with the whole command line; columns are of no use to them.
    from haihe.city.rescore import rescore_city

    ctx = context()
    day = on.date() if on else day_of(ctx.now())
    apart = current_app._get_current_object().app_context  # type: ignore[attr-defined]
    with (
        told_plainly(),
        tempfile.TemporaryDirectory(prefix="haihe-city-") as work,
        city_engine(Path(work) / "spill") as engine,
    ):
        report = rescore_city(ctx, engine, Path(work), day, OPERATOR, snapshot, _watch, apart)
    if not report.written:
        click.echo(f"{day} 不是今天：以下只是试算，没有写入任何内容。")
    _tell(report)


@click.command("snapshot")
@with_appcontext
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("var/snapshots"),
    show_default=True,
    help="快照放在哪个目录下；每天一个子目录",
)
def snapshot(out: Path) -> None:
    """把今天的居民、信用记录与订单读成一份带日期的快照（Parquet），供全市分析使用而不占用数据库。"""
    from haihe.city.rescore import classes_of
    from haihe.city.snapshot import take_snapshot

    ctx = context()
    day = day_of(ctx.now())
    with told_plainly():
        rules = ctx.rules.up_to_date()
        rulebook = rules.rulebook(day)
        classes = classes_of(rulebook, rules.scenarios())
        # Reading takes minutes, and no transaction of ours may stay open meanwhile.
        db.session.rollback()
        taken = take_snapshot(out / day.isoformat(), rulebook, classes, day, _watch)
    click.echo(f"{taken.directory}：居民 {taken.rows['residents']:,}，信用记录 {taken.rows['records']:,}")


def _watch(stage: str, length: int) -> AbstractContextManager[Callable[[int], None]]:
    return watch(stage, length, UNITS.get(stage, ""))


def _tell(report: CityRun) -> None:
    click.echo(f"已核对 {report.residents:,} 人，{report.differing:,} 人与已存的不同。")
    if report.written:
        overtaken = f"；{report.overtaken:,} 人期间另有变动，已按最新记录单独计算" if report.overtaken else ""
        click.echo(f"总分有变动的 {report.moved:,} 人{overtaken}。")
        if report.refreshed is None:
            click.echo("Redis 中的副本没有一并更新：将在居民下次出示信用码时更新，也可运行 flask city warm。")
        elif report.refreshed:
            click.echo(f"Redis 中的副本已更新 {report.refreshed:,} 份。")
    if report.grades:
        click.echo("等级变动：")
        for (was, now), count in sorted(report.grades.items(), key=lambda item: -item[1]):
            click.echo(f"  {was or NO_POINTS} → {now or NO_POINTS}  {count:,} 人")
    moved = [r for r in report.reach if r.gained or r.lost]
    if moved:
        click.echo("场景可及变动：")
        for reach in moved:
            click.echo(f"  {reach.scenario} {reach.name}  新增 {reach.gained:,} 人，减少 {reach.lost:,} 人")
