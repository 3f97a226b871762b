"""`flask city rescore` and `flask city warm`, the commands themselves, with PostgreSQL and Redis, on a city that was generated."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from flask import Flask
from flask_migrate import upgrade

from haihe.app import create_app
from haihe.cli.rules import parse, publish_file, shipped_rulebooks, shipped_scenarios
from haihe.storage.db import db
from haihe.storage.whole_city import connection_words
from haihe.usecases.context import Context, day_of
from haihe.usecases.publish_rules import publish_rulebook
from haihe.web.context import EXTENSION
from tests.bench.city.alone import Done, alone
from tests.bench.city.loading import load
from tests.bench.city.plan import CITY, NOON
from tests.bench.table import Row
from tests.domain.published import RULEBOOK_FILE

ROOT = Path(__file__).parents[3]
TOMORROW = NOON + timedelta(days=1)
STAGE = re.compile(r"(读出|计算|写回|写入副本)[^：\n]*：([^\n]*)")
DIFFERING = re.compile(r"([\d,]+) 人与已存的不同")


def measure(city: Path, residents: int) -> Iterator[Row]:
    """From nothing, with nothing changed, a day later, and under new rules; then all copies into an emptied Redis."""
    app = _app(NOON)
    with app.app_context():
        upgrade(directory=str(ROOT / "migrations"))
        for file in (*shipped_rulebooks(), *shipped_scenarios()):
            publish_file(file)
        begun = time.monotonic()
        load(city, connection_words())
        loaded = time.monotonic() - begun
    yield Row(f"装入 PostgreSQL，{residents:,} 人", f"{loaded:.0f} 秒", "（准备，不计入）", "")
    yield _row("全市重算，从无到有", alone(commanded, "rescore", NOON), residents, "（目标 ≤ 10 分钟）")
    yield _row("全市重算，一天之后", alone(commanded, "rescore", TOMORROW), residents, "")
    with app.app_context():
        _publish_other_rules(app.extensions[EXTENSION], TOMORROW)
    yield _row(
        "全市重算，规则改变之后", alone(commanded, "rescore", TOMORROW), residents, "（目标 ≤ 10 分钟）"
    )
    yield _row("全市预热", alone(commanded, "warm", TOMORROW), residents, "（目标 ≤ 3 分钟）")


def commanded(command: str, at: datetime) -> str:
    """What `flask city COMMAND` says at this moment."""
    result = _app(at).test_cli_runner().invoke(args=["city", command])
    if result.exit_code:
        raise RuntimeError(result.output) from result.exception
    return result.output


def _row(what: str, done: Done, residents: int, goal: str) -> Row:
    said: str = done.result
    stages = "，".join(f"{stage} {told}" for stage, told in STAGE.findall(said) if told)
    differing = DIFFERING.search(said)
    moved = f"，{differing[1]} 人有变" if differing else ""
    whole = done.seconds * CITY / residents
    return Row(
        f"{what}{moved}",
        f"{done.seconds:.1f} 秒，{done.peak:.1f} GB",
        stages,
        f"按比例 1400 万人 {whole / 60:.1f} 分钟{goal}",
    )


def _publish_other_rules(ctx: Context, at: datetime) -> None:
    """The same rules, but everybody starts with one point less."""
    body = parse(RULEBOOK_FILE)
    dimensions = [d | {"base": d["base"] - 1} if d["code"] == "E" else d for d in body["dimensions"]]
    on = day_of(at).isoformat()
    publish_rulebook(
        ctx,
        body | {"version": "HH-BENCH", "in_force_from": on, "dimensions": dimensions},
        at,
        "operator:bench",
    )
    db.session.remove()


def _app(at: datetime) -> Flask:
    return create_app(now=partial(_same, at))


def _same(at: datetime) -> datetime:
    return at
