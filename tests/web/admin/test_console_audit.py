"""Auditors at the console: who did what to whom and when, before and after; and whether the chains hold."""

from __future__ import annotations

from html import unescape

import pytest
from flask import Flask
from sqlalchemy import text

from haihe.storage.audit import AuditEntry, find_breaks, write_audit
from haihe.storage.db import db, transaction
from haihe.usecases.context import Context
from haihe.usecases.staff_login import Role
from tests.conftest import Clock
from tests.web.admin.console import Desk, desk


@pytest.fixture
def auditor(app: Flask, ctx: Context) -> Desk:
    return desk(app, ctx, Role.AUDITOR)


@pytest.fixture
def deeds(ctx: Context, clock: Clock) -> None:
    with transaction():
        changed = {"before": {"name": "旧名"}, "after": {"name": "新名", "domain": "旅游"}}
        write_audit(ctx.now(), "staff:li-na", "change_draft", "scenario_draft:XYZ-18", **changed)
        write_audit(
            ctx.now(), "staff:wang", "assign_objection", "objection:3", before=None, after="li", reason="休假"
        )


def found(auditor: Desk, query: str) -> str:
    return unescape(auditor.get(f"/console/audit?{query}").text)


def test_deeds_are_found_by_who_what_whom_and_day_with_before_and_after(auditor: Desk, deeds: None) -> None:
    whole = found(auditor, "")
    for words in ("修改草稿", "旧名", "新名", "旅游", "接办或移交异议", "休假", "（无）"):
        assert words in whole, words
    for query in ("actor=li-na", "deed=change_draft", "subject=scenario_draft:XYZ-18", "actor=staff:li-na"):
        page = found(auditor, query)
        assert "旧名" in page, query
        assert "休假" not in page, query
    assert "旧名" in found(auditor, "since=2026-11-20&until=2026-11-20")
    assert "没有符合的记录" in found(auditor, "since=2026-11-21")
    assert "没有符合的记录" in found(auditor, "until=2026-11-19")


@pytest.mark.parametrize(
    "query", ["since=yesterday", "until=2026-13-01", "actor=%00&since=x", "before=x&since=1"]
)
def test_a_wrong_day_is_told_beside_its_field(auditor: Desk, query: str) -> None:
    answer = auditor.get(f"/console/audit?{query}")
    assert (answer.status_code, "日期应写成" in answer.text) == (422, True)


def test_pages_follow_each_other_with_the_same_conditions(auditor: Desk, ctx: Context) -> None:
    with transaction():
        for n in range(60):
            write_audit(ctx.now(), "staff:li-na", "change_draft", f"scenario_draft:X{n:02d}")
    first = found(auditor, "actor=li-na")
    following = unescape(first.split('href="/console/audit?actor=li-na&')[1].split('"')[0])
    second = found(auditor, f"actor=li-na&{following}")
    assert ("X59" in first, "X09" in first) == (True, False)
    assert ("X09" in second, "X59" in second) == (True, False)


def test_nobody_audits_themselves(auditor: Desk, deeds: None) -> None:
    auditor.get("/console/audit")
    assert "查阅审计" not in found(auditor, "").split("结果")[-1]
    refused = auditor.get("/console/audit?actor=auditor")
    assert (refused.status_code, "须由另一位审计人员查阅" in refused.text) == (403, True)
    assert "search_audit" not in auditor.get("/console/audit.csv").text
    assert db.session.query(AuditEntry).filter_by(deed="staff_refused").count() == 1


def test_the_export_is_a_file_and_leaves_a_trace(auditor: Desk, deeds: None) -> None:
    answer = auditor.get("/console/audit.csv?actor=li-na")
    assert (answer.mimetype, answer.text.count("\n")) == ("text/csv", 2)
    (trace,) = db.session.query(AuditEntry).filter_by(deed="export_audit").all()
    assert trace.detail == {"sought": {"actor": "staff:li-na"}}


def test_chains_are_verified_and_a_change_behind_our_back_is_shown(auditor: Desk, deeds: None) -> None:
    assert "全部相符" in auditor.send("/console/audit/verify", page="/console/audit").text
    db.session.execute(text("ALTER TABLE audit DISABLE TRIGGER USER"))
    db.session.execute(text("UPDATE audit SET actor = 'staff:somebody' WHERE deed = 'change_draft'"))
    db.session.execute(text("ALTER TABLE audit ENABLE TRIGGER USER"))
    db.session.commit()
    assert "内容被改动" in auditor.send("/console/audit/verify", page="/console/audit").text
    told = db.session.query(AuditEntry).filter_by(deed="verify_audit").order_by(AuditEntry.id).all()
    assert [t.detail["breaks"] for t in told] == [0, 1]


def test_the_last_entries_of_a_chain_are_verified_without_the_first(ctx: Context, app: Flask) -> None:
    for n in range(5):
        with transaction():
            write_audit(ctx.now(), "staff:li-na", f"deed_{n}", "one")
    assert [find_breaks(recent) for recent in (1, 3, 5, 9)] == [[], [], [], []]
    db.session.execute(text("ALTER TABLE audit DISABLE TRIGGER USER"))
    db.session.execute(text("UPDATE audit SET actor = 'x' WHERE place = 2"))
    db.session.execute(text("DELETE FROM audit WHERE place = 4"))
    db.session.execute(text("ALTER TABLE audit ENABLE TRIGGER USER"))
    assert [[(b.place, b.what) for b in find_breaks(recent)] for recent in (1, 2, 5)] == [
        [],
        [(5, "MISSING")],
        [(2, "CHANGED"), (5, "MISSING")],
    ]
    db.session.rollback()
