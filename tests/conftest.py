"""Real PostgreSQL and real Redis for every test; only the clock and the outside world are stood in for."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import redis
from flask import Flask
from flask.testing import FlaskClient
from flask_migrate import upgrade
from sqlalchemy import delete, text, update

from haihe.app import create_app
from haihe.cli.rules import parse, publish_file, shipped_rulebooks, shipped_scenarios
from haihe.config import read_settings
from haihe.local.servers import local_servers
from haihe.storage.copies import next_generation
from haihe.storage.db import db
from haihe.storage.rules import RulebookRow, ScenarioRow
from haihe.usecases.context import Context
from haihe.web.context import EXTENSION
from tests.builders import Builders

ROOT = Path(__file__).parent.parent
NOON = datetime(2026, 11, 20, 4, 0, tzinfo=UTC)
KEPT_TABLES = {"alembic_version", "rulebooks", "scenarios", "generations"}
SHIPPED_SCENARIOS = [parse(file)["code"] for file in shipped_scenarios()]
SHIPPED_RULEBOOKS = [parse(file)["version"] for file in shipped_rulebooks()]


SERVERS = pytest.StashKey[ExitStack]()


def pytest_configure(config: pytest.Config) -> None:
    """Where the suite runs on several cores, each worker has a PostgreSQL and a Redis of its own."""
    if not hasattr(config, "workerinput"):
        return
    stack = ExitStack()
    home = Path(stack.enter_context(TemporaryDirectory(prefix="haihe-data-")))
    servers = stack.enter_context(local_servers(home, durable=False))
    os.environ["HAIHE_DATABASE_URL"] = servers.database_url
    os.environ["HAIHE_REDIS_URL"] = servers.redis_url
    config.stash[SERVERS] = stack


def pytest_unconfigure(config: pytest.Config) -> None:
    """The worker is done."""
    stack = config.stash.get(SERVERS, None)
    if stack is not None:
        stack.close()


@dataclass
class Clock:
    """A clock that stands still until a test moves it. It starts on 2026-11-20 at noon in Tianjin."""

    now: datetime = NOON

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **by: float) -> None:
        """Let time pass."""
        self.now += timedelta(**by)

    @property
    def today(self) -> date:
        """The day in Tianjin."""
        return (self.now + timedelta(hours=8)).date()


@pytest.fixture(scope="session")
def session_clock() -> Clock:
    """The clock of the application under test."""
    return Clock()


@pytest.fixture(scope="session")
def served_app(session_clock: Clock) -> Iterator[Flask]:
    """The application on a migrated database with the shipped rules published."""
    if "HAIHE_DATABASE_URL" not in os.environ:
        pytest.exit("These tests need the embedded servers: run `make test`.", returncode=4)
    app = create_app(read_settings(), now=session_clock)
    app.testing = True
    with app.app_context():
        upgrade(directory=str(ROOT / "migrations"))
        for file in (*shipped_rulebooks(), *shipped_scenarios()):
            publish_file(file)
        yield app
        db.session.remove()
        db.engine.dispose()


@pytest.fixture
def clock(session_clock: Clock) -> Clock:
    """The clock, set back to where it starts."""
    session_clock.now = NOON
    return session_clock


def take_away_what_was_published() -> None:
    """The rules as shipped: each was published once, and whatever a test before published or paused is undone."""
    undoing = (
        delete(ScenarioRow).where((ScenarioRow.revision > 1) | ScenarioRow.code.not_in(SHIPPED_SCENARIOS)),
        update(ScenarioRow).where(ScenarioRow.state != "PUBLISHED").values(state="PUBLISHED"),
        delete(RulebookRow).where(RulebookRow.version.not_in(SHIPPED_RULEBOOKS)),
    )
    changed = [db.session.execute(undo).rowcount for undo in undoing]
    if any(changed):
        next_generation()


@pytest.fixture
def app(served_app: Flask, clock: Clock, redis_client: redis.Redis) -> Iterator[Flask]:
    """The application with nobody in it: every table is empty but for the rules as shipped, and so is Redis."""
    with served_app.app_context():
        tables = [t.name for t in db.metadata.sorted_tables if t.name not in KEPT_TABLES]
        db.session.execute(text(f"TRUNCATE {', '.join(tables)} RESTART IDENTITY CASCADE"))
        take_away_what_was_published()
        db.session.commit()
        redis_client.flushall()
        served_app.extensions[EXTENSION].rules.up_to_date()
        yield served_app
        db.session.rollback()
        db.session.remove()


@pytest.fixture(scope="session")
def redis_client() -> Iterator[redis.Redis]:
    """A Redis client of the test's own."""
    client = redis.Redis.from_url(os.environ["HAIHE_REDIS_URL"])
    yield client
    client.close()


@pytest.fixture
def ctx(app: Flask) -> Context:
    """The context that the deeds are handed."""
    held: Context = app.extensions[EXTENSION]
    return held


@pytest.fixture
def rules_as_shipped(ctx: Context) -> Iterator[None]:
    """What a test has published is taken away again: the shipped rules are kept between tests."""
    yield
    db.session.rollback()
    new = (ScenarioRow.revision > 1) | (ScenarioRow.code == "XYZ-18")
    db.session.execute(delete(ScenarioRow).where(new))
    db.session.execute(update(ScenarioRow).values(state="PUBLISHED"))
    db.session.execute(delete(RulebookRow).where(RulebookRow.version != "HH-2026.1"))
    next_generation()
    db.session.commit()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """A caller over HTTP."""
    return app.test_client()


@pytest.fixture
def a(ctx: Context) -> Builders:
    """Builders with defaults: `a.resident()`, `a.record(resident, "D01", quantity=20)`, `a.merchant()`."""
    return Builders(ctx)
