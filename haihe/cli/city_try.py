"""`flask city try-scenario` and `try-rulebook`: what a draft would do to the whole city, before anybody publishes it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import click
from flask.cli import with_appcontext

from haihe.cli.city_answer import answered
from haihe.cli.city_try_telling import tell_rulebook, tell_scenario
from haihe.cli.trouble import told_plainly
from haihe.usecases.city_jobs import CityQuestion
from haihe.usecases.drafts import InvalidDraft, text_of

Command = TypeVar("Command", bound=Any)


def _shared(command: Command) -> Command:
    """What both commands are given."""
    for option in (
        click.option("--json", "as_json", is_flag=True, help="以 JSON 输出，供程序读取"),
        click.option(
            "--on", type=click.DateTime(["%Y-%m-%d"]), help="按哪一天试算（默认快照的日期，没有快照则为今天）"
        ),
        click.option(
            "--snapshot",
            type=click.Path(exists=True, file_okay=False, path_type=Path),
            help="从快照目录读取，不读数据库里的居民；同一快照再次试算只需一次扫描",
        ),
        click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path)),
    ):
        command = option(command)
    return command


@click.command("try-scenario")
@_shared
@with_appcontext
def try_scenario_command(file: Path, snapshot: Path | None, on: datetime | None, as_json: bool) -> None:
    """试算一个场景草稿：多少人获得、失去，分区、年龄与等级，费用上限，以及个例；不发布任何内容。"""
    with told_plainly(), _refusing(file, as_json):
        impact = answered(CityQuestion.TRY_SCENARIO, text_of(file.read_bytes()), snapshot, on)
        click.echo(_json(impact) if as_json else tell_scenario(impact))


@click.command("try-rulebook")
@_shared
@with_appcontext
def try_rulebook_command(file: Path, snapshot: Path | None, on: datetime | None, as_json: bool) -> None:
    """试算一部规则集草稿：积分与等级的变化，以及每个已发布场景的可及人数；不发布任何内容。"""
    with told_plainly(), _refusing(file, as_json):
        impact = answered(CityQuestion.TRY_RULEBOOK, text_of(file.read_bytes()), snapshot, on)
        click.echo(_json(impact) if as_json else tell_rulebook(impact))


@contextmanager
def _refusing(file: Path, as_json: bool) -> Iterator[None]:
    """A wrong file is refused with every fault."""
    try:
        yield
    except InvalidDraft as error:
        if as_json:
            told = {"code": error.code, "file": file.name, "faults": [asdict(f) for f in error.lines]}
            click.echo(json.dumps(told, ensure_ascii=False, indent=2))
        else:
            click.echo(f"{file.name} 有 {len(error.lines)} 处需要改正，没有试算：", err=True)
            for fault in error.lines:
                click.echo(f"  第 {fault.line} 行  {fault.place}：{fault.detail}", err=True)
                click.echo(f"      现在写的是：{fault.written}", err=True)
                if fault.basis:
                    click.echo(f"      依据：{fault.basis}", err=True)
        raise click.exceptions.Exit(1) from error


def _json(impact: Any) -> str:
    return json.dumps(asdict(impact), ensure_ascii=False, indent=2, default=str)
