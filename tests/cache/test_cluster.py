"""The same house on a real Redis Cluster: nothing that holds on one server fails to hold on three."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import select

from haihe.app import create_app
from haihe.cache.copies import CacheDown, Copies
from haihe.cache.keys import SHARDS
from haihe.config import read_settings
from haihe.domain.allowances import Allowance
from haihe.domain.errors import TooOften
from haihe.domain.passes import HeldPass
from haihe.storage.db import db
from haihe.storage.decisions import DecisionRow
from haihe.usecases.answer_question import answer_question
from haihe.usecases.answer_questions import Asked, Semantic, SubjectKind, Unanswerable, answer_questions
from haihe.usecases.asking import Asker, Question
from haihe.usecases.batch_journal import take_over_batches
from haihe.usecases.context import Context
from haihe.usecases.keep_copies import Keeper
from haihe.web.context import EXTENSION
from tests.builders import Builders
from tests.conftest import Clock
from tests.redis_cluster import Cluster, redis_cluster
from tests.usecases.test_answer_question import (
    BIKE,
    counted_round_trips,
    counted_statements,
    good_resident,
    wait_until_believed,
)

HOUR_MS = 3_600_000
FAR_OFF_MS = 4_000_000_000_000
SOMEBODY_OF_EACH_SHARD = range(1_000, 1_000 + SHARDS)


@pytest.fixture(scope="module")
def three_servers() -> Iterator[Cluster]:
    """One cluster for all of these tests."""
    with tempfile.TemporaryDirectory(prefix="hh-") as home, redis_cluster(Path(home)) as cluster:
        yield cluster


@pytest.fixture
def cluster(three_servers: Cluster) -> Cluster:
    """The cluster, with nothing in it."""
    three_servers.empty()
    return three_servers


@pytest.fixture
def copies(cluster: Cluster) -> Copies:
    """The Redis side of the house, whose connections have been open for long enough to be believed."""
    copies = Copies(cluster.url)
    for resident_id in SOMEBODY_OF_EACH_SHARD:
        copies.look(code_hash(resident_id))
    while not copies._believes():
        time.sleep(0.05)
    return copies


@pytest.fixture
def ctx(app: Flask, clock: Clock, cluster: Cluster) -> Iterator[Context]:
    """An application of its own, on the same database, whose Redis is the cluster."""
    second = create_app(replace(read_settings(), redis_url=cluster.url), now=clock)
    second.testing = True
    with second.app_context():
        yield second.extensions[EXTENSION]
        db.session.remove()
        db.engine.dispose()


def code_hash(resident_id: int) -> bytes:
    return bytes([resident_id % SHARDS]) + bytes(31)


def version(number: int, rest: bytes = b"copy") -> bytes:
    return number.to_bytes(8, "big") + rest


def unowned(resident_id: int) -> HeldPass:
    return HeldPass(resident_id, 1_000, BIKE)


def settled(resident_id: int, answer: bytes) -> HeldPass:
    return HeldPass(resident_id, 1_000, BIKE, 1, answer)


def test_one_look_tells_pass_copy_and_voucher_in_every_shard(copies: Copies, cluster: Cluster) -> None:
    copies.put([(r, version(r)) for r in SOMEBODY_OF_EACH_SHARD])
    copies.vouch(3, FAR_OFF_MS)
    for r in SOMEBODY_OF_EACH_SHARD:
        copies.store_pass(code_hash(r), unowned(r), HOUR_MS)

    for r in SOMEBODY_OF_EACH_SHARD:
        glance = copies.look(code_hash(r))
        assert (glance.generation, glance.held, glance.copy) == (3, unowned(r), version(r))
    assert all(cluster.held()), "every server holds a part"


def test_newer_copies_and_configurations_win_in_every_shard(copies: Copies) -> None:
    for r in SOMEBODY_OF_EACH_SHARD:
        copies.store_pass(code_hash(r), unowned(r), HOUR_MS)
    copies.put([(r, version(256, b"new")) for r in SOMEBODY_OF_EACH_SHARD])
    copies.put([(r, version(255, b"old")) for r in SOMEBODY_OF_EACH_SHARD])
    copies.raise_floor(6)
    copies.vouch(5, FAR_OFF_MS)

    for r in SOMEBODY_OF_EACH_SHARD:
        glance = copies.look(code_hash(r))
        assert glance.copy == version(256, b"new")
        assert glance.generation in (None, 6)


def test_the_journal_is_read_from_all_servers_adopted_and_struck_off(copies: Copies) -> None:
    copies.open_journal()
    copies.open_journal()
    copies.vouch(1, FAR_OFF_MS)
    for r in SOMEBODY_OF_EACH_SHARD:
        copies.store_pass(code_hash(r), unowned(r), HOUR_MS)
        assert copies.settle(code_hash(r), settled(r, b"yes"), HOUR_MS, b"%d" % r) == settled(r, b"yes")
        assert copies.settle(code_hash(r), settled(r, b"other"), HOUR_MS, b"again") == settled(r, b"yes")
    everything = sorted(b"%d" % r for r in SOMEBODY_OF_EACH_SHARD)

    first = copies.read_journal("first", 10, from_start=False)
    assert sorted(e.entry for e in first) == everything
    copies.adopt_journal("second", idle_ms=0)
    adopted = copies.read_journal("second", 10, from_start=True)
    assert sorted(e.entry for e in adopted) == everything
    copies.strike_journal(adopted)
    assert copies.read_journal("second", 10, from_start=True) == []


def test_passes_of_many_shards_end_together(copies: Copies) -> None:
    for r in SOMEBODY_OF_EACH_SHARD:
        copies.store_pass(code_hash(r), unowned(r), HOUR_MS)

    copies.end_passes([code_hash(r) for r in SOMEBODY_OF_EACH_SHARD])

    assert not any(copies.look(code_hash(r)).held for r in SOMEBODY_OF_EACH_SHARD)


def test_every_server_has_a_name_and_may_forget_its_scripts(copies: Copies, cluster: Cluster) -> None:
    assert len(copies.servers()) == len(cluster.servers)
    cluster.empty()

    copies.put([(r, version(1)) for r in SOMEBODY_OF_EACH_SHARD])
    copies.vouch(1, FAR_OFF_MS)

    assert all(cluster.held())


def test_a_new_connection_does_not_believe_a_voucher_at_once(copies: Copies, cluster: Cluster) -> None:
    copies.vouch(3, FAR_OFF_MS)

    assert Copies(cluster.url).look(code_hash(1)).generation is None
    assert copies.look(code_hash(1)).generation == 3


def test_connections_that_broke_are_opened_again(copies: Copies, cluster: Cluster) -> None:
    copies.vouch(3, FAR_OFF_MS)
    for server in cluster.servers:
        server.client_kill_filter(_type="normal", skipme=True)

    assert copies.look(code_hash(1)).generation is None
    copies.put([(r, version(1)) for r in SOMEBODY_OF_EACH_SHARD])


def test_a_shard_that_has_moved_to_another_server_is_found_there(copies: Copies, cluster: Cluster) -> None:
    copies.vouch(3, FAR_OFF_MS)
    r = SOMEBODY_OF_EACH_SHARD[0]
    slot = cluster.servers[0].execute_command("CLUSTER KEYSLOT", f"h:{{{r % SHARDS}}}:voucher")
    owner = next(
        n for n, s in enumerate(cluster.servers) if s.execute_command("CLUSTER COUNTKEYSINSLOT", slot)
    )
    other = (owner + 1) % len(cluster.servers)
    try:
        _move(cluster, slot, owner, other)
        copies.store_pass(code_hash(r), unowned(r), HOUR_MS)
        copies.put([(r, version(1))])
        assert copies.look(code_hash(r)).copy == version(1)
    finally:
        _move(cluster, slot, other, owner)


def test_a_cluster_that_is_not_there_is_down_and_no_more(cluster: Cluster) -> None:
    nowhere = Copies("redis+cluster://127.0.0.1:1")

    with pytest.raises(CacheDown):
        nowhere.ping()


def test_a_whole_question_takes_two_round_trips_and_no_sql(
    ctx: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    a, keeper = Builders(ctx), Keeper(ctx)
    assert keeper.turn(ctx.now())
    merchant, resident = a.merchant(BIKE), good_resident(a)
    wait_until_believed(ctx, keeper)
    code = a.shown_pass(resident, BIKE)
    _wait_until_all_believe(ctx, keeper)
    ctx.rules.up_to_date()
    db.session.remove()

    with counted_statements() as statements, counted_round_trips(ctx, monkeypatch) as round_trips:
        question = Question(Asker(merchant.client_id), code, BIKE, ctx.now())
        answer = answer_question(ctx, question)
        trips = round_trips()

    assert json.loads(answer)["decision"] is True
    assert (statements, trips) == ([], 2)
    assert keeper.turn(ctx.now())
    a.record(resident, "B11", document_no="（2026）津01执1号")
    later = Question(Asker(merchant.client_id), a.shown_pass(resident, BIKE), BIKE, ctx.now())
    assert json.loads(answer_question(ctx, later))["decision"] is False


def test_batches_and_allowances_hold_across_the_servers(
    ctx: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    a, keeper = Builders(ctx), Keeper(ctx)
    assert keeper.turn(ctx.now())
    merchant = a.merchant(BIKE)
    names = [a.link(good_resident(a), merchant, BIKE) for _ in range(8)]
    asker = Asker(merchant.client_id)
    wait_until_believed(ctx, keeper)
    _wait_until_all_believe(ctx, keeper)
    questions: list[Asked | Unanswerable] = [(SubjectKind.RESIDENT, name, BIKE) for name in names]

    def ask_all() -> list[bytes]:
        return answer_questions(ctx, asker, questions, Semantic.EXECUTE_ALL, ctx.now())

    told = ask_all()
    assert all(json.loads(answer)["decision"] for answer in told)
    assert take_over_batches(ctx, 60) == len(names)
    assert set(db.session.execute(select(DecisionRow.decision_id)).scalars()) == {
        json.loads(answer)["context"]["decision_id"] for answer in told
    }
    monkeypatch.setattr("haihe.usecases.ask_about_linked.ABOUT_ONE_RESIDENT", Allowance(2, 3600))
    assert all(json.loads(answer)["decision"] for answer in ask_all())
    refused = [json.loads(answer)["context"]["error"]["status"] for answer in ask_all()]
    assert refused == [429] * len(names)

    monkeypatch.setattr("haihe.cache.copies.ABOUT_ONE_RESIDENT", Allowance(1, 3600))
    resident = good_resident(a)
    codes = [a.shown_pass(resident, BIKE) for _ in range(2)]
    assert keeper.turn(ctx.now())
    assert json.loads(answer_question(ctx, Question(asker, codes[0], BIKE, ctx.now())))["decision"] is True
    with pytest.raises(TooOften):
        answer_question(ctx, Question(asker, codes[1], BIKE, ctx.now()))


def _wait_until_all_believe(ctx: Context, keeper: Keeper) -> None:
    """A connection to each of the servers has to be old enough, whichever of them the question will go to."""
    for shard in range(SHARDS):
        ctx.copies.look(bytes([shard]) + bytes(31))
    while not ctx.copies._believes():
        time.sleep(0.05)
    assert keeper.turn(ctx.now())


def _move(cluster: Cluster, slot: int, source: int, target: int) -> None:
    """What an operator's resharding does with one slot that holds a few keys."""
    names = [s.execute_command("CLUSTER MYID").decode() for s in cluster.servers]
    giving, taking = cluster.servers[source], cluster.servers[target]
    taking.execute_command("CLUSTER SETSLOT", slot, "IMPORTING", names[source])
    giving.execute_command("CLUSTER SETSLOT", slot, "MIGRATING", names[target])
    address = taking.connection_pool.connection_kwargs
    for key in giving.execute_command("CLUSTER GETKEYSINSLOT", slot, 1_000):
        giving.execute_command(
            "MIGRATE", "127.0.0.1", address["port"], key, 0, 5_000, "AUTH", address["password"]
        )
    for server in (taking, giving):
        server.execute_command("CLUSTER SETSLOT", slot, "NODE", names[target])
