"""`flask demo …`: the demo city."""

from __future__ import annotations

from pathlib import Path

import click
from flask.cli import AppGroup

from haihe.config import read_settings
from haihe.web.context import context

group = AppGroup("demo", help="示范城市")

# One resident of every age from 0 to 95.
SMALLEST = 96


@group.command("create")
@click.option(
    "--residents", type=click.IntRange(min=SMALLEST), default=20_000, show_default=True, help="人数"
)
@click.option("--seed", type=click.IntRange(min=0), default=2026, show_default=True, help="随机种子")
@click.option(
    "--file",
    type=click.Path(dir_okay=False, path_type=Path),
    envvar="HAIHE_DEMO_FILE",
    default=Path("var/demo.json"),
    show_default=True,
    help="演示账号写在哪里（环境变量 HAIHE_DEMO_FILE）",
)
def create(residents: int, seed: int, file: Path) -> None:
    """建立示范城市；已经建立的只补齐缺少的部分，并重写演示账号文件。"""
    if not read_settings().demo:
        raise click.ClickException("只有 HAIHE_DEMO=1 时才能建立示范城市；生产环境不可使用。")
    # The web workers import this file with the whole command line; columns are of no use to them.
    from haihe.demo.making import make

    make(context(), residents, seed, file)
