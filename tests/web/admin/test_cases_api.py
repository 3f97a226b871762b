"""Whose work an objection is, and what is written to the source department and back, through the API."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pyotp
import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from haihe.storage.audit import AuditEntry
from haihe.storage.copies import next_generation
from haihe.storage.db import db, transaction
from haihe.storage.objections import ObjectionMessage
from haihe.storage.partners import OAuthClient
from haihe.usecases.cases import Pile, count_cases, list_cases
from haihe.usecases.context import Context
from haihe.usecases.objections import file_objection
from haihe.usecases.publish_rules import configuration_changed
from haihe.usecases.staff_login import Role, StaffCaller, create_staff
from tests.builders import Builders, id_number
from tests.conftest import Clock
from tests.web.admin.staff import PASSWORD, SECRET, logged_in

Call = Callable[..., TestResponse]


@pytest.fixture
def objection(ctx: Context, a: Builders) -> int:
    """A resident's objection to a penalty."""
    resident = a.resident()
    record = a.record(resident, "B14", document_no="津罚1号", severity="一般", source="police")
    return file_objection(ctx, resident, record, "这张罚单不是我的", ctx.now()).id


@pytest.fixture
def officer(ctx: Context, client: FlaskClient, clock: Clock) -> Call:
    return caller(client, logged_in(ctx, client, clock, Role.OBJECTION_OFFICER))


@pytest.fixture
def department(ctx: Context, client: FlaskClient, a: Builders) -> Call:
    return source(ctx, client, a.source("police"))


def caller(client: FlaskClient, headers: dict[str, str]) -> Call:
    def call(method: str, path: str, body: Any = None) -> TestResponse:
        return client.open(f"/v1/admin{path}", method=method, json=body, headers=headers)

    return call


def source(ctx: Context, client: FlaskClient, code: str) -> Call:
    with transaction():
        db.session.add(
            OAuthClient(
                client_id=f"d-{code}",
                secret_sha256=hashlib.sha256(b"secret").digest(),
                scopes=["records"],
                source=code,
                created_at=ctx.now(),
            )
        )
        number = next_generation()
    configuration_changed(ctx, number)
    form = {"grant_type": "client_credentials"}
    token = client.post("/oauth/token", data=form, auth=(f"d-{code}", "secret")).json["access_token"]
    return caller(client, {"Authorization": f"Bearer {token}"})


def test_a_department_is_asked_and_answers_without_learning_whom_it_is_about(
    officer: Call, department: Call, objection: int
) -> None:
    assert department("GET", "/source-questions").json == {"questions": []}
    asked = officer("POST", f"/objections/{objection}/questions", {"text": "请核对该车当日的车主。"})
    assert asked.status_code == 200, asked.json
    (question,) = department("GET", "/source-questions").json["questions"]
    assert (question["objection_id"], question["waiting"], question["answer_by"]) == (
        objection,
        True,
        "2026-11-27",
    )
    assert [m["text"] for m in question["messages"]] == ["请核对该车当日的车主。"]
    assert "这张罚单" not in str(question)
    answer = {"text": "当日车主确非本人，可以撤销。", "document_no": "津公函〔2026〕8号"}
    assert department("POST", f"/source-questions/{objection}", answer).json["waiting"] is False
    kept = officer("GET", f"/objections/{objection}/messages").json["messages"]
    assert [(m["from_source"], m["written_by"], m["document_no"]) for m in kept] == [
        (False, "staff:objection_officer", None),
        (True, "source:police", "津公函〔2026〕8号"),
    ]
    (line,) = officer("GET", "/objections").json["objections"]
    assert (line["taken_by"], line["exchange"]) == ("objection_officer", "ANSWERED")
    sealed = db.session.query(ObjectionMessage).all()
    assert not any("车主".encode() in m.text_sealed for m in sealed)


def test_a_department_finds_only_what_it_was_asked(
    ctx: Context, client: FlaskClient, officer: Call, department: Call, objection: int, a: Builders
) -> None:
    refused = department("POST", f"/source-questions/{objection}", {"text": "无人问起"})
    assert (refused.status_code, refused.json["code"]) == (404, "OBJECTION_NOT_FOUND")
    officer("POST", f"/objections/{objection}/questions", {"text": "请核对。"})
    other = source(ctx, client, a.source("court"))
    assert other("GET", "/source-questions").json == {"questions": []}
    assert other("POST", f"/source-questions/{objection}", {"text": "不是我们的"}).status_code == 404
    officer("POST", f"/objections/{objection}/answer", {"outcome": "UPHELD", "reason": "记录无误。"})
    assert department("POST", f"/source-questions/{objection}", {"text": "太晚了"}).status_code == 404
    assert officer("GET", "/source-questions").status_code in (401, 403)


@pytest.mark.parametrize(
    ("path", "body", "code"),
    [
        ("questions", {"text": f"证件号 {id_number(1)} 的车"}, "IDENTITY_IN_TEXT"),
        ("questions", {"text": ""}, "REQUEST_INVALID"),
        ("notes", {"text": "来函收悉"}, "REQUEST_INVALID"),
        ("hand-over", {"to": "nobody", "reason": "休假"}, "OFFICER_INVALID"),
        ("hand-over", {"to": "auditor", "reason": "休假"}, "OFFICER_INVALID"),
    ],
)
def test_what_makes_no_sense_is_refused(
    officer: Call, ctx: Context, objection: int, path: str, body: dict[str, str], code: str
) -> None:
    create_staff(ctx, "auditor", PASSWORD, SECRET, Role.AUDITOR, [], ctx.now(), "t")
    answer = officer("POST", f"/objections/{objection}/{path}", body)
    assert (answer.status_code, answer.json["code"]) == (422, code)


def test_what_the_system_made_itself_has_no_department_to_ask(
    ctx: Context, officer: Call, a: Builders
) -> None:
    resident = a.resident()
    record = a.record(resident, "E12", severity="一般", source="ORDERS")
    made = file_objection(ctx, resident, record, "已经付清", ctx.now()).id
    answer = officer("POST", f"/objections/{made}/questions", {"text": "请核对。"})
    assert answer.json["code"] == "SOURCE_CANNOT_ANSWER"


def test_one_works_on_it_until_another_takes_it_over_for_a_reason(
    ctx: Context, client: FlaskClient, officer: Call, objection: int
) -> None:
    other = another_officer(ctx, client)
    assert officer("POST", f"/objections/{objection}/take", {}).json["taken_by"] == "objection_officer"
    upheld = {"outcome": "UPHELD", "reason": "记录无误。"}
    refused = other("POST", f"/objections/{objection}/answer", upheld)
    assert (refused.status_code, refused.json["code"]) == (409, "OBJECTION_TAKEN")
    assert other("POST", f"/objections/{objection}/take", {}).json["code"] == "REASON_MISSING"
    taken = other("POST", f"/objections/{objection}/take", {"reason": "原经办人休假"})
    assert taken.json["taken_by"] == "another"
    back = other("POST", f"/objections/{objection}/hand-over", {"to": "objection_officer", "reason": "销假"})
    assert back.json["taken_by"] == "objection_officer"
    assert officer("POST", f"/objections/{objection}/answer", upheld).status_code == 200
    moves = db.session.query(AuditEntry).filter_by(deed="assign_objection").order_by(AuditEntry.id).all()
    assert [(m.detail["before"], m.detail["after"], m.detail["reason"]) for m in moves] == [
        (None, "objection_officer", ""),
        ("objection_officer", "another", "原经办人休假"),
        ("another", "objection_officer", "销假"),
    ]


def test_a_second_look_is_neither_taken_by_nor_given_to_whoever_answered_the_first(
    ctx: Context, client: FlaskClient, officer: Call, a: Builders
) -> None:
    resident = a.resident()
    record = a.record(resident, "B14", document_no="津罚1号", severity="一般")
    first = file_objection(ctx, resident, record, "不对", ctx.now()).id
    officer("POST", f"/objections/{first}/answer", {"outcome": "UPHELD", "reason": "记录无误。"})
    second = file_objection(ctx, resident, record, "请再看", ctx.now()).id
    assert officer("POST", f"/objections/{second}/take", {}).json["code"] == "SECOND_LOOK_BY_ANOTHER"
    other = another_officer(ctx, client)
    given = other("POST", f"/objections/{second}/hand-over", {"to": "objection_officer", "reason": "请办"})
    assert given.json["code"] == "SECOND_LOOK_BY_ANOTHER"


def test_a_district_that_is_not_ones_own_is_refused_on_the_record(
    ctx: Context, client: FlaskClient, objection: int
) -> None:
    far = another_officer(ctx, client, ["120101"])
    answer = far("POST", f"/objections/{objection}/take", {})
    assert (answer.status_code, answer.json["code"]) == (404, "OBJECTION_NOT_FOUND")
    (refusal,) = db.session.query(AuditEntry).filter_by(deed="staff_refused").all()
    assert (refusal.actor, refusal.detail["code"]) == ("staff:another", "OBJECTION_NOT_FOUND")


def test_a_role_that_may_not_answer_is_refused_on_the_record(
    app: Flask, ctx: Context, client: FlaskClient, clock: Clock, objection: int
) -> None:
    auditor = caller(client, logged_in(ctx, client, clock, Role.AUDITOR))
    assert auditor("GET", f"/objections/{objection}").status_code == 200
    assert auditor("POST", f"/objections/{objection}/take", {}).status_code == 403
    (refusal,) = db.session.query(AuditEntry).filter_by(deed="staff_refused").all()
    assert refusal.detail["door"] == "POST /v1/admin/objections/<int:objection_id>/take"


def test_what_is_due_first_comes_first(
    ctx: Context, officer: Call, a: Builders, clock: Clock, objection: int
) -> None:
    officer("POST", f"/objections/{objection}/extension", {"reason": "需调取材料"})
    clock.forward(days=3)
    resident = a.resident()
    later = file_objection(ctx, resident, a.record(resident, "B21", severity="严重"), "不是我", ctx.now()).id
    whole_city = StaffCaller("officer", Role.OBJECTION_OFFICER, frozenset(), ctx.now())
    listed, more = list_cases(ctx, whole_city, Pile.OPEN, "", ctx.now())
    assert ([c.id for c in listed], more) == ([later, objection], False)
    clock.forward(days=8)
    urgent, _more = list_cases(ctx, whole_city, Pile.URGENT, "", ctx.now())
    assert [(c.id, c.clock and c.clock.overdue) for c in urgent] == [(later, True)]
    near = replace(whole_city, districts=frozenset(("120103",)))
    far = replace(whole_city, districts=frozenset(("120101",)))
    # The first is the other officer's: nobody else is to do it.
    assert [count_cases(who, ctx.now()) for who in (whole_city, near, far)] == [(1, 1), (1, 1), (0, 0)]


def another_officer(ctx: Context, client: FlaskClient, districts: list[str] | None = None) -> Call:

    create_staff(ctx, "another", PASSWORD, SECRET, Role.OBJECTION_OFFICER, districts or [], ctx.now(), "t")
    code = pyotp.TOTP(SECRET).generate_otp(int(ctx.now().timestamp()) // 30)
    body = {"username": "another", "password": PASSWORD, "totp": code}
    token = client.post("/v1/admin/login", json=body).json["token"]
    return caller(client, {"Authorization": f"Bearer {token}"})
