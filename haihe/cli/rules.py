"""`flask rules …`: publishing rulebooks and scenarios from files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import yaml
from flask.cli import AppGroup

from haihe.domain.errors import HaiheError
from haihe.usecases.drafts import parsed
from haihe.usecases.publish_rules import publish_rulebook, publish_scenario
from haihe.web.context import context

group = AppGroup("rules", help="规则集与场景")

SHIPPED = Path(__file__).parent.parent / "data"
OPERATOR = "operator:cli"


@group.command("publish")
@click.argument("files", nargs=-1, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--shipped", is_flag=True, help="发布随产品提供的规则集与 17 个场景")
def publish(files: tuple[Path, ...], shipped: bool) -> None:
    """发布规则集或场景文件（YAML）；已发布的内容不变则跳过。"""
    if shipped:
        files = (*shipped_rulebooks(), *shipped_scenarios(), *files)
    for file in files:
        try:
            click.echo(publish_file(file))
        except HaiheError as error:
            raise click.ClickException(f"{file.name}：{error.detail}") from error


def publish_file(file: Path) -> str:
    """Publish one file, whichever of the two it is; returns a sentence about what happened."""
    ctx = context()
    body = parse(file)
    if isinstance(body, dict) and "indicators" in body:
        new = publish_rulebook(ctx, body, ctx.now(), OPERATOR)
        return f"规则集 {body['version']}：{'已发布' if new else '此前已发布，未变'}"
    revision = publish_scenario(ctx, body, ctx.now(), OPERATOR)
    return f"场景 {body['code']}：公开的是第 {revision} 版"


def parse(file: Path) -> Any:
    """A YAML file as JSON would carry it: dates as text, so that what is stored is what was written."""
    try:
        return parsed(file.read_text("utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise click.ClickException(f"{file.name} 不是 UTF-8 编码的 YAML：{error}") from error


def shipped_rulebooks() -> list[Path]:
    """The rulebooks that come with the product."""
    return sorted((SHIPPED / "rulebooks").glob("*.yaml"))


def shipped_scenarios() -> list[Path]:
    """The scenarios that come with the product."""
    return sorted((SHIPPED / "scenarios").glob("*.yaml"))
