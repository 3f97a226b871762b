"""`flask demo create` again, later, cut off, or where it has no business. These tests build on one another's city."""

from __future__ import annotations

from typing import Any

import pytest
import redis
from sqlalchemy import func, select, text

from haihe.demo.city import create_city
from haihe.storage.audit import AuditEntry
from haihe.storage.db import db
from haihe.storage.records import RecordRow
from haihe.storage.residents import Resident
from haihe.storage.scores import LedgerEntry
from haihe.usecases.rescore import Touched, rescore
from tests.conftest import NOON, Clock
from tests.demo.conftest import Demo, nobody_left

RESIDENTS = 300


def count(table: Any) -> int:
    return db.session.execute(select(func.count()).select_from(table)).scalar_one()


def test_creating_it_again_changes_nothing_but_writes_the_card_anew(demo: Demo) -> None:
    before = (demo.card, count(Resident), count(RecordRow), count(LedgerEntry), count(AuditEntry))
    demo.file.unlink()
    result = demo.create("--seed", "9")

    assert result.exit_code == 0, result.output
    assert "种子 2026" in result.output
    assert (demo.card, count(Resident), count(RecordRow), count(LedgerEntry), count(AuditEntry)) == before


def test_it_is_refused_where_this_is_not_a_demo(demo: Demo) -> None:
    result = demo.create(demo="0")

    assert result.exit_code == 1
    assert "HAIHE_DEMO=1" in result.output


def test_the_named_residents_stand_where_they_stood_at_a_start_months_later(
    demo: Demo, session_clock: Clock
) -> None:
    before = {key: told["points"] for key, told in demo.told().items() if told["note"] != "普通居民"}
    for days in (1, 45, 320):
        session_clock.now = NOON
        session_clock.forward(days=days)
        assert demo.create().exit_code == 0
        after = {key: told["points"] for key, told in demo.told().items() if key in before}
        assert after == before


def test_what_a_visitor_changed_stays_changed_and_the_card_says_so(demo: Demo) -> None:
    resident_id, at = demo.resident("649"), demo.ctx.now()
    row = db.session.execute(
        select(RecordRow).where(RecordRow.resident_id == resident_id, RecordRow.indicator == "A01")
    ).scalar_one()
    row.level, row.version = "L2", 2
    rescore(demo.ctx, {resident_id: Touched()}, at)
    db.session.commit()

    assert demo.create().exit_code == 0
    told = demo.told()["649"]
    assert told["points"] == 644
    assert "此后有了变化" in told["note"]


def test_a_creation_that_is_cut_off_leaves_nothing_and_the_next_one_succeeds(
    demo: Demo, redis_client: redis.Redis
) -> None:
    nobody_left(redis_client)

    def cut_off(_done: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        create_city(demo.ctx, 200, 1, demo.ctx.now(), cut_off)
    assert (count(Resident), count(RecordRow)) == (0, 0)
    assert create_city(demo.ctx, 200, 1, demo.ctx.now(), lambda _done: None).new


def test_a_database_with_other_residents_is_left_as_it_is(demo: Demo) -> None:
    # Nobody can delete from the audit trail; a database that was never a demo city has none.
    db.session.execute(text("TRUNCATE audit, audit_heads"))
    db.session.commit()
    before = count(RecordRow)
    result = demo.create()

    assert result.exit_code == 1
    assert "没有写入" in result.output
    assert count(RecordRow) == before
