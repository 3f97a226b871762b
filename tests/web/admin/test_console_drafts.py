"""A benefit and a rulebook from an empty form to being in force, by two people with two roles, through the pages."""

from __future__ import annotations

import re
from html import unescape

import pytest
from flask import Flask
from sqlalchemy import select
from werkzeug.test import TestResponse

from haihe.storage.audit import AuditEntry
from haihe.storage.db import db
from haihe.storage.drafts import Draft
from haihe.usecases.context import Context
from haihe.usecases.reviewing import publish_due
from haihe.usecases.staff_login import Role
from tests.builders import Builders
from tests.conftest import Clock
from tests.web.admin.console import Desk, desk

pytestmark = pytest.mark.usefixtures("rules_as_shipped")
NEW = {
    "name": "信易游·景区免押租借",
    "domain": "旅游",
    "lead_department": "市文化和旅游局",
    "partner_kind": "景区",
    "benefit_type": "DEPOSIT_WAIVER",
    "criteria/kind": "all",
    "criteria/0/kind": "points_at_least",
    "criteria/0/value": "600",
    "offers/0/label": "免押租借讲解器",
    "offers/0/ceiling": "199.50",
    "valid_from": "2026-11-01",
    "default_terms": "交纳押金后即可租借，归还时退还。",
    "legal_note": "只给优惠，不设惩戒。",
    "pia_reference": "PIA-2026-18",
}


@pytest.fixture
def editor(app: Flask, ctx: Context) -> Desk:
    return desk(app, ctx, Role.SCENARIO_EDITOR)


@pytest.fixture
def approver(app: Flask, ctx: Context) -> Desk:
    return desk(app, ctx, Role.APPROVER)


def begin(editor: Desk, code: str = "XYZ-18", where: str = "scenarios", **more: str) -> str:
    answer = editor.send(f"/console/{where}", {"code": code, **more})
    assert answer.status_code == 303, answer.text
    return str(answer.location)


def version(editor: Desk, path: str) -> str:
    found = re.search(r'name="version" value="(\d+)"', editor.get(path).text)
    assert found is not None
    return found[1]


def write(editor: Desk, path: str, do: str = "save", **fields: str) -> TestResponse:
    return editor.send(path, {**NEW, "version": version(editor, path), "do": do, **fields})


def approve(approver: Desk, path: str, **fields: str) -> TestResponse:
    return approver.send(f"{path}/approve", {"version": version(approver, path), **fields})


def test_a_new_benefit_goes_from_an_empty_form_to_a_merchants_yes(
    editor: Desk, approver: Desk, ctx: Context, a: Builders
) -> None:
    path = begin(editor)
    assert write(editor, path, "submit").status_code == 303
    page = unescape(approver.get(path).text)
    assert "海河分不低于 600 分" in page
    assert "与空白逐项对照" in page
    assert approve(approver, path).status_code == 303

    scenario = ctx.rules.up_to_date().scenario("XYZ-18")
    assert scenario is not None
    assert (scenario.revision, scenario.offers[0].ceiling_fen) == (1, 19950)
    merchant = a.merchant("XYZ-18")
    resident = a.resident()
    a.record(resident, "A01", level="L3")
    a.record(resident, "D01", quantity=80)
    a.record(resident, "D02", level="市级")
    token = approver.client.post(
        "/oauth/token",
        data={"grant_type": "client_credentials"},
        auth=(merchant.client_id, merchant.client_secret),
    ).json["access_token"]
    question = {
        "subject": {"type": "pass", "id": a.shown_pass(resident, "XYZ-18")},
        "action": {"name": "use"},
        "resource": {"type": "scenario", "id": "XYZ-18"},
    }
    answer = approver.client.post(
        "/access/v1/evaluation", json=question, headers={"Authorization": f"Bearer {token}"}
    )
    assert (answer.json["decision"], answer.json["context"]["code"]) == (True, "OK")
    deeds = db.session.execute(select(AuditEntry.deed).where(AuditEntry.subject == "scenario_draft:XYZ-18"))
    assert set(deeds.scalars()) == {"begin_draft", "change_draft", "submit_draft", "approve_draft"}


def test_what_is_wrong_is_told_at_the_field_and_nothing_typed_is_lost(editor: Desk) -> None:
    path = begin(editor)
    write(editor, path, **{"name": "急诊优先", "offers/0/ceiling": "很多", "criteria/0/value": "1200"})
    answer = write(
        editor, path, "submit", **{"name": "急诊优先", "offers/0/ceiling": "很多", "criteria/0/value": "1200"}
    )
    page = unescape(answer.text)
    assert answer.status_code == 422
    assert "「急诊」属基本公共服务，不得以积分设限（国办发〔2020〕49号；激励性原则）" in page
    assert "应在 0 与 1000 之间" in page
    assert 'value="很多"' in page
    assert 'value="1200"' in page
    assert db.session.query(Draft).one().state == "DRAFT"


def test_criteria_are_added_nested_and_taken_away_by_buttons(editor: Desk) -> None:
    path = begin(editor)
    write(editor, path, "add|criteria", **{"criteria/new": "any"})
    assert db.session.query(Draft).one().written["criteria"] == {
        "all": [{"points_at_least": 600}, {"any": []}]
    }
    more = {"criteria/1/kind": "any", "criteria/1/new": "age_between"}
    write(editor, path, "add|criteria/1", **more)
    more |= {"criteria/1/0/kind": "age_between", "criteria/1/0/from": "60", "criteria/1/0/to": ""}
    write(editor, path, "nest|criteria/0", **more, **{"criteria/0/new": "not"})
    db.session.expire_all()
    assert db.session.query(Draft).one().written["criteria"] == {
        "all": [{"not": {"points_at_least": 600}}, {"any": [{"age_between": [60, None]}]}]
    }
    assert "不属于“海河分不低于 600 分”，且（年满 60 周岁）" in unescape(editor.get(path).text)
    write(editor, path, "drop|criteria/0", **more)
    db.session.expire_all()
    assert db.session.query(Draft).one().written["criteria"] == {
        "all": [{"any": [{"age_between": [60, None]}]}]
    }


def test_of_two_who_edit_at_once_the_second_sees_both_and_chooses(
    app: Flask, ctx: Context, editor: Desk
) -> None:
    other = desk(app, ctx, Role.SCENARIO_EDITOR, "another-editor")
    path = begin(editor)
    write(editor, path)
    seen = version(other, path)
    write(editor, path, name="第一个人的名称")
    answer = other.send(path, {**NEW, "name": "第二个人的名称", "version": seen, "do": "save"})
    assert answer.status_code == 409
    assert "第一个人的名称" in answer.text
    assert 'value="第二个人的名称"' in answer.text
    db.session.expire_all()
    assert db.session.query(Draft).one().written["name"] == "第一个人的名称"
    again = re.search(r'name="version" value="(\d+)"', answer.text)
    assert again is not None
    other.send(path, {**NEW, "name": "第二个人的名称", "version": again[1], "do": "save"})
    db.session.expire_all()
    assert db.session.query(Draft).one().written["name"] == "第二个人的名称"


def test_nobody_approves_what_they_had_a_hand_in(ctx: Context, editor: Desk, approver: Desk) -> None:
    path = begin(editor)
    write(editor, path, "submit")
    draft = db.session.query(Draft).one()
    draft.hands = [*draft.hands, "staff:approver"]
    db.session.commit()
    answer = approver.send(f"{path}/approve", {"version": str(draft.version)})
    assert (answer.status_code, "OWN_DRAFT" in answer.text) == (403, True)
    assert ctx.rules.up_to_date().scenario("XYZ-18") is None


def test_a_failing_golden_case_stops_approval_and_says_line_by_line_why(editor: Desk, approver: Desk) -> None:
    case = (
        "name: 六百五十分可以\nscenario: XYZ-18\nday: 2026-12-01\nfacts: {points: 650}\n"
        "outcome: 可以\nmerchant_code: OK\noffer: 免押租借讲解器\n"
    )
    assert editor.send("/console/golden-cases", {"text": case}).status_code == 303
    path = begin(editor)
    write(editor, path, "submit", **{"criteria/0/value": "700"})
    page = unescape(approver.get(path).text)
    assert "1 个案例中有 1 个不符" in page
    assert "还差 50 分" in page
    answer = approve(approver, path)
    assert (answer.status_code, "GOLDEN_CASES_FAIL" in answer.text) == (409, True)
    approver.send(f"{path}/return", {"version": version(approver, path), "reason": "分数线定高了"})
    assert "分数线定高了" in editor.get(path).text
    write(editor, path, "submit")
    assert approve(approver, path).status_code == 303


def test_a_case_that_cannot_be_read_is_told_with_its_line(editor: Desk) -> None:
    answer = editor.send("/console/golden-cases", {"text": "name: 一\nscenario: XYZ-07\nday: 明天\n"})
    assert answer.status_code == 422
    assert "第 3 行" in answer.text


def test_an_approved_benefit_waits_for_its_day(
    ctx: Context, editor: Desk, approver: Desk, clock: Clock
) -> None:
    path = begin(editor)
    write(editor, path, "submit")
    approve(approver, path, starts_on="2026-12-01")
    assert publish_due(ctx, ctx.now()) == 0
    assert ctx.rules.up_to_date().scenario("XYZ-18") is None
    clock.forward(days=11)
    assert publish_due(ctx, ctx.now()) == 1
    assert publish_due(ctx, ctx.now()) == 0
    assert ctx.rules.up_to_date().scenario("XYZ-18") is not None


def test_a_public_scenario_is_paused_resumed_and_retired_with_a_reason(ctx: Context, approver: Desk) -> None:
    for deed, state in (("pause", "PAUSED"), ("resume", "PUBLISHED"), ("retire", None)):
        assert approver.send(f"/console/scenarios/XYZ-09/{deed}", {"reason": "演练"}).status_code == 303
        found = ctx.rules.up_to_date().scenario("XYZ-09")
        assert (found and found.state.value) == state
    assert approver.send("/console/scenarios/XYZ-09/pause", {"reason": "再来"}).status_code == 404
    assert approver.send("/console/scenarios/XYZ-10/pause", {"reason": " "}).status_code == 422


def test_an_earlier_revision_comes_back_through_a_draft(editor: Desk, approver: Desk, ctx: Context) -> None:
    path = begin(editor)
    write(editor, path, "submit")
    approve(approver, path)
    path = begin(editor)
    write(editor, path, "submit", name="改过的名称")
    assert "改过的名称" in approver.get(path).text
    approve(approver, path)
    path = begin(editor, revision="1")
    editor.send(path, {**NEW, "version": version(editor, path), "do": "submit"})
    approve(approver, path)
    found = ctx.rules.up_to_date().scenario("XYZ-18")
    assert found is not None
    assert (found.revision, found.name) == (3, NEW["name"])


def test_a_district_editor_cannot_write_for_another_district_and_the_try_is_on_record(
    app: Flask, ctx: Context
) -> None:
    person = desk(app, ctx, Role.SCENARIO_EDITOR, "hexi", ["120103"])
    path = begin(person)
    answer = write(person, path, districts="120104")
    assert (answer.status_code, "DISTRICT_NOT_YOURS" in answer.text) == (403, True)
    assert write(person, path, districts="120103").status_code == 303
    refused = db.session.execute(
        select(AuditEntry.detail).where(AuditEntry.deed == "staff_refused")
    ).scalar_one()
    assert refused["code"] == "DISTRICT_NOT_YOURS"


def test_a_rulebook_change_is_stopped_by_a_case_mended_approved_and_announced(
    ctx: Context, editor: Desk, approver: Desk, clock: Clock
) -> None:
    case = (
        "name: 实名得十分\nrecords:\n- {indicator: A01, occurred_on: 2026-01-10, level: L3}\ndays:\n- {day: 2026-06-15, total: 510, grade: 一般, "
        "lines: {A01: 10}}\n"
    )
    editor.send("/console/golden-cases", {"text": case})
    path = begin(editor, "HH-2027.1", "rulebooks")
    text = str(db.session.query(Draft).one().written)
    text = text.replace("in_force_from: '2026-01-01'", "in_force_from: '2027-01-01'")
    assert "2027-01-01" in text

    def submit(written: str) -> TestResponse:
        return editor.send(path, {"text": written, "version": version(editor, path), "do": "submit"})

    assert "第 " in submit(text.replace("version: HH-2027.1", "version: X")).text
    assert submit(text.replace("L3: 10", "L3: 8")).status_code == 303
    page = unescape(approver.get(path).text)
    assert "2026-06-15 A01" in page
    assert "+8" in page
    assert approve(approver, path).status_code == 409
    approver.send(f"{path}/return", {"version": version(approver, path), "reason": "实名应为十分"})
    assert submit(text).status_code == 303
    assert approve(approver, path).status_code == 303
    assert "2027-01-01 起规则调整" in editor.get("/console/rulebooks").text
    assert ctx.rules.up_to_date().rulebook(clock.today).version == "HH-2026.1"
    clock.forward(days=45)
    assert publish_due(ctx, ctx.now()) == 1
    assert ctx.rules.up_to_date().rulebook(clock.today).version == "HH-2027.1"


def test_a_trial_on_the_city_shows_how_far_it_is(editor: Desk) -> None:
    path = begin(editor)
    answer = write(editor, path, "try")
    page = editor.get(answer.location).text
    assert "等待计算" in page
    assert 'http-equiv="refresh"' in page
