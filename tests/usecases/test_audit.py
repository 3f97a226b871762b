"""The audit trail: written with the deed or not at all, and nothing in it can be altered without its showing."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from haihe.domain.errors import Conflict
from haihe.storage.audit import AuditEntry, find_breaks, write_audit
from haihe.storage.db import db, transaction
from haihe.usecases.read_audit import anchors, verify_audit
from tests.conftest import Clock


def leave(clock: Clock, count: int, subject: str = "resident:1") -> None:
    for n in range(count):
        with transaction():
            write_audit(
                clock.now + timedelta(seconds=n), "test", "deed", subject, n=n, words="中文", none=None
            )


def tamper(statement: str) -> None:
    """What an administrator of the database could do."""
    db.session.execute(text("ALTER TABLE audit DISABLE TRIGGER keep_audit"))
    db.session.execute(text(statement))
    db.session.execute(text("ALTER TABLE audit ENABLE TRIGGER keep_audit"))
    db.session.commit()


def test_an_untouched_trail_holds(app: Flask, clock: Clock) -> None:
    leave(clock, 5)
    leave(clock, 3, "resident:2")
    verified = verify_audit()
    assert (verified.entries, verified.breaks) == (8, ())


def test_a_deed_that_fails_leaves_no_trace_and_no_gap(app: Flask, clock: Clock) -> None:
    leave(clock, 1)
    with pytest.raises(Conflict), transaction():
        write_audit(clock.now, "test", "deed", "resident:1")
        raise Conflict("NO", "no")
    leave(clock, 1)
    assert [e.place for e in db.session.query(AuditEntry).order_by(AuditEntry.id)] == [1, 2]
    assert find_breaks() == []


def test_several_traces_of_one_deed_are_one_after_the_other(app: Flask, clock: Clock) -> None:
    with transaction():
        for n in range(3):
            write_audit(clock.now, "test", "deed", f"resident:{n}")
    entries = db.session.query(AuditEntry).order_by(AuditEntry.id).all()
    assert [e.place for e in entries] == [1, 2, 3]
    assert len({e.lane for e in entries}) == 1
    assert find_breaks() == []


def test_deeds_done_at_once_still_make_whole_chains(app: Flask, clock: Clock) -> None:
    def deeds(worker: int) -> None:
        with app.app_context():
            for n in range(20):
                with transaction():
                    write_audit(clock.now, f"worker:{worker}", "deed", f"resident:{n % 3}")
            db.session.remove()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(deeds, range(4)))
    verified = verify_audit()
    assert (verified.entries, verified.breaks) == (80, ())


@pytest.mark.parametrize(
    ("statement", "what"),
    [
        ("UPDATE audit SET actor = 'somebody else' WHERE place = 2", {"CHANGED"}),
        ("UPDATE audit SET detail = '{}' WHERE place = 2", {"CHANGED"}),
        ("UPDATE audit SET at = at - interval '1 second' WHERE place = 2", {"CHANGED"}),
        ("DELETE FROM audit WHERE place = 2", {"MISSING"}),
        ("DELETE FROM audit WHERE place = 4", {"CUT_OFF"}),
        (
            "UPDATE audit SET actor = 'x', hash = audit_hash(previous, lane, place, at, 'x', deed, subject, detail)"
            " WHERE place = 2",
            {"UNCHAINED"},
        ),
        ("UPDATE audit_heads SET place = 3", {"CUT_OFF", "BEYOND_END"}),
    ],
)
def test_whatever_is_altered_shows(app: Flask, clock: Clock, statement: str, what: set[str]) -> None:
    leave(clock, 4)
    tamper(statement)
    assert {b.what for b in find_breaks()} == what


def test_an_anchor_kept_elsewhere_shows_that_a_whole_chain_was_written_anew(app: Flask, clock: Clock) -> None:
    leave(clock, 3)
    kept = anchors()
    tamper("TRUNCATE audit, audit_heads")
    leave(clock, 2)
    assert verify_audit().breaks == ()
    assert [b.what for b in verify_audit(kept).breaks] == ["ANCHOR"]


@pytest.mark.parametrize("statement", ["UPDATE audit SET actor = 'x'", "DELETE FROM audit"])
def test_the_database_itself_refuses_to_alter_the_trail(app: Flask, clock: Clock, statement: str) -> None:
    leave(clock, 1)
    with pytest.raises(DBAPIError, match="never changed or deleted"):
        db.session.execute(text(statement))
    db.session.rollback()


def test_the_command_says_whether_all_is_well_and_where_not(app: Flask, clock: Clock, tmp_path: Path) -> None:
    runner = app.test_cli_runner()
    leave(clock, 3)
    heads = tmp_path / "heads.json"
    heads.write_text(runner.invoke(args=["audit", "heads"]).output)
    well = runner.invoke(args=["audit", "verify", "--against", str(heads)])
    assert (well.exit_code, well.output) == (0, "审计记录 3 条，1 条链，全部相符。\n")
    tamper("UPDATE audit SET actor = 'x' WHERE place = 2")
    broken = runner.invoke(args=["audit", "verify"])
    assert broken.exit_code == 1
    assert "第 2 条：内容被改动" in broken.output
    nonsense = tmp_path / "nonsense.json"
    nonsense.write_text(json.dumps([{"lane": 1}]))
    assert (
        "不是 audit heads 保存的文件"
        in runner.invoke(args=["audit", "verify", "--against", str(nonsense)]).output
    )
