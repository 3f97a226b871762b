"""Looking up a person: for a purpose, masked until a second reason, every look on the record, every line led to its file."""

from __future__ import annotations

import io
from html import unescape

import pytest
from flask import Flask
from flask.testing import FlaskClient

from haihe.storage.audit import AuditEntry
from haihe.storage.db import db
from haihe.storage.looks import Look
from haihe.storage.residents import Resident
from haihe.usecases.context import Context
from haihe.usecases.export_my_data import export_my_data
from haihe.usecases.import_records import import_records
from haihe.usecases.staff_login import Role
from tests.builders import Builders, id_number
from tests.conftest import Clock
from tests.web.admin.console import Desk, desk
from tests.web.admin.staff import logged_in

WHO = {"purpose": "AUDIT", "basis": "审计通知 2026-3", "id_type": "RESIDENT", "id_number": id_number(1)}


@pytest.fixture
def resident(ctx: Context, a: Builders) -> int:
    """Somebody who joined, and about whom a file has come in."""
    number = a.resident()
    row = db.session.get_one(Resident, number)
    row.id_number_index = ctx.vault.index(f"RESIDENT:{id_number(1)}", "id_number")
    db.session.commit()
    header = "record_no,indicator,id_type,id_number,name,occurred_on,quantity\n"
    line = f"R1,D01,RESIDENT,{id_number(1)},测试居民1,2026-10-01,20\n"
    import_records(
        ctx, a.source("volunteers"), "志愿.csv", io.BytesIO((header + line).encode()), ctx.now(), "t"
    )
    return number


@pytest.fixture
def auditor(app: Flask, ctx: Context) -> Desk:
    return desk(app, ctx, Role.AUDITOR)


def looks_at(person: Desk, **fields: str) -> str:
    answer = person.send("/console/people", {**WHO, **fields}, "/console/people")
    assert answer.status_code == 303, unescape(answer.text)
    return str(answer.location)


def deeds(*names: str) -> list[tuple[str, str, str]]:
    found = db.session.query(AuditEntry).filter(AuditEntry.deed.in_(names)).order_by(AuditEntry.id)
    return [(e.actor, e.deed, e.subject) for e in found]


def test_a_line_is_followed_back_to_the_file_and_row_it_came_from(auditor: Desk, resident: int) -> None:
    path = looks_at(auditor)
    page = unescape(auditor.get(path).text)
    assert "测**" in page
    assert "测试居民1" not in page
    assert id_number(1) not in page
    assert "志愿.csv 第 2 行" in page
    assert 'href="/console/data/records/1">R1' in page
    traced = unescape(auditor.get("/console/data/records/1").text)
    assert "志愿.csv" in traced
    me = f"resident:{resident}"
    assert deeds("look_up_person", "see_person") == [
        ("staff:auditor", "look_up_person", me),
        ("staff:auditor", "see_person", me),
    ]


def test_who_it_is_is_shown_for_a_second_reason(auditor: Desk, resident: int, ctx: Context) -> None:
    path = looks_at(auditor)
    assert "不能为空" in auditor.send(f"{path}/reveal", {"reason": " "}, path).text
    told = auditor.send(f"{path}/reveal", {"reason": f"找 {id_number(1)}"}, path)
    assert (told.status_code, "请不要在这里写证件号码" in told.text) == (422, True)
    assert auditor.send(f"{path}/reveal", {"reason": "与本人当面核对"}, path).status_code == 303
    page = unescape(auditor.get(path).text)
    assert "测试居民1" in page
    assert id_number(1) in page
    assert deeds("reveal_identity") == [("staff:auditor", "reveal_identity", f"resident:{resident}")]
    (look,) = export_my_data(ctx, resident, ctx.now())["looks"]
    assert (look["username"], look["purpose"], look["revealed_at"] is not None) == ("auditor", "AUDIT", True)


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"purpose": ""}, "不能为空"),
        ({"purpose": "CURIOUS"}, "请选择查看的用途"),
        ({"basis": ""}, "不能为空"),
        ({"basis": id_number(1)}, "请不要在这里写证件号码"),
        ({"id_number": "123"}, "号码长度应为"),
        ({"id_number": ""}, "请填写证件号码，或者来源与记录编号"),
    ],
)
def test_without_a_purpose_a_ground_and_somebody_nothing_is_shown(
    auditor: Desk, resident: int, fields: dict[str, str], told: str
) -> None:
    answer = auditor.send("/console/people", {**WHO, "record_no": "留在框里", **fields}, "/console/people")
    page = unescape(answer.text)
    assert (answer.status_code, told in page) == (422, True)
    assert "留在框里" in page
    assert db.session.query(Look).count() == 0


def test_nobody_found_is_on_the_record_too(auditor: Desk, resident: int) -> None:
    answer = auditor.send("/console/people", {**WHO, "id_number": id_number(77)}, "/console/people")
    assert (answer.status_code, "没有找到这位居民" in answer.text) == (404, True)
    assert deeds("look_up_person") == [("staff:auditor", "look_up_person", "resident:none")]


def test_a_look_is_ones_own_and_ends(
    app: Flask, ctx: Context, auditor: Desk, resident: int, clock: Clock
) -> None:
    path = looks_at(auditor)
    assert desk(app, ctx, Role.AUDITOR, "another").get(path).status_code == 404
    clock.forward(minutes=29)
    assert auditor.get(path).status_code == 200
    clock.forward(minutes=1)
    assert auditor.get(path).status_code == 404


def test_another_district_finds_nobody_and_leaves_a_trace(app: Flask, ctx: Context, resident: int) -> None:
    far = desk(app, ctx, Role.OBJECTION_OFFICER, "far", ["120101"])
    answer = far.send("/console/people", WHO, "/console/people")
    assert (answer.status_code, db.session.query(Look).count()) == (404, 0)
    assert deeds("staff_refused") == [("staff:far", "staff_refused", "staff:far")]


def test_the_same_through_the_api(ctx: Context, client: FlaskClient, clock: Clock, resident: int) -> None:
    officer = logged_in(ctx, client, clock, Role.OBJECTION_OFFICER)
    body = {"purpose": "OBJECTION", "basis": "异议 1 号", "source": "volunteers", "record_no": "R1"}
    seen = client.post("/v1/admin/looks", json=body, headers=officer)
    assert seen.status_code == 201, seen.json
    person = seen.json
    assert (person["name"], person["revealed"], person["records"][0]["line_no"]) == ("测**", False, 2)
    assert any(line["record_ids"] == [1] for line in person["lines"])
    path = f"/v1/admin/looks/{person['look_id']}"
    assert client.get(path, headers=officer).json["name"] == "测**"
    whole = client.post(f"{path}/identity", json={"reason": "核对"}, headers=officer).json
    assert (whole["name"], whole["id_number"]) == ("测试居民1", id_number(1))
    clerk = logged_in(ctx, client, clock, Role.DATA_CLERK)
    assert client.post("/v1/admin/looks", json=body, headers=clerk).status_code == 403


def test_whoever_has_not_joined_has_records_and_no_points(
    app: Flask, ctx: Context, a: Builders, auditor: Desk
) -> None:
    stranger = a.resident(joined=False)
    a.record(stranger, "B14", document_no="津罚1号", severity="一般", record_no="R9")
    path = looks_at(auditor, id_number="", source="TEST", record_no="R9")
    page = unescape(auditor.get(path).text)
    assert "没有积分" in page
    assert "在本系统中产生" in page
