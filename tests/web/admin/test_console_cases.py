"""An objection at the console: taken, the department asked, decided, and a letter to the resident, by those whose work it is."""

from __future__ import annotations

from html import unescape

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from haihe.storage.audit import AuditEntry
from haihe.storage.db import db
from haihe.storage.objections import Objection
from haihe.storage.records import RecordRow
from haihe.usecases.context import Context
from haihe.usecases.objections import file_objection
from haihe.usecases.staff_login import Role
from tests.builders import Builders
from tests.conftest import Clock
from tests.web.admin.console import Desk, desk

WRONG = "应为市级，不是区级"


@pytest.fixture
def resident(a: Builders) -> int:
    return a.resident()


@pytest.fixture
def objection(ctx: Context, a: Builders, resident: int) -> int:
    return file_objection(ctx, resident, a.record(resident, "D03", level="区级"), WRONG, ctx.now()).id


@pytest.fixture
def officer(app: Flask, ctx: Context) -> Desk:
    return desk(app, ctx, Role.OBJECTION_OFFICER)


def do(person: Desk, objection: int, deed: str, **fields: str) -> TestResponse:
    return person.send(f"/console/cases/{objection}/{deed}", fields)


def text(person: Desk, path: str) -> str:
    return unescape(person.get(path).text)


def test_an_objection_is_taken_asked_about_decided_and_answered_by_letter(
    officer: Desk, objection: int, ctx: Context, resident: int
) -> None:
    assert "项异议由您经办或待接办" in text(officer, "/console")
    assert f"第 {objection} 号" in text(officer, "/console/cases")
    page = text(officer, f"/console/cases/{objection}")
    assert WRONG in page
    assert "测**" in page
    assert "测试居民" not in page
    assert do(officer, objection, "take").status_code == 303
    assert do(officer, objection, "ask", text="请核对评定级别").status_code == 303
    assert "等部门回复" in text(officer, "/console/cases?pile=mine")
    assert do(officer, objection, "note", text="确为市级", document_no="津文函8号").status_code == 303
    assert "1" in text(officer, "/console").split("来源部门已回复")[0][-200:]
    decided = do(officer, objection, "answer", outcome="CORRECTED", reason="经核实为市级。", level="市级")
    assert decided.status_code == 303, unescape(decided.text)
    assert db.session.query(RecordRow).one().level == "市级"
    letter = text(officer, f"/console/cases/{objection}/letter")
    assert "级别由“区级”更正为“市级”" in letter
    assert "自该记录生效之日起重新计算" in letter
    assert "测试居民" not in letter
    whole = officer.send(
        f"/console/cases/{objection}/letter", {"reason": "邮寄送达"}, f"/console/cases/{objection}/letter"
    )
    assert "测试居民1（" in whole.text
    (trace,) = db.session.query(AuditEntry).filter_by(deed="reveal_identity").all()
    assert (trace.subject, trace.detail["reason"]) == (f"resident:{resident}", "邮寄送达")
    assert f"第 {objection} 号" in text(officer, "/console/cases?pile=closed")


@pytest.mark.parametrize(
    ("deed", "fields", "told"),
    [
        ("answer", {"outcome": "CORRECTED", "reason": "我写的理由"}, "请写明更正后的内容"),
        ("answer", {"outcome": "UPHELD", "reason": "我写的理由", "level": "市级"}, "只有“更正”才需要填写"),
        ("answer", {"outcome": "CORRECTED", "reason": "我写的理由", "quantity": "许多"}, "应为数字"),
        ("answer", {"reason": "我写的理由"}, "不能为空"),
        ("note", {"text": "我写的理由", "document_no": ""}, "不能为空"),
        ("ask", {"text": "我写的理由 11010519491231002X"}, "请不要写证件号码"),
        ("hand-over", {"to": "nobody", "reason": "我写的理由"}, "请选择能办理"),
        ("extend", {"reason": "我写的理由" * 101}, "最多 500 个字"),
    ],
)
def test_what_is_wrong_is_told_and_what_was_typed_stays(
    officer: Desk, objection: int, deed: str, fields: dict[str, str], told: str
) -> None:
    answer = do(officer, objection, deed, **fields)
    page = unescape(answer.text)
    assert answer.status_code == 422
    assert told in page
    assert "我写的理由" in page
    assert db.session.query(Objection).one().state == "OPEN"


def test_a_second_look_by_the_same_person_is_told_on_the_page(
    app: Flask, ctx: Context, officer: Desk, objection: int, resident: int
) -> None:
    do(officer, objection, "answer", outcome="UPHELD", reason="无误。")
    second = file_objection(ctx, resident, db.session.query(RecordRow).one().id, "请再看", ctx.now()).id
    refused = do(officer, second, "answer", outcome="UPHELD", reason="仍然无误。")
    assert refused.status_code == 409
    assert "复核须由另一位工作人员办理" in refused.text
    assert "仍然无误。" in refused.text
    other = desk(app, ctx, Role.OBJECTION_OFFICER, "another")
    assert "第一次的决定" in text(other, f"/console/cases/{second}")
    assert do(other, second, "answer", outcome="REMOVED", reason="应当撤销。").status_code == 303
    assert "自始不计入" in text(other, f"/console/cases/{second}/letter")


def test_time_running_out_shows_to_everybody_and_to_the_auditor(
    app: Flask, ctx: Context, objection: int, clock: Clock
) -> None:
    clock.forward(days=6)
    auditor = desk(app, ctx, Role.AUDITOR)
    assert "时间已过八成或已超期" in text(auditor, "/console")
    page = text(auditor, f"/console/cases/{objection}")
    assert "已升级" in page
    assert "提交决定" not in page
    assert do(auditor, objection, "take").status_code == 403
    clock.forward(minutes=10, days=5)
    officer = desk(app, ctx, Role.OBJECTION_OFFICER)
    assert "已超期" in text(officer, "/console/cases?pile=urgent")


def test_another_district_finds_nothing_and_leaves_a_trace(app: Flask, ctx: Context, objection: int) -> None:
    far = desk(app, ctx, Role.OBJECTION_OFFICER, "far", ["120101"])
    assert f"第 {objection} 号" not in text(far, "/console/cases")
    assert far.get(f"/console/cases/{objection}").status_code == 404
    assert do(far, objection, "take").status_code == 404
    refused = db.session.query(AuditEntry).filter_by(deed="staff_refused", actor="staff:far").all()
    assert [e.detail["code"] for e in refused] == ["OBJECTION_NOT_FOUND"] * 2


def test_search_finds_by_number_indicator_source_and_officer(officer: Desk, objection: int) -> None:
    do(officer, objection, "take")
    for sought in (str(objection), "T2", "测试来源", "objection_officer", "D03", "道德模范"):
        found = text(officer, f"/console/cases?q={sought}")
        assert f"第 {objection} 号" in found, sought
    for sought in ("没有的", "%", "99999999999999999999", "\0"):
        assert "没有符合的异议" in text(officer, f"/console/cases?q={sought}") or sought == "\0"


def test_there_is_no_letter_before_the_decision_and_no_other_deed(officer: Desk, objection: int) -> None:
    assert officer.get(f"/console/cases/{objection}/letter").status_code == 409
    assert do(officer, objection, "destroy").status_code == 404
    assert officer.get("/console/cases/999").status_code == 404
