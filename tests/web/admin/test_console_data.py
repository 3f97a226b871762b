"""数据页: sources with their credentials and rhythm; files, and what was set aside of them."""

from __future__ import annotations

import io
import re

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from haihe.storage.audit import AuditEntry
from haihe.storage.db import db, transaction
from haihe.storage.partners import OAuthClient
from haihe.storage.records import RecordRow, Source
from haihe.usecases.context import Context
from haihe.usecases.staff_login import Role
from haihe.usecases.uploads import load_uploads
from haihe.usecases.withdraw_file import carry_out_withdrawals
from tests.builders import Builders
from tests.conftest import Clock
from tests.usecases.test_import_records import WANG, csv_of, line
from tests.usecases.test_quarantine import WRONG, load
from tests.web.admin.console import TOKEN, Desk, desk

FORM = {"name": "河西区节点", "district": "120103", "indicators": "D01，D07", "expected_days": "7"}


@pytest.fixture
def person(app: Flask, ctx: Context) -> Desk:
    return desk(app, ctx, Role.DATA_CLERK)


def test_a_source_is_registered_and_its_system_comes_in_with_credentials_shown_once(
    person: Desk, client: FlaskClient
) -> None:
    answer = person.send("/console/data/sources", {**FORM, "code": "hexi"})
    assert answer.location == "/console/data/sources/hexi"
    page = person.send("/console/data/sources/hexi/credentials", {"seen": "0"})
    client_id = db.session.execute(select(OAuthClient.client_id)).scalar_one()
    first = re.search(r'id="secret">([^<]+)<', page.text)
    assert first is not None
    grant = {"grant_type": "client_credentials"}
    assert client.post("/oauth/token", data=grant, auth=(client_id, first[1])).status_code == 200
    assert first[1] not in person.get("/console/data/sources/hexi").text
    seen = re.search(r'name="seen" value="([^"]+T[^"]+)"', person.get("/console/data/sources/hexi").text)
    assert seen is not None
    path = f"/console/data/sources/hexi/credentials/{client_id}"
    assert "client_secret" in person.send(f"{path}/rotate", {"seen": seen[1]}).text
    assert person.send(f"{path}/rotate", {"seen": seen[1]}).status_code == 200  # the clock stands still
    assert client.post("/oauth/token", data=grant, auth=(client_id, first[1])).status_code == 401
    assert person.send(f"{path}/revoke").status_code == 303
    assert "已吊销" in person.get("/console/data/sources/hexi").text


def test_a_form_that_is_sent_again_makes_no_second_credentials(person: Desk, clock: Clock) -> None:
    person.send("/console/data/sources", {**FORM, "code": "hexi"})
    person.send("/console/data/sources/hexi/credentials", {"seen": "0"})
    again = person.send("/console/data/sources/hexi/credentials", {"seen": "0"})
    assert (again.status_code, "PAGE_OUT_OF_DATE" in again.text) == (409, True)
    client = db.session.execute(select(OAuthClient)).scalar_one()
    seen = {"seen": client.created_at.isoformat()}
    clock.forward(minutes=1)
    path = f"/console/data/sources/hexi/credentials/{client.client_id}/rotate"
    assert person.send(path, seen).status_code == 200
    assert person.send(path, seen).status_code == 409


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"name": ""}, "请填写名称"),
        ({"expected_days": "abc"}, "天数应为整数"),
        ({"expected_days": "0"}, "天数应为 1 至 366"),
        ({"indicators": "D01 ZZZ"}, "没有这个指标：ZZZ"),
        ({"district": "999999"}, "没有这个区"),
        ({"code": "1x"}, "代码应为"),
        ({"code": "ORDERS"}, "代码应为"),
    ],
)
def test_a_form_that_is_wrong_says_so_and_keeps_what_was_typed(
    person: Desk, change: dict[str, str], words: str
) -> None:
    answer = person.send("/console/data/sources", {"code": "hexi", **FORM, **change})
    assert answer.status_code == 422
    assert words in answer.text
    kept = {"code": "hexi", **FORM, **change}
    assert f'value="{kept["indicators"]}"' in answer.text
    assert db.session.query(Source).count() == 0


def test_a_source_that_is_late_is_marked_in_plain_words(person: Desk, clock: Clock, ctx: Context) -> None:
    person.send("/console/data/sources", {**FORM, "code": "hexi"})
    assert "还没有报送过，约定每 7 天报送一次" in person.get("/console/data/sources").text
    load(ctx, csv_of(line()), "hexi")
    assert "今天报送过" in person.get("/console/data/sources/hexi").text
    with transaction():
        source = db.session.get_one(Source, "hexi")
        assert source.last_import_at is not None
        source.last_import_at = source.last_import_at.replace(day=10)
    assert "10 天前报送过，约定每 7 天报送一次，已晚 3 天" in person.get("/console/data/sources").text
    assert "1 个来源逾期未报送" in person.get("/console/data").text
    assert "hexi,河西区节点,河西区,D01 D07,7,2026-11-10,是" in person.get("/console/data/sources.csv").text
    waits = person.get("/console").text
    assert re.search(r'figure">1</span>\s*<span>个来源逾期未报送', waits)


def test_a_clerk_of_a_district_cannot_reach_or_register_elsewhere(
    app: Flask, ctx: Context, person: Desk
) -> None:
    person.send("/console/data/sources", {**FORM, "code": "nankai", "district": "120104"})
    held = load(ctx, csv_of(line(number=WRONG)), "nankai").import_id
    hexi = desk(app, ctx, Role.DATA_CLERK, "hexi-clerk", ["120103"])
    assert "nankai" not in hexi.get("/console/data/sources").text
    assert hexi.get("/console/data/imports.csv").text.count("\n") == 1
    for path in (
        "sources/nankai",
        f"imports/{held}",
        f"imports/{held}/report.csv",
        f"imports/{held}/lines/2",
    ):
        assert hexi.get(f"/console/data/{path}").status_code == 404, path
    forged = hexi.send("/console/data/sources", {**FORM, "code": "x1", "district": "120104"})
    assert (forged.status_code, "DISTRICT_NOT_YOURS" in forged.text) == (403, True)
    refusals = select(AuditEntry.detail).where(AuditEntry.deed == "staff_refused")
    assert len(db.session.execute(refusals).all()) == 5


def test_a_line_is_put_right_on_the_page_and_traced_back_to_its_row(
    app: Flask, person: Desk, ctx: Context, a: Builders
) -> None:
    held = load(ctx, csv_of(line("R1", number=WRONG)), a.source()).import_id
    listed = person.get(f"/console/data/imports/{held}").text
    assert "ID_INVALID" in listed and WRONG not in listed
    path = f"/console/data/imports/{held}/lines/2"
    form = person.get(path).text
    assert WRONG not in form and "王小河" not in form and "王**" in form
    wrong = person.send(path, {"id_number": WANG, "quantity": "很多", "basis": "复函"})
    assert wrong.status_code == 422
    assert 'value="很多"' in wrong.text and 'value="复函"' in wrong.text
    assert "数量应为数字" in wrong.text
    assert person.send(path, {"id_number": WANG, "basis": "复函"}).status_code == 303
    gone = person.get(path)
    assert (gone.status_code, "LINE_NOT_QUARANTINED" in gone.text) == (404, True)
    record = db.session.execute(select(RecordRow.id)).scalar_one()
    found = person.get("/console/data/records?source=TEST&record_no=R1")
    assert found.location == f"/console/data/records/{record}"
    auditor = desk(app, ctx, Role.AUDITOR)
    traced = auditor.get(f"/console/data/records/{record}").text
    assert f"文件 {held}" in traced and "第 2 行" in traced and "由 data_clerk 更正" in traced


def test_retrying_and_sending_back_say_what_became_of_it(person: Desk, ctx: Context, a: Builders) -> None:
    held = load(ctx, csv_of(line("R1", number=WRONG)), a.source()).import_id
    answer = person.send(f"/console/data/imports/{held}/retry", {"after": "0"})
    assert answer.location == f"/console/data/imports/{held}?taken=0&left=1"
    assert "0 行入库，1 行仍退回" in person.get(answer.location).text
    empty = person.send(f"/console/data/imports/{held}/lines/2/back", {"note": ""})
    assert (empty.status_code, "请写明要来源部门做什么" in empty.text) == (422, True)
    person.send(f"/console/data/imports/{held}/lines/2/back", {"note": "请核对"})
    assert "已退回来源" in person.get(f"/console/data/imports/{held}").text
    assert "请核对" in person.get(f"/console/data/imports/{held}/report.csv").text


@pytest.mark.parametrize("path", ["imports/99", "imports/99/report.csv", "sources/none", "records/99"])
def test_what_is_not_there_is_told(person: Desk, path: str) -> None:
    assert person.get(f"/console/data/{path}").status_code == 404
    assert person.get("/console/data?before=x&q=%00").status_code == 200


def test_a_file_is_handed_in_and_watched_until_it_is_loaded(
    app: Flask, person: Desk, ctx: Context, a: Builders
) -> None:
    a.source()
    path = "/console/data/uploads"
    assert "请选择来源" in person.send(path, {}).text
    assert "请先选择文件" in person.send(path, {"source": "TEST"}).text
    answer = hand_in(person, csv_of(line("R1")))
    assert answer.location == f"{path}/1"
    assert "等待导入" in person.get(answer.location).text
    load_uploads(ctx, ctx.now)
    assert "/console/data/imports/1" in person.get(answer.location).text
    refused = hand_in(person, b"%PDF-1.7").location
    load_uploads(ctx, ctx.now)
    assert "FORMAT_UNKNOWN" in person.get(refused).text
    assert "文件是空的" in hand_in(person, b"").text
    hexi = desk(app, ctx, Role.DATA_CLERK, "hexi-clerk", ["120103"])
    assert hexi.get(f"{path}/1").status_code == 404
    assert hand_in(hexi, csv_of(line("R1"))).status_code == 404


def hand_in(person: Desk, data: bytes):
    token = TOKEN.search(person.get("/console/data/uploads").text)
    assert token is not None
    form = {"form_token": token[1], "source": "TEST", "file": (io.BytesIO(data), "名单.csv")}
    return person.client.post("/console/data/uploads", data=form, content_type="multipart/form-data")


def test_a_file_is_withdrawn_by_two(app: Flask, person: Desk, ctx: Context, a: Builders) -> None:
    held = load(ctx, csv_of(line("R1")), a.source()).import_id
    path = f"/console/data/imports/{held}/withdrawal"
    assert "请写明理由" in person.send(path, {"reason": ""}).text
    one = person.send(path, {"reason": "整列错位"}).location
    assert person.get(path).location == one
    assert person.send(path, {"reason": "再来"}).status_code == 409
    own = person.send(f"{one}/approve")
    assert (own.status_code, "OWN_WITHDRAWAL" in own.text) == (403, True)
    approver = desk(app, ctx, Role.APPROVER)
    assert re.search(r'figure">1</span>\s*<span>份文件待批准撤回', approver.get("/console").text)
    assert "整列错位" in approver.get("/console/data/withdrawals").text
    assert approver.send(f"{one}/approve").location == one
    assert approver.send(f"{one}/approve").status_code == 409
    assert "撤回中" in approver.get(one).text
    carry_out_withdrawals(ctx, ctx.now)
    assert "1 条不再有效" in person.get(one).text
    assert "提出整份撤回" not in person.get(f"/console/data/imports/{held}").text
