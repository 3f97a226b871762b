"""A Redis that lost everything is filled again: for everybody, with the newest there is, and nobody is told wrongly meanwhile."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import redis
from flask import Flask
from sqlalchemy import update

from haihe.app import create_app
from haihe.cache.copies import CacheDown
from haihe.cache.filling import Filling
from haihe.cache.keys import resident_place
from haihe.city import warm as warming
from haihe.city.warm import RedisEmptied, Warmed, warm
from haihe.config import read_settings
from haihe.storage.db import db
from haihe.storage.links import Link
from haihe.usecases.answer_question import answer_question
from haihe.usecases.answer_questions import answer_about_linked
from haihe.usecases.asking import Asker, Question
from haihe.usecases.context import Context
from haihe.usecases.gather_facts import renew_copies
from haihe.usecases.keep_copies import Keeper
from haihe.usecases.links import withdraw_link
from haihe.usecases.open_order import Wish, open_order
from haihe.usecases.pass_code import hash_of_code
from haihe.web.context import EXTENSION
from tests.builders import Builders, MerchantClient
from tests.conftest import Clock
from tests.redis_cluster import redis_cluster
from tests.usecases.test_answer_question import (
    BIKE,
    counted_statements,
    good_resident,
)

Copy = tuple[bytes | None, bytes | None]


class Town:
    """A few residents with every kind of fact, and a merchant who asks about them."""

    def __init__(self, ctx: Context, a: Builders) -> None:
        self.ctx, self.a = ctx, a
        self.keeper = Keeper(ctx)
        self.merchant: MerchantClient = a.merchant(BIKE, "XYZ-15")
        self.good = [good_resident(a) for _ in range(4)]
        self.plain = [a.resident(district=d) for d in ("120101", None, "120119")]
        self.strange = [a.resident(joined=False), a.resident(sensitive=("MEDICAL",))]
        a.record(self.plain[0], "B11", document_no="（2026）津01执1号")
        # Known to an online merchant: with orders of two scenarios beside it, and with nothing else.
        self.names = [a.link(r, self.merchant, BIKE, "XYZ-15") for r in (self.good[0], self.plain[1])]
        self.keeper.turn(ctx.now())
        partner = ctx.rules.up_to_date().partner(self.merchant.client_id)
        assert partner is not None
        for n, scenario in enumerate((BIKE, "XYZ-15")):
            told = self.told(self.good[0], scenario)
            open_order(ctx, partner, f"ORDER-{n}", Wish(told["context"]["decision_id"]), ctx.now())
        self.everybody = [*self.good, *self.plain, *self.strange]

    def wait_until_vouched_for(self) -> None:
        """The keeper's first turn after a loss only finds out about it, and Redis is then left alone for a moment."""
        for _ in range(60):
            with suppress(CacheDown):
                self.keeper.turn(self.ctx.now())
                if self.ctx.copies.look(bytes(32)).generation is not None:
                    return
            time.sleep(0.1)
        pytest.fail("Redis is not vouched for")

    def told(self, resident: int, scenario: str = BIKE) -> dict[str, Any]:
        """What the merchant is told about a code that the resident shows now."""
        code = self.a.shown_pass(resident, scenario)
        answer = answer_question(
            self.ctx, Question(Asker(self.merchant.client_id), code, scenario, self.ctx.now())
        )
        found: dict[str, Any] = json.loads(answer)
        return found

    def answers(self) -> list[tuple[bool, str]]:
        """What a merchant is told about each of them."""
        told = [self.told(r) for r in self.everybody]
        return [(t["decision"], t["context"]["code"]) for t in told]


@pytest.fixture
def town(ctx: Context, a: Builders) -> Town:
    """Residents whose copies are all in Redis."""
    return Town(ctx, a)


def held(server: redis.Redis, residents: list[int]) -> list[Copy]:
    """The copies as they lie in Redis, each with the rest that lies apart."""
    places = [resident_place(r) for r in residents]
    return [(server.hget(name, str(f)), server.hget(f"{name}:+", str(f))) for name, f in places]


def after_reading(monkeypatch: pytest.MonkeyPatch, happens: Callable[[], object]) -> list[int]:
    """Let something happen between reading the database and writing the copies; counts how often it was read."""
    read, readings = warming.take_snapshot, []

    def reading(*given: Any, **more: Any) -> Any:
        taken = read(*given, **more)
        readings.append(1)
        happens()
        return taken

    monkeypatch.setattr(warming, "take_snapshot", reading)
    return readings


def test_an_emptied_redis_has_the_same_copies_again(
    town: Town, redis_client: redis.Redis, tmp_path: Path
) -> None:
    joined = [r for r in town.everybody if r != town.strange[0]]
    before = held(redis_client, joined)
    redis_client.flushall()

    assert warm(town.ctx, tmp_path) == Warmed(len(joined), len(joined))

    assert held(redis_client, joined) == before
    assert any(rest for _copy, rest in before), "two scenarios do not fit into a bucket"
    assert held(redis_client, town.strange[:1]) == [(None, None)], "who has not joined has no copy"
    assert not list(tmp_path.iterdir())
    assert not list(redis_client.scan_iter("*:filling:*"))


def test_once_warm_nobody_has_to_ask_postgresql(
    town: Town, redis_client: redis.Redis, tmp_path: Path
) -> None:
    redis_client.flushall()
    warm(town.ctx, tmp_path)
    town.wait_until_vouched_for()
    code = town.a.shown_pass(town.good[1], BIKE)
    town.ctx.rules.up_to_date()

    with counted_statements() as statements:
        question = Question(Asker(town.merchant.client_id), code, BIKE, town.ctx.now())
        answer = json.loads(answer_question(town.ctx, question))

    assert (answer["decision"], statements) == (True, [])


def test_linked_residents_are_answered_without_postgresql_as_well(
    town: Town, redis_client: redis.Redis, tmp_path: Path
) -> None:
    redis_client.flushall()
    warm(town.ctx, tmp_path)
    town.wait_until_vouched_for()
    town.ctx.rules.up_to_date()
    asker = Asker(town.merchant.client_id)
    db.session.remove()

    with counted_statements() as statements:
        told = [
            json.loads(answer_about_linked(town.ctx, asker, name, BIKE, town.ctx.now()))["decision"]
            for name in town.names
        ]

    assert (told, statements) == ([True, False], [])


@pytest.mark.parametrize("until", ("2027-11-20 04:00:00.001+00", "2027-11-20 04:00:00.9999+00"))
def test_a_link_ends_at_the_same_millisecond_in_both_readings(
    town: Town, redis_client: redis.Redis, tmp_path: Path, until: str
) -> None:
    db.session.execute(update(Link).values(expires_at=until))
    db.session.commit()
    redis_client.flushall()
    warm(town.ctx, tmp_path)
    warmed = held(redis_client, town.everybody)
    redis_client.flushall()

    renew_copies(town.ctx, town.everybody[:-2] + town.strange[1:], town.ctx.now())

    assert held(redis_client, town.everybody) == warmed


def test_a_link_that_is_withdrawn_meanwhile_does_not_come_back(
    town: Town, redis_client: redis.Redis, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    redis_client.flushall()
    who, merchant = town.good[0], town.merchant
    after_reading(monkeypatch, lambda: withdraw_link(town.ctx, who, merchant.merchant_id, town.ctx.now()))

    warm(town.ctx, tmp_path)
    town.wait_until_vouched_for()

    asker = Asker(merchant.client_id)
    told = json.loads(answer_about_linked(town.ctx, asker, town.names[0], BIKE, town.ctx.now()))
    assert told["context"]["code"] == "NOT_AVAILABLE"


def test_every_answer_is_right_while_redis_is_half_warm_and_after_the_next_run(
    town: Town, redis_client: redis.Redis, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    right = town.answers()
    redis_client.flushall()
    assert town.answers() == right
    redis_client.flushall()
    fill, begun = Filling.fill, []

    class Interrupted(BaseException):
        pass

    def fill_some(self: Filling, buckets: Any, length: int) -> int:
        begun.append(1)
        if len(begun) > 3:
            raise Interrupted
        return fill(self, buckets, length)

    with monkeypatch.context() as patch:
        patch.setattr(Filling, "fill", fill_some)
        patch.setattr(warming, "BUCKETS_AT_ONCE", 1)
        with pytest.raises(Interrupted):
            warm(town.ctx, tmp_path)
    there = [copy is not None for copy, _rest in held(redis_client, town.everybody)]
    assert any(there) and not all(there)
    town.wait_until_vouched_for()
    assert town.answers() == right

    assert warm(town.ctx, tmp_path).made == len(town.everybody) - 1
    town.wait_until_vouched_for()
    assert town.answers() == right
    assert not list(tmp_path.iterdir())


def test_a_change_that_arrives_meanwhile_is_not_undone(
    town: Town, redis_client: redis.Redis, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    resident = town.good[1]
    redis_client.flushall()
    after_reading(monkeypatch, lambda: town.a.record(resident, "B11", document_no="（2026）津01执2号"))

    warmed = warm(town.ctx, tmp_path)

    assert warmed.made - warmed.taken == 1
    town.wait_until_vouched_for()
    assert town.told(resident)["decision"] is False


def test_a_change_that_redis_forgot_meanwhile_is_not_undone_either(
    town: Town, redis_client: redis.Redis, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    resident = town.good[1]

    def changed_and_forgotten() -> None:
        if len(readings) == 1:
            town.a.record(resident, "B11", document_no="（2026）津01执3号")
            redis_client.flushall()

    readings = after_reading(monkeypatch, changed_and_forgotten)

    warmed = warm(town.ctx, tmp_path)

    assert (len(readings), warmed.taken) == (2, warmed.made)
    town.wait_until_vouched_for()
    assert town.told(resident)["decision"] is False


def test_a_redis_that_is_emptied_again_and_again_is_reported(
    town: Town, redis_client: redis.Redis, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    after_reading(monkeypatch, redis_client.flushall)

    with pytest.raises(RedisEmptied):
        warm(town.ctx, tmp_path)
    assert held(redis_client, town.everybody) == [(None, None)] * len(town.everybody)


def test_a_connection_that_broke_ends_the_run_and_the_next_one_does_it_all(
    town: Town, redis_client: redis.Redis, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    redis_client.flushall()
    with monkeypatch.context() as patch:
        after_reading(patch, lambda: redis_client.client_kill_filter(_type="normal", skipme=True))
        with pytest.raises(CacheDown):
            warm(town.ctx, tmp_path)

    assert warm(town.ctx, tmp_path).made == len(town.everybody) - 1


def test_the_command_says_how_many_are_warm(app: Flask, town: Town, redis_client: redis.Redis) -> None:
    redis_client.flushall()

    result = app.test_cli_runner().invoke(args=["city", "warm"])

    assert result.exit_code == 0, result.output
    assert f"已预热 {len(town.everybody) - 1} 位居民" in result.output


def test_a_cluster_is_filled_as_one_server_is(app: Flask, town: Town, clock: Clock, tmp_path: Path) -> None:
    before = {r: town.a.shown_pass(r, BIKE) for r in town.everybody}
    looked = {r: town.ctx.copies.look(hash_of_code(town.ctx, code)).copy for r, code in before.items()}
    with tempfile.TemporaryDirectory(prefix="hh-") as home, redis_cluster(Path(home)) as cluster:
        second = create_app(replace(read_settings(), redis_url=cluster.url), now=clock)
        with second.app_context():
            ctx: Context = second.extensions[EXTENSION]
            assert warm(ctx, tmp_path).taken == len(town.everybody) - 1
            for r in town.everybody:
                code = Builders(ctx).shown_pass(r, BIKE)
                copy = ctx.copies.look(hash_of_code(ctx, code)).copy
                assert copy == (None if r == town.strange[0] else looked[r])
            assert all(cluster.held())
            db.session.remove()
            db.engine.dispose()
