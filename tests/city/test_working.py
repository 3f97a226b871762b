"""A worker of the city brings everybody up to date by itself, and a kept snapshot is only used while it is whole."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import select

from haihe.city.failing import CityFailed
from haihe.city.snapshot import SnapshotError, open_snapshot, unwatched
from haihe.city.working import KeptSnapshot, rescore_if_due
from haihe.cli.rules import parse
from haihe.storage.audit import AuditEntry
from haihe.storage.city_jobs import daily_rescore_held
from haihe.storage.db import db
from haihe.storage.scores import LedgerEntry, RescoreRun, ScoreRow
from haihe.usecases.context import Context
from haihe.usecases.publish_rules import publish_rulebook
from haihe.usecases.rescore_everybody import rescore_everybody
from tests.builders import Builders
from tests.conftest import Clock
from tests.domain.published import RULEBOOK_FILE

Turn = Callable[[], bool]


@pytest.fixture
def turn(ctx: Context, tmp_path: Path) -> Turn:
    """One look of a worker at whether there is anything to rescore."""
    return lambda: rescore_if_due(ctx, "duckdb", tmp_path)


def points(resident: int) -> int:
    db.session.expire_all()
    return db.session.get_one(ScoreRow, resident).total


def publish(ctx: Context, clock: Clock, version: str, start: int, days: int) -> None:
    """The shipped rules with another start of one dimension, in force in so many days."""
    body = parse(RULEBOOK_FILE)
    dimensions = [d | {"base": start} if d["code"] == "E" else d for d in body["dimensions"]]
    begins = (clock.today + timedelta(days=days)).isoformat()
    revised = body | {"version": version, "in_force_from": begins, "dimensions": dimensions}
    publish_rulebook(ctx, revised, clock.now, "test")


def test_points_follow_a_rulebook_on_the_day_it_comes_into_force(
    ctx: Context, a: Builders, clock: Clock, turn: Turn, tmp_path: Path
) -> None:
    resident = a.resident()
    a.record(resident, "D07")
    publish(ctx, clock, "HH-TOMORROW", start=75, days=1)
    assert turn() is True
    assert (turn(), points(resident)) == (False, 501), "the rulebook in force has no news for anybody"

    clock.forward(days=1)
    assert turn() is True

    assert points(resident) == 506
    entry = db.session.execute(select(LedgerEntry).order_by(LedgerEntry.id.desc()).limit(1)).scalar_one()
    assert (entry.cause, entry.delta, entry.rulebook) == ("RULE_CHANGE", 5, "HH-TOMORROW")
    assert turn() is False
    done = db.session.execute(select(AuditEntry).where(AuditEntry.deed == "rescore_city_done")).scalars()
    assert [(e.actor, e.subject) for e in done] == [
        ("worker:city", "HH-2026.1"),
        ("worker:city", "HH-TOMORROW"),
    ]
    assert list(tmp_path.iterdir()) == []


def test_a_rulebook_that_comes_into_force_during_the_day_is_followed_the_same_day(
    ctx: Context, a: Builders, clock: Clock, turn: Turn
) -> None:
    resident = a.resident()
    a.record(resident, "D07")
    turn()

    publish(ctx, clock, "HH-TODAY", start=72, days=0)

    assert (turn(), points(resident), turn()) == (True, 503, False)


def test_points_follow_the_calendar(ctx: Context, a: Builders, clock: Clock, turn: Turn) -> None:
    resident = a.resident()
    a.record(resident, "C01", quantity=3)
    turn()
    clock.forward(days=25 * 31)

    assert (turn(), points(resident)) == (True, 500)


def test_what_an_operator_has_done_is_not_done_again(
    app: Flask, ctx: Context, clock: Clock, turn: Turn
) -> None:
    assert app.test_cli_runner().invoke(args=["city", "rescore"]).exit_code == 0
    assert turn() is False
    clock.forward(days=1)
    rescore_everybody(ctx, clock.now, "test")
    assert turn() is False


def test_one_worker_does_it_and_the_others_go_on_answering(ctx: Context, turn: Turn) -> None:
    with daily_rescore_held() as ours:
        assert ours
        assert turn() is False
    assert turn() is True


def test_a_run_that_failed_is_due_again(
    ctx: Context, a: Builders, clock: Clock, turn: Turn, monkeypatch: pytest.MonkeyPatch
) -> None:
    a.resident()
    with monkeypatch.context() as patch:
        patch.setattr("tempfile.mkdtemp", lambda *_a, **_k: (_ for _ in ()).throw(SnapshotError("磁盘已满")))
        with pytest.raises(CityFailed):
            turn()
    assert db.session.execute(select(RescoreRun)).scalars().all() == []
    assert turn() is True


def test_a_kept_snapshot_that_somebody_cleared_away_is_taken_anew(
    ctx: Context, a: Builders, clock: Clock, tmp_path: Path
) -> None:
    rulebook = ctx.rules.up_to_date().rulebook(clock.today)
    kept = KeptSnapshot(ctx, tmp_path)
    first = kept(clock.today, rulebook, (), unwatched)
    assert kept(clock.today, rulebook, (), unwatched) == first

    (first / "records.parquet").unlink()
    second = kept(clock.today, rulebook, (), unwatched)
    assert open_snapshot(second, clock.today).rows["residents"] == 0

    shutil.rmtree(second)
    assert kept(clock.today, rulebook, (), unwatched).exists()
