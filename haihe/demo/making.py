"""What `flask demo create` does: publish, make or look after the city, write the card, and say so."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import click
from sqlalchemy import select

from haihe.cli.rules import parse, publish_file, shipped_rulebooks, shipped_scenarios
from haihe.demo.card import card_of, write_card
from haihe.demo.city import BeingMade, City, NotADemo, create_city
from haihe.demo.storing_named import CastWrong
from haihe.domain.errors import HaiheError
from haihe.storage.db import db
from haihe.storage.rules import RulebookRow, ScenarioRow
from haihe.usecases.context import Context


def make(ctx: Context, residents: int, seed: int, file: Path) -> None:
    """Make the city or look after the one that is there, and write its card into `file`."""
    try:
        _publish_what_was_never_published()
        city = _create(ctx, residents, seed)
    except HaiheError as error:
        raise click.ClickException(error.detail) from error
    except (BeingMade, NotADemo, CastWrong) as error:
        raise click.ClickException(str(error)) from error
    card = card_of(ctx, city)
    write_card(card, file)
    _tell(city, card, file, asked=(residents, seed))


def _publish_what_was_never_published() -> None:
    """What an administrator has changed, paused or retired since must not come back with every start."""
    versions = set(db.session.execute(select(RulebookRow.version)).scalars())
    codes = set(db.session.execute(select(ScenarioRow.code)).scalars())
    for file in shipped_rulebooks():
        if parse(file)["version"] not in versions:
            publish_file(file)
    for file in shipped_scenarios():
        if file.stem not in codes:
            publish_file(file)


def _create(ctx: Context, residents: int, seed: int) -> City:
    with click.progressbar(length=residents, label="建立示范城市") as bar:
        return create_city(ctx, residents, seed, ctx.now(), bar.update)


def _tell(city: City, card: dict[str, Any], file: Path, asked: tuple[int, int]) -> None:
    grades = Counter(r["grade"] or "未评价" for r in card["residents"])
    click.echo(f"示范城市{'已建立' if city.new else '已在'}：{city.residents:,} 位居民，种子 {city.seed}。")
    if asked != (city.residents, city.seed):
        click.echo("人数与种子在建立时就定了；要换一座城市，请先清空数据库（make clean）。")
    click.echo(
        f"示例居民 {len(card['residents'])} 位（{'，'.join(f'{g} {n}' for g, n in sorted(grades.items()))}），"
        f"商户 {len(card['merchants'])} 家，来源部门 {len(card['departments'])} 个，"
        f"管理员 {len(card['administrators'])} 名。"
    )
    click.echo(f"凭据与示例居民写在 {file}。")
