"""Everybody's points anew: only what moved is written, and an interrupted run goes on where it stopped."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select

from haihe.storage.db import db
from haihe.storage.office import StaleCopy
from haihe.storage.residents import Resident
from haihe.storage.scores import LedgerEntry, ScoreRow
from haihe.usecases import rescore_everybody as deed
from haihe.usecases.context import Context
from haihe.usecases.rescore_everybody import rescore_everybody
from tests.builders import Builders
from tests.conftest import Clock


def total(resident: int) -> int:
    db.session.expire_all()
    return db.session.get_one(ScoreRow, resident).total


def test_what_the_calendar_moved_is_brought_up_to_date_with_its_cause(
    ctx: Context, a: Builders, clock: Clock
) -> None:
    resident = a.resident()
    a.record(resident, "C01", quantity=3)
    assert total(resident) == 503
    clock.forward(days=25 * 31)

    report = rescore_everybody(ctx, ctx.now(), "test")

    assert (report.done, report.changed) == (1, 1)
    assert total(resident) == 500
    last = db.session.execute(select(LedgerEntry).order_by(LedgerEntry.id.desc())).scalars().first()
    assert last is not None
    assert (last.part, last.cause, last.delta) == ("C01", "EXPIRED", -3)


def test_whoever_has_not_moved_is_left_alone(ctx: Context, a: Builders) -> None:
    resident = a.resident()
    version = db.session.get_one(Resident, resident).version

    report = rescore_everybody(ctx, ctx.now(), "test")

    assert (report.done, report.changed) == (1, 0)
    db.session.expire_all()
    assert db.session.get_one(Resident, resident).version == version


def test_an_interrupted_run_goes_on_behind_its_last_batch(
    ctx: Context, a: Builders, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    residents = [a.resident() for _ in range(5)]
    for resident in residents:
        a.record(resident, "C01", quantity=3)
    clock.forward(days=25 * 31)
    monkeypatch.setattr(deed, "BATCH", 2)
    seen: list[int] = []

    class Killed(BaseException):
        pass

    def killed_in_the_third_batch(done: int) -> None:
        seen.append(done)
        if sum(seen) >= 4:
            raise Killed

    with pytest.raises(Killed):
        rescore_everybody(ctx, ctx.now(), "test", killed_in_the_third_batch)
    report = rescore_everybody(ctx, ctx.now(), "test")

    assert (report.resumed_from, report.done, report.changed) == (4, 5, 5)
    assert [total(r) for r in residents] == [500] * 5


def test_moved_residents_are_marked_so_that_redis_hears_of_it(
    ctx: Context, a: Builders, clock: Clock
) -> None:
    resident = a.resident()
    a.record(resident, "C01", quantity=3)
    db.session.execute(StaleCopy.__table__.delete())
    db.session.commit()
    clock.forward(days=25 * 31)

    rescore_everybody(ctx, ctx.now(), "test")

    assert db.session.execute(select(func.count()).select_from(StaleCopy)).scalar() == 1
