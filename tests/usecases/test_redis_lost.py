"""A Redis of its own is started, stopped, emptied and started again while questions are asked over HTTP."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import redis
from flask import Flask
from flask.testing import FlaskClient

from haihe.app import create_app
from haihe.config import read_settings
from haihe.local.programs import Program
from haihe.local.redis import start_redis
from haihe.storage.db import db
from haihe.usecases.context import Context
from haihe.usecases.keep_copies import Keeper
from haihe.web.context import EXTENSION
from tests.builders import Builders, MerchantClient
from tests.conftest import Clock

BIKE = "XYZ-07"


class OwnRedis:
    """A Redis that a test may stop and start."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.starts = 0
        self.program: Program | None = None
        self.url = ""
        self.start()

    def start(self) -> None:
        sockets = self.home / "s"
        sockets.mkdir(exist_ok=True)
        for left in sockets.glob("redis/*"):
            left.unlink()
        for left in sockets.glob("redis"):
            left.rmdir()
        self.program, self.url = start_redis(self.home, sockets)

    def stop(self) -> None:
        if self.program is not None:
            self.program.stop()
            self.program = None


@pytest.fixture
def own_redis() -> Iterator[OwnRedis]:
    """A running Redis of the test's own, on a path short enough for a socket."""
    with tempfile.TemporaryDirectory(prefix="hh-") as home:
        server = OwnRedis(Path(home))
        try:
            yield server
        finally:
            server.stop()


@pytest.fixture
def served(app: Flask, clock: Clock, own_redis: OwnRedis) -> Iterator[Flask]:
    """A second application on the same database, with the test's own Redis."""
    second = create_app(replace(read_settings(), redis_url=own_redis.url), now=clock)
    second.testing = True
    with second.app_context():
        yield second
        db.session.remove()
        db.engine.dispose()


def ask(client: FlaskClient, token: str, code: str) -> Any:
    body = {
        "subject": {"type": "pass", "id": code},
        "action": {"name": "use"},
        "resource": {"type": "scenario", "id": BIKE},
    }
    answer = client.post("/access/v1/evaluation", json=body, headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 200, answer.get_data(as_text=True)
    return answer.get_json()


def token_of(client: FlaskClient, merchant: MerchantClient) -> str:
    answer = client.post(
        "/oauth/token",
        data={"grant_type": "client_credentials"},
        auth=(merchant.client_id, merchant.client_secret),
    )
    return str(answer.get_json()["access_token"])


def test_a_lost_redis_costs_speed_and_never_a_wrong_answer(
    served: Flask, own_redis: OwnRedis, clock: Clock
) -> None:
    ctx: Context = served.extensions[EXTENSION]
    a, keeper, client = Builders(ctx), Keeper(ctx), served.test_client()
    merchant, other = a.merchant(BIKE), a.merchant(BIKE)
    token, token_of_other = token_of(client, merchant), token_of(client, other)
    resident = a.resident()
    a.record(resident, "A01", level="L3")
    a.record(resident, "D01", quantity=80)
    a.record(resident, "D02", level="市级")
    assert keeper.turn(ctx.now())
    warm_code, later_code = a.shown_pass(resident, BIKE), a.shown_pass(resident, BIKE)
    warm = ask(client, token, warm_code)
    keeper.turn(ctx.now())

    own_redis.stop()

    assert not keeper.turn(ctx.now())
    assert ask(client, token, warm_code) == warm
    assert ask(client, token_of_other, warm_code)["context"]["code"] == "CODE_EXPIRED"
    assert ask(client, token, later_code)["decision"] is True
    a.record(resident, "B11", document_no="（2026）津01执1号")
    assert ask(client, token, a.shown_pass(resident, BIKE))["decision"] is False

    own_redis.start()
    _wait_until_asked_again(ctx)
    # The worst case: a voucher from before the outage is still there.
    ctx.copies.vouch(ctx.rules.generation, ctx.copies.now_ms() + 60_000)

    # Redis is back with what it held before; it is not believed before the keeper has seen to it.
    assert ask(client, token, a.shown_pass(resident, BIKE))["decision"] is False
    assert keeper.turn(ctx.now())
    assert ask(client, token, a.shown_pass(resident, BIKE))["decision"] is False
    assert ask(client, token_of_other, later_code)["context"]["code"] == "CODE_EXPIRED"


def test_an_emptied_redis_is_filled_again_by_itself(served: Flask, own_redis: OwnRedis) -> None:
    ctx: Context = served.extensions[EXTENSION]
    a, keeper, client = Builders(ctx), Keeper(ctx), served.test_client()
    merchant = a.merchant(BIKE)
    token = token_of(client, merchant)
    resident = a.resident()
    keeper.turn(ctx.now())
    code = a.shown_pass(resident, BIKE)

    redis.Redis.from_url(own_redis.url).flushall()

    assert ask(client, token, code)["context"]["code"] == "NOT_AVAILABLE"
    # The first turn finds the journal gone and begins anew with the second.
    assert not keeper.turn(ctx.now())
    _wait_until_asked_again(ctx)
    assert keeper.turn(ctx.now())
    assert ask(client, token, code)["context"]["code"] == "NOT_AVAILABLE"


def _wait_until_asked_again(ctx: Context) -> None:
    """A Redis that failed a moment ago is left alone for half a second."""
    ctx.copies._resting_until = 0.0
