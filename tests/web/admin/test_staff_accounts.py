"""Accounts of the staff: opened by one administrator, confirmed by another, locked, closed; passwords that expire."""

from __future__ import annotations

import re

import pyotp
import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from haihe.storage.audit import AuditEntry
from haihe.storage.db import db
from haihe.storage.office import Staff
from haihe.usecases.context import Context
from haihe.usecases.staff_login import Role
from tests.conftest import Clock
from tests.web.admin.console import Desk, desk
from tests.web.admin.staff import PASSWORD, logged_in

NEW = {"username": "wang-min", "role": "data_clerk", "districts": "120103"}
LONG = "a river runs through it"


@pytest.fixture
def system(app: Flask, ctx: Context) -> Desk:
    return desk(app, ctx, Role.SYSTEM_ADMIN)


@pytest.fixture
def security(app: Flask, ctx: Context) -> Desk:
    return desk(app, ctx, Role.SECURITY_ADMIN)


def handed(answer: TestResponse) -> str:
    assert answer.status_code == 200, answer.text
    found = re.search(r'class="(?:figure )?code">([A-Z2-7-]+)<', answer.text)
    assert found is not None
    return found[1]


def opened(system: Desk, security: Desk) -> tuple[str, str]:
    """A new account's first password and second factor."""
    password = handed(system.send("/console/staff", NEW))
    return password, handed(security.send("/console/staff/wang-min/confirm"))


def log_in(app: Flask, ctx: Context, password: str, secret: str, username: str = "wang-min") -> Desk | None:
    person = Desk(app.test_client())
    sent = {"username": username, "password": password, "totp": pyotp.TOTP(secret).at(ctx.now())}
    answer = person.send("/console/login", sent, "/console/login")
    return person if answer.status_code == 303 else None


def change(person: Desk, old: str, new: str, again: str = "") -> TestResponse:
    form = {"password": old, "new_password": new, "again": again or new}
    return person.send("/console/password", form, "/console/password")


def test_two_administrators_are_needed_and_the_first_password_is_changed_first(
    app: Flask, ctx: Context, system: Desk, security: Desk
) -> None:
    password = handed(system.send("/console/staff", NEW))
    assert "1</span>" in security.get("/console").text
    guessed = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
    assert log_in(app, ctx, password, guessed) is None
    secret = handed(security.send("/console/staff/wang-min/confirm"))
    person = log_in(app, ctx, password, secret)
    assert person is not None
    assert person.get("/console").location == "/console/password"
    assert "首次密码" in person.get("/console/password").text
    assert change(person, password, LONG).location == "/console"
    assert person.get("/console").status_code == 200
    deeds = db.session.execute(
        select(AuditEntry.deed).where(AuditEntry.subject == "staff:wang-min")
    ).scalars()
    assert {"propose_staff", "confirm_staff", "staff_log_in", "change_password"} <= set(deeds)


@pytest.mark.parametrize(
    ("old", "new", "again", "told"),
    [
        ("wrong", LONG, "", "现在的密码不正确"),
        (PASSWORD, "short", "", "至 256 个字符"),
        (PASSWORD, PASSWORD, "", "不能与现在的相同"),
        (PASSWORD, "my name is Auditor!", "", "不能含有用户名"),
        (PASSWORD, LONG, "another river", "两次输入的新密码不同"),
    ],
)
def test_a_bad_new_password_is_refused(
    app: Flask, ctx: Context, old: str, new: str, again: str, told: str
) -> None:
    answer = change(desk(app, ctx, Role.AUDITOR), old, new, again)
    assert (answer.status_code, told in answer.text) == (422, True)


def test_guessing_the_present_password_locks_the_account(app: Flask, ctx: Context) -> None:
    person = desk(app, ctx, Role.AUDITOR)
    for _ in range(5):
        assert change(person, "wrong password", LONG).status_code == 422
    assert person.get("/console").status_code == 303
    assert db.session.get_one(Staff, "auditor", populate_existing=True).locked_until is not None


def test_a_password_expires_after_ninety_days(app: Flask, ctx: Context, clock: Clock) -> None:
    desk(app, ctx, Role.AUDITOR)
    clock.forward(days=90)
    person = log_in(app, ctx, PASSWORD, "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP", "auditor")
    assert person is not None
    assert person.get("/console/staff").location == "/console/password"
    assert change(person, PASSWORD, LONG).location == "/console"
    assert person.get("/console/staff").status_code == 200


def test_changing_the_password_ends_the_other_sessions(app: Flask, ctx: Context, clock: Clock) -> None:
    first = desk(app, ctx, Role.AUDITOR)
    clock.forward(seconds=60)
    second = log_in(app, ctx, PASSWORD, "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP", "auditor")
    assert second is not None
    change(second, PASSWORD, LONG)
    assert (first.get("/console").status_code, second.get("/console").status_code) == (303, 200)


def test_whoever_is_locked_is_out_at_once_until_unlocked(
    app: Flask, ctx: Context, system: Desk, security: Desk, clock: Clock
) -> None:
    password, secret = opened(system, security)
    person = log_in(app, ctx, password, secret)
    assert person is not None
    assert "请写明理由" in security.send("/console/staff/wang-min/lock", {"reason": " "}).text
    assert security.send("/console/staff/wang-min/lock", {"reason": "离岗"}).status_code == 303
    assert person.get("/console/password").status_code == 303
    clock.forward(seconds=60)
    assert log_in(app, ctx, password, secret) is None
    assert "须先由安全管理员解锁" in system.get("/console/staff/wang-min").text
    assert system.send("/console/staff/wang-min/post", {"role": "auditor"}).status_code == 409
    assert security.send("/console/staff/wang-min/unlock").status_code == 303
    assert log_in(app, ctx, password, secret) is not None


def test_another_post_waits_for_another_confirmation(
    app: Flask, ctx: Context, system: Desk, security: Desk, clock: Clock
) -> None:
    password, secret = opened(system, security)
    person = log_in(app, ctx, password, secret)
    assert person is not None
    sent = {"role": "objection_officer"}
    assert system.send("/console/staff/wang-min/post", sent).status_code == 303
    assert person.get("/console/password").location.startswith("/console/login")
    clock.forward(seconds=60)
    assert log_in(app, ctx, password, secret) is None
    new_secret = handed(security.send("/console/staff/wang-min/confirm"))
    assert log_in(app, ctx, password, new_secret) is not None
    assert db.session.get_one(Staff, "wang-min", populate_existing=True).role == "objection_officer"


def test_a_lost_second_factor_and_a_forgotten_password_are_renewed(
    app: Flask, ctx: Context, system: Desk, security: Desk, clock: Clock
) -> None:
    password, secret = opened(system, security)
    new_secret = handed(security.send("/console/staff/wang-min/second-factor"))
    assert log_in(app, ctx, password, secret) is None
    new_password = handed(system.send("/console/staff/wang-min/password"))
    clock.forward(seconds=60)
    assert log_in(app, ctx, password, new_secret) is None
    assert log_in(app, ctx, new_password, new_secret) is not None


def test_a_closed_account_stays_closed(app: Flask, ctx: Context, system: Desk, security: Desk) -> None:
    password, secret = opened(system, security)
    assert system.send("/console/staff/wang-min/close", {"reason": "调离"}).status_code == 303
    assert log_in(app, ctx, password, secret) is None
    again = system.send("/console/staff", NEW)
    assert (again.status_code, "停用的账号也不能重开" in again.text) == (409, True)
    assert security.send("/console/staff/wang-min/second-factor").status_code == 409


def test_nobody_touches_their_own_account_and_it_is_on_the_record(system: Desk, security: Desk) -> None:
    for person, path, form in (
        (system, "system_admin/post", {"role": "approver"}),
        (system, "system_admin/close", {"reason": "x"}),
        (security, "security_admin/second-factor", {}),
        (security, "security_admin/lock", {"reason": "x"}),
    ):
        answer = person.send(f"/console/staff/{path}", form)
        assert (answer.status_code, "不能改动自己的账号" in answer.text) == (403, True)
    assert "POST /console/staff/&lt;username&gt;/lock" in security.get("/console/refusals").text


def test_the_last_security_administrator_stays(system: Desk, security: Desk) -> None:
    for path, form in (("close", {"reason": "x"}), ("post", {"role": "auditor"})):
        answer = system.send(f"/console/staff/security_admin/{path}", form)
        assert (answer.status_code, "唯一的安全管理员" in answer.text) == (409, True)


@pytest.mark.parametrize(
    ("sent", "told"),
    [
        ({"username": "a"}, "以字母开头"),
        ({"username": "1abc"}, "以字母开头"),
        ({"username": "王敏敏"}, "以字母开头"),
        ({"username": "a\0bc"}, "以字母开头"),
        ({"role": "mayor"}, "岗位应为其中之一"),
        ({"districts": "999999"}, "没有这个区"),
        ({"role": "security_admin"}, "全市岗位"),
    ],
)
def test_what_is_wrong_is_told_and_what_was_typed_stays(
    system: Desk, sent: dict[str, str], told: str
) -> None:
    answer = system.send("/console/staff", {**NEW, **sent})
    assert (answer.status_code, told in answer.text) == (422, True)
    assert db.session.get(Staff, "wang-min") is None


def test_the_list_is_searched_and_exported(system: Desk, security: Desk) -> None:
    system.send("/console/staff", NEW)
    assert "wang-min" in security.get("/console/staff?state=PROPOSED").text
    assert "wang-min" not in security.get("/console/staff?q=审计").text
    exported = system.get("/console/staff.csv?q=wang").text
    assert "wang-min,数据管理,和平区,待确认" not in exported
    assert "wang-min,数据管理,河西区,待确认" in exported
    assert "登录失败" not in security.get("/console/refusals.csv").text


def test_failed_logins_are_seen_by_whoever_guards_the_doors(
    app: Flask, ctx: Context, system: Desk, security: Desk
) -> None:
    assert log_in(app, ctx, "wrong password", "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP", "system_admin") is None
    assert "登录失败" in security.get("/console/refusals?q=system").text
    assert "没有记录" in security.get("/console/refusals?q=%25").text
    assert "system_admin,登录失败" in security.get("/console/refusals.csv").text
    assert security.get("/console/refusals?before=1x").status_code == 200


def test_the_same_over_http(ctx: Context, client: FlaskClient, clock: Clock) -> None:
    system = logged_in(ctx, client, clock, Role.SYSTEM_ADMIN)
    security = logged_in(ctx, client, clock, Role.SECURITY_ADMIN)

    def post(path: str, who: dict[str, str], **body: object) -> TestResponse:
        return client.post(f"/v1/admin/staff{path}", headers=who, json=body or None)

    made = post("", system, username="wang-min", role="auditor")
    assert made.status_code == 201
    assert post("", system, username="wang-min", role="auditor").json["code"] == "STAFF_EXISTS"
    assert post("", system, username="x-y-z", role="mayor").json["code"] == "REQUEST_INVALID"
    assert post("", security, username="x-y-z", role="auditor").status_code == 403
    assert post("/wang-min/confirm", system).status_code == 403
    secret = post("/wang-min/confirm", security).json["totp_secret"]
    body = {"username": "wang-min", "password": made.json["first_password"]}
    code = pyotp.TOTP(secret).at(clock.now)
    token = client.post("/v1/admin/login", json={**body, "totp": code}).json["token"]
    mine = {"Authorization": f"Bearer {token}"}
    assert client.get("/v1/admin/me", headers=mine).json["must_change_password"] is True
    assert client.get("/v1/admin/staff", headers=mine).json["code"] == "PASSWORD_EXPIRED"
    wrong = {"password": "no", "new_password": LONG}
    assert client.post("/v1/admin/password", json=wrong, headers=mine).json["code"] == "PASSWORD_WRONG"
    right = {"password": made.json["first_password"], "new_password": LONG}
    assert client.post("/v1/admin/password", json=right, headers=mine).status_code == 204
    seen = client.get("/v1/admin/staff", headers=mine).json["staff"]
    assert {s["username"]: s["state"] for s in seen}["wang-min"] == "OPEN"
    assert post("/wang-min/post", system, role="approver", districts=["120103"]).status_code == 204
    assert client.get("/v1/admin/staff/wang-min", headers=system).json["state"] == "PROPOSED"
    assert client.get("/v1/admin/staff/nobody", headers=system).status_code == 404
    post("/wang-min/confirm", security)
    assert post("/wang-min/lock", security, reason="离岗").status_code == 204
    assert post("/wang-min/unlock", security).status_code == 204
    assert "totp_secret" in post("/wang-min/second-factor", security).json
    assert "first_password" in post("/wang-min/password", system).json
    assert post("/wang-min/close", system, reason="调离").status_code == 204
    found = client.get("/v1/admin/staff-refusals", headers=security).json["refusals"]
    assert {r["deed"] for r in found} == {"staff_refused", "change_password_failed"}
    assert client.get("/v1/admin/staff-refusals", headers=system).status_code == 403
