"""`flask city try-scenario` and `try-rulebook`: what a draft would do to the whole city, before anybody publishes it."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from haihe.cli.city import city_engine, group
from haihe.cli.city_try_telling import tell_rulebook, tell_scenario
from haihe.cli.fault_lines import check_written, with_lines
from haihe.cli.rules import parse
from haihe.domain.errors import HaiheError
from haihe.domain.reading import InvalidRules
from haihe.domain.rulebook import Rulebook
from haihe.domain.rulebook_reader import read_rulebook
from haihe.domain.scenario_reader import SENSITIVE_LABELS, read_scenario
from haihe.domain.scenarios import ScenarioState
from haihe.usecases.context import day_of
from haihe.usecases.published_scenarios import published_scenarios
from haihe.web.context import context

if TYPE_CHECKING:
    from haihe.city.population import Population

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


@group.command("try-scenario")
@_shared
def try_scenario_command(file: Path, snapshot: Path | None, on: datetime | None, as_json: bool) -> None:
    """试算一个场景草稿：多少人获得、失去，分区、年龄与等级，费用上限，以及个例；不发布任何内容。"""
    from haihe.city.impact import try_scenario

    with _refusing(file, as_json):
        day = _day(snapshot, on)
        rulebook = context().rules.up_to_date().rulebook(day)
        check_written(file)
        draft = read_scenario(parse(file), rulebook, 0, ScenarioState.DRAFT)
        published = next((s for s in published_scenarios(rulebook) if s.code == draft.code), None)
        with _population(snapshot, (rulebook,), day) as population:
            impact = try_scenario(population, rulebook, draft, published, day)
        click.echo(_json(impact) if as_json else tell_scenario(impact))


@group.command("try-rulebook")
@_shared
def try_rulebook_command(file: Path, snapshot: Path | None, on: datetime | None, as_json: bool) -> None:
    """试算一部规则集草稿：积分与等级的变化，以及每个已发布场景的可及人数；不发布任何内容。"""
    from haihe.city.rulebook_impact import try_rulebook

    with _refusing(file, as_json):
        day = _day(snapshot, on)
        present = context().rules.up_to_date().rulebook(day)
        check_written(file)
        draft = read_rulebook(parse(file))
        scenarios = list(zip(published_scenarios(present), published_scenarios(draft), strict=True))
        with _population(snapshot, (present, draft), day) as population:
            impact = try_rulebook(population, draft, present, scenarios, day)
        click.echo(_json(impact) if as_json else tell_rulebook(impact))


def _day(snapshot: Path | None, on: datetime | None) -> date:
    from haihe.city.population import day_of_snapshot

    told = day_of_snapshot(snapshot) if snapshot else None
    return on.date() if on else told or day_of(context().now())


@contextmanager
def _population(snapshot: Path | None, rulebooks: tuple[Rulebook, ...], on: date) -> Iterator[Population]:
    """Everybody, in an engine of their own; what is read from the database is gone when the block ends."""
    from haihe.city.engine import EngineFailed, computing
    from haihe.city.population import read_population
    from haihe.city.snapshot import SnapshotError, take_snapshot

    with (
        tempfile.TemporaryDirectory(prefix="haihe-try-") as work,
        city_engine(Path(work) / "spill") as engine,
    ):
        try:
            if snapshot is None:
                snapshot = Path(work) / "snapshot"
                known = (*SENSITIVE_LABELS, *(c for r in rulebooks for c in r.sensitive_classes))
                take_snapshot(snapshot, rulebooks[0], dict.fromkeys(known), on)
            with computing("没有试算成，什么也没有发布"):
                yield read_population(engine, snapshot, on)
        except (EngineFailed, SnapshotError) as error:
            raise click.ClickException(str(error)) from error


@contextmanager
def _refusing(file: Path, as_json: bool) -> Iterator[None]:
    """A wrong file is refused with every fault; anything else that is wrong with its own sentence."""
    try:
        yield
    except InvalidRules as error:
        faults = with_lines(file, error.faults)
        if as_json:
            told = {"code": error.code, "file": file.name, "faults": [asdict(f) for f in faults]}
            click.echo(json.dumps(told, ensure_ascii=False, indent=2))
        else:
            click.echo(f"{file.name} 有 {len(faults)} 处需要改正，没有试算：", err=True)
            for fault in faults:
                click.echo(f"  第 {fault.line} 行  {fault.place}：{fault.detail}", err=True)
                click.echo(f"      现在写的是：{fault.written}", err=True)
                if fault.basis:
                    click.echo(f"      依据：{fault.basis}", err=True)
        raise click.exceptions.Exit(1) from error
    except HaiheError as error:
        raise click.ClickException(error.detail) from error


def _json(impact: Any) -> str:
    return json.dumps(asdict(impact), ensure_ascii=False, indent=2, default=str)
