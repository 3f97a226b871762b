"""A demo city made by the command itself, once for all tests of a module."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import redis
from flask import Flask
from sqlalchemy import select, text

from haihe.storage.db import db
from haihe.storage.residents import Account
from haihe.usecases.context import Context
from haihe.web.context import EXTENSION
from tests.conftest import KEPT_TABLES, NOON, Clock


@dataclass
class Demo:
    """The demo city under test: its card, and the command by which it was made."""

    app: Flask
    ctx: Context
    file: Path
    residents: int

    def create(self, *words: str, demo: str = "1") -> Any:
        runner = self.app.test_cli_runner()
        return runner.invoke(
            args=["demo", "create", "--residents", str(self.residents), "--file", str(self.file), *words],
            env={"HAIHE_DEMO": demo},
        )

    @property
    def card(self) -> dict[str, Any]:
        card: dict[str, Any] = json.loads(self.file.read_text("utf-8"))
        return card

    def resident(self, key: str) -> int:
        index = self.ctx.vault.index(f"demo-openid-{key}", "openid")
        return db.session.execute(
            select(Account.resident_id).where(Account.openid_index == index)
        ).scalar_one()

    def told(self) -> dict[str, dict[str, Any]]:
        return {r["js_code"].removeprefix("demo-"): r for r in self.card["residents"]}


def nobody_left(redis_client: redis.Redis) -> None:
    """Empty every table but the rules, and Redis."""
    tables = [t.name for t in db.metadata.sorted_tables if t.name not in KEPT_TABLES]
    db.session.execute(text(f"TRUNCATE {', '.join(tables)} RESTART IDENTITY CASCADE"))
    db.session.commit()
    redis_client.flushall()


@pytest.fixture(scope="module")
def demo(
    request: pytest.FixtureRequest,
    served_app: Flask,
    session_clock: Clock,
    redis_client: redis.Redis,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Demo]:
    """One city for all tests of a module, as large as the module says in RESIDENTS."""
    session_clock.now = NOON
    nobody_left(redis_client)
    ctx: Context = served_app.extensions[EXTENSION]
    made = Demo(
        served_app, ctx, tmp_path_factory.mktemp("demo") / "var" / "demo.json", request.module.RESIDENTS
    )
    result = made.create()
    assert result.exit_code == 0, result.output
    yield made
    db.session.rollback()
    db.session.remove()
    session_clock.now = NOON
