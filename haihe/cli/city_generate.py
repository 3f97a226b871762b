"""`flask city generate`: a demo city of any size as a snapshot, to try the whole-city commands on and to measure them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path
from typing import Any

import click
from flask.cli import with_appcontext

from haihe.cli.trouble import told_plainly
from haihe.cli.watching import watch
from haihe.usecases.context import day_of
from haihe.web.context import context

# As many as the demo city can have: see haihe/demo/births.py.
FEWEST, MOST = 96, 17_000_000
EARLIEST, LATEST = 2000, 2100


class Between(click.ParamType):
    """A whole number within bounds; 14,000,000 and 14_000_000 are the same number."""

    name = "整数"

    def __init__(self, least: int, most: int) -> None:
        self.least, self.most = least, most

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """The number, or a refusal that says which would do."""
        try:
            number = int(str(value).replace(",", ""))
        except ValueError:
            number = self.least - 1
        if not self.least <= number <= self.most:
            self.fail(f"应为 {self.least:,} 到 {self.most:,} 之间的整数，现在是 {value!r}", param, ctx)
        return number


@click.command("generate")
@with_appcontext
@click.option("--residents", type=Between(FEWEST, MOST), required=True, help="人数，如 14000000")
@click.option(
    "--out", type=click.Path(path_type=Path), required=True, help="写入哪个目录；须是新目录或空目录"
)
@click.option(
    "--seed", type=Between(0, 2**63 - 1), default=2026, show_default=True, help="随机种子；相同则内容相同"
)
@click.option("--on", type=click.DateTime(["%Y-%m-%d"]), help="城市是哪一天的样子（默认今天）")
def generate(residents: int, out: Path, seed: int, on: datetime | None) -> None:
    """生成一座示范城市的快照（不经数据库），供试算、全市分析与测量使用。

    一千四百万人约需 3 分钟与 700 MB 磁盘，内存与人数无关。生成的快照可交给各命令的 --snapshot。
    """
    # The web workers import this file with the whole command line; columns are of no use to them.
    from haihe.city.generating import generate_snapshot
    from haihe.demo.plan import Plan

    day = on.date() if on else day_of(context().now())
    if not EARLIEST <= day.year <= LATEST:
        raise click.BadParameter(f"应在 {EARLIEST} 年到 {LATEST} 年之间，现在是 {day}", param_hint="--on")
    with told_plainly():
        made = generate_snapshot(Plan(residents, seed, day), out, _watch)
    click.echo(
        f"{made.directory}：{made.day} 的示范城市，居民 {made.rows['residents']:,}，信用记录 {made.rows['records']:,}"
    )


def _watch(stage: str, length: int) -> AbstractContextManager[Callable[[int], None]]:
    return watch(stage, length, "人")
