"""Everybody's points in one go come to what they come to one by one, and step on nothing that happened meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
import redis
from flask import Flask
from ibis.backends import BaseBackend
from sqlalchemy import func, select, text

from haihe.cache.keys import resident_place
from haihe.city import rescore as run
from haihe.city.rescore import CityRun, RescoreFailed, rescore_city
from haihe.demo.city import create_city
from haihe.storage.audit import AuditEntry
from haihe.storage.db import db, transaction
from haihe.storage.office import StaleCopy
from haihe.storage.residents import Resident
from haihe.storage.scores import LedgerEntry, ScoreRow
from haihe.usecases import adopt_scores
from haihe.usecases.context import Context
from haihe.usecases.gather_facts import renew_copies
from haihe.usecases.rescore import Touched
from haihe.usecases.rescore import rescore as rescore_one
from haihe.usecases.rescore_everybody import rescore_everybody
from tests.builders import Builders
from tests.conftest import Clock

RESIDENTS = 2_000
Rows = list[tuple[Any, ...]]


class Killed(BaseException):
    pass


@pytest.fixture
def rescore_all(ctx: Context, engine: BaseBackend, clock: Clock, tmp_path: Path) -> Iterator[Any]:
    """Rescore the whole city as of today, or of another day."""
    runs = iter(range(100))

    def rescore_all(on: date | None = None, **more: Any) -> CityRun:
        work = tmp_path / f"run{next(runs)}"
        work.mkdir()
        return rescore_city(ctx, engine, work, on or clock.today, "test", **more)

    return rescore_all


def scores() -> dict[int, tuple[Any, ...]]:
    db.session.expire_all()
    rows = db.session.execute(select(ScoreRow)).scalars()
    return {
        r.resident_id: (r.total, r.grade, r.dimensions, r.parts, r.on, r.last_day, r.rulebook) for r in rows
    }


def ledger(behind: int = 0) -> Rows:
    """What the ledger says of each resident in turn, since the entry with this number."""
    e = LedgerEntry
    rows = db.session.execute(
        select(e.resident_id, e.on, e.before, e.after, e.delta, e.part, e.cause, e.record_ids, e.rulebook)
        .where(e.id > behind)
        .order_by(e.resident_id, e.id)
    )
    return [tuple(row) for row in rows]


def last_entry() -> int:
    return db.session.execute(select(func.coalesce(func.max(LedgerEntry.id), 0))).scalar_one()


def total(resident: int) -> int:
    db.session.expire_all()
    return db.session.get_one(ScoreRow, resident).total


def moved_by_the_calendar(a: Builders, clock: Clock, how_many: int) -> list[int]:
    """Residents whose three points of volunteering run out by the time this returns."""
    residents = [a.resident() for _ in range(how_many)]
    for resident in residents:
        a.record(resident, "C01", quantity=3)
    clock.forward(days=25 * 31)
    return residents


@pytest.mark.parametrize("days", (31, 800))
def test_a_whole_city_comes_to_what_its_residents_come_to_one_by_one(
    ctx: Context, clock: Clock, rescore_all: Any, days: int
) -> None:
    create_city(ctx, RESIDENTS, 2026, ctx.now(), lambda _done: None)
    before, since = scores(), last_entry()
    db.session.execute(text("CREATE TABLE kept_scores AS TABLE scores"))
    db.session.commit()
    clock.forward(days=days)

    report = rescore_all()
    together, entries = scores(), ledger(since)
    with transaction():
        db.session.execute(text("DELETE FROM scores"))
        db.session.execute(text("INSERT INTO scores SELECT * FROM kept_scores"))
        db.session.execute(text("DROP TABLE kept_scores"))
        db.session.execute(text("DELETE FROM ledger WHERE id > :since"), {"since": since})
    alone = rescore_everybody(ctx, ctx.now(), "test")

    # A score that nothing has moved keeps the day on which it was last written, by either way.
    assert together == scores()
    assert entries == ledger(since)
    assert report.moved == alone.changed > 0
    assert report.differing >= report.moved
    for resident, held in together.items():
        started = before[resident][0] if resident in before else 0
        assert held[0] == started + sum(e[4] for e in entries if e[0] == resident)


def test_writers_at_once_write_what_one_writes(
    app: Flask, ctx: Context, clock: Clock, rescore_all: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    create_city(ctx, 300, 11, ctx.now(), lambda _done: None)
    clock.forward(days=200)
    monkeypatch.setattr(run, "BATCH", 7)

    report = rescore_all(apart=app.app_context)
    together = scores()

    assert report.moved > 14
    assert {r: s[0] for r, s in together.items()} == {
        r: sum(e[4] for e in entries)
        for r, entries in ((r, [e for e in ledger() if e[0] == r]) for r in together)
    }
    assert rescore_everybody(ctx, ctx.now(), "test").changed == 0


def test_a_rulebook_unlike_the_last_moves_whatever_it_moves_and_says_so(
    ctx: Context, a: Builders, rescore_all: Any
) -> None:
    resident = a.resident()
    a.record(resident, "C01", quantity=3)
    with transaction():
        db.session.execute(
            text(
                "UPDATE scores SET rulebook = 'HH-2020', total = total + 4,"
                """ parts = (parts - 'C01') || '{"C09": 7, "A": 62, "B": 248}'"""
            )
        )
    since, held = last_entry(), total(resident)

    assert rescore_all().moved == 1

    steps = [(e[5], e[4], e[6]) for e in ledger(since)]
    assert steps == [
        ("A", -2, "RULE_CHANGE"),
        ("B", 2, "RULE_CHANGE"),
        ("C01", 3, "RULE_CHANGE"),
        ("C09", -7, "RULE_CHANGE"),
    ]
    assert held + sum(step[1] for step in steps) == total(resident) == 503


def test_a_snapshot_that_has_been_written_back_once_is_not_written_twice(
    ctx: Context, a: Builders, clock: Clock, rescore_all: Any, tmp_path: Path
) -> None:
    (resident,) = moved_by_the_calendar(a, clock, 1)
    rescore_all()
    kept, since = tmp_path / "run0" / "snapshot", last_entry()

    report = rescore_all(snapshot=kept)

    assert (report.differing, report.overtaken, report.moved) == (1, 1, 0)
    assert (total(resident), last_entry()) == (500, since)


def test_a_second_run_finds_nothing_left_to_do(
    ctx: Context, a: Builders, clock: Clock, rescore_all: Any
) -> None:
    moved_by_the_calendar(a, clock, 3)

    assert rescore_all().moved == 3
    entries = last_entry()
    again = rescore_all()

    assert (again.differing, again.moved, last_entry()) == (0, 0, entries)


def test_an_interrupted_run_has_written_whole_batches_and_the_next_does_the_rest(
    ctx: Context, a: Builders, clock: Clock, rescore_all: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    residents = moved_by_the_calendar(a, clock, 5)
    monkeypatch.setattr(run, "BATCH", 2)
    adopt, batches = run.adopt_scores, []

    def killed_before_the_third_batch(*args: Any) -> Any:
        batches.append(args)
        if len(batches) == 3:
            raise Killed
        return adopt(*args)

    monkeypatch.setattr(run, "adopt_scores", killed_before_the_third_batch)
    with pytest.raises(Killed):
        rescore_all()
    assert sorted(total(r) for r in residents) == [500, 500, 500, 500, 503]
    report = rescore_all()

    assert (report.differing, report.moved) == (1, 1)
    assert [total(r) for r in residents] == [500] * 5
    assert len([e for e in ledger() if e[6] == "EXPIRED"]) == 5


def test_a_record_that_arrives_between_reading_and_writing_is_not_overwritten(
    ctx: Context, a: Builders, clock: Clock, rescore_all: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = moved_by_the_calendar(a, clock, 2)
    adopt = run.adopt_scores

    def something_arrives_first(*args: Any) -> Any:
        a.record(first, "C01", quantity=2)
        return adopt(*args)

    monkeypatch.setattr(run, "adopt_scores", something_arrives_first)
    report = rescore_all()

    assert (report.differing, report.overtaken, report.moved) == (2, 1, 1)
    assert (total(first), total(second)) == (502, 500)
    for resident in (first, second):
        assert sum(e[4] for e in ledger() if e[0] == resident) == total(resident)


def test_a_consent_withdrawn_between_reading_and_writing_stays_withdrawn(
    ctx: Context, a: Builders, clock: Clock, rescore_all: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    (resident,) = moved_by_the_calendar(a, clock, 1)
    adopt = run.adopt_scores

    def the_resident_leaves_first(*args: Any) -> Any:
        with transaction():
            db.session.execute(text("UPDATE consents SET withdrawn_at = :at"), {"at": ctx.now()})
            rescore_one(ctx, {resident: Touched()}, ctx.now())
        return adopt(*args)

    monkeypatch.setattr(run, "adopt_scores", the_resident_leaves_first)
    report = rescore_all()

    assert (report.overtaken, scores()) == (1, {})


def test_whoever_comes_of_age_is_scored_for_the_first_time(
    ctx: Context, a: Builders, clock: Clock, rescore_all: Any
) -> None:
    resident = a.resident(birth=clock.today.replace(year=clock.today.year - 18) + timedelta(days=1))
    assert scores() == {}
    clock.forward(days=1)

    report = rescore_all()

    assert report.grades == {(None, db.session.get_one(ScoreRow, resident).grade): 1}
    assert {e[6] for e in ledger()} == {"CONSENT"}


def test_versions_and_the_list_of_stale_copies_stay_as_they_are_for_no_copy_rests_on_what_is_stored(
    ctx: Context, a: Builders, clock: Clock, rescore_all: Any
) -> None:
    moved_by_the_calendar(a, clock, 1)
    a.resident()
    versions = dict(db.session.execute(select(Resident.id, Resident.version)).all())
    db.session.execute(StaleCopy.__table__.delete())
    db.session.commit()

    assert rescore_all().moved == 1

    assert dict(db.session.execute(select(Resident.id, Resident.version)).all()) == versions
    assert db.session.execute(select(StaleCopy.resident_id)).all() == []


def test_the_copies_of_those_who_moved_are_made_anew_and_those_of_the_others_left_alone(
    ctx: Context, a: Builders, clock: Clock, rescore_all: Any, redis_client: redis.Redis
) -> None:
    (moved,) = moved_by_the_calendar(a, clock, 1)
    other = a.resident()
    redis_client.flushall()

    report = rescore_all()

    copies = [redis_client.hget(*map(str, resident_place(r))) for r in (moved, other)]
    assert (report.refreshed, copies[1]) == (1, None)
    renew_copies(ctx, [moved], ctx.now())
    assert copies[0] == redis_client.hget(*map(str, resident_place(moved)))


def test_scores_are_written_though_redis_has_lost_its_memory_meanwhile(
    a: Builders,
    clock: Clock,
    rescore_all: Any,
    redis_client: redis.Redis,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (resident,) = moved_by_the_calendar(a, clock, 1)
    read = run.take_snapshot

    def then_it_is_emptied(*given: Any, **more: Any) -> Any:
        taken = read(*given, **more)
        redis_client.flushall()
        return taken

    monkeypatch.setattr(run, "take_snapshot", then_it_is_emptied)

    assert (rescore_all().refreshed, total(resident)) == (None, 500)
    assert redis_client.hget(*map(str, resident_place(resident))) is None


def test_a_run_leaves_one_entry_in_the_audit_trail(
    ctx: Context, a: Builders, clock: Clock, rescore_all: Any
) -> None:
    moved_by_the_calendar(a, clock, 3)

    rescore_all()

    entries = db.session.execute(select(AuditEntry).where(AuditEntry.deed == "rescore_city")).scalars().all()
    assert [(e.actor, e.detail["on"], e.detail["differing"]) for e in entries] == [
        ("test", clock.today.isoformat(), 3)
    ]


def test_another_day_than_today_is_only_looked_at(
    ctx: Context, a: Builders, clock: Clock, rescore_all: Any
) -> None:
    resident = a.resident()
    a.record(resident, "C01", quantity=3)

    report = rescore_all(clock.today + timedelta(days=25 * 31))

    assert (report.written, report.differing, report.moved) == (False, 1, 0)
    assert total(resident) == 503
    assert db.session.execute(select(AuditEntry).where(AuditEntry.deed == "rescore_city")).all() == []


def test_yesterdays_result_is_not_written_once_the_day_has_turned(
    ctx: Context, a: Builders, clock: Clock, rescore_all: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    (resident,) = moved_by_the_calendar(a, clock, 1)
    adopt = run.adopt_scores

    def midnight_passes_first(*args: Any) -> Any:
        clock.forward(days=1)
        return adopt(*args)

    monkeypatch.setattr(run, "adopt_scores", midnight_passes_first)
    with pytest.raises(RescoreFailed, match=r"不再写入.*已写回 0 / 1 人"):
        rescore_all()
    assert total(resident) == 503


def test_who_gains_and_who_loses_a_benefit_is_told(
    ctx: Context, a: Builders, clock: Clock, rescore_all: Any
) -> None:
    create_city(ctx, 400, 7, ctx.now(), lambda _done: None)
    clock.forward(days=300)

    report = rescore_all()

    assert {r.scenario for r in report.reach} == {s.code for s in ctx.rules.scenarios()}
    assert any(r.gained or r.lost for r in report.reach)
    assert sum(report.grades.values()) <= report.moved


def test_the_command_says_what_it_has_done(ctx: Context, a: Builders, clock: Clock, app: Any) -> None:
    moved_by_the_calendar(a, clock, 2)

    result = app.test_cli_runner().invoke(args=["city", "rescore"])

    assert result.exit_code == 0, result.output
    assert "已核对 2 人，2 人与已存的不同。\n总分有变动的 2 人。" in result.output


def test_a_database_that_goes_away_while_a_batch_is_written_leaves_nothing_half_done(
    ctx: Context, a: Builders, clock: Clock, rescore_all: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    residents = moved_by_the_calendar(a, clock, 4)
    monkeypatch.setattr(run, "BATCH", 2)
    write, batches = adopt_scores.apply, []

    def cut_off_in_the_second_batch(*args: Any) -> Any:
        batches.append(args)
        written = write(*args)
        if len(batches) == 2:
            db.session.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))
        return written

    monkeypatch.setattr(adopt_scores, "apply", cut_off_in_the_second_batch)
    with pytest.raises(RescoreFailed, match=r"数据库没有应答.*已写回 2 / 4 人，均完整有效"):
        rescore_all()
    assert sorted(total(r) for r in residents) == [500, 500, 503, 503]
    assert (rescore_all().differing, {total(r) for r in residents}) == (2, {500})
