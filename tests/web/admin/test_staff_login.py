"""Staff at the door: password and second factor together, each code once, and the same answer to every failure."""

from __future__ import annotations

import pyotp
import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from haihe.domain.errors import Conflict, InvalidInput
from haihe.storage.audit import AuditEntry
from haihe.storage.db import db
from haihe.storage.office import Staff, StaffSession
from haihe.usecases.context import Context
from haihe.usecases.staff_login import create_staff
from tests.conftest import Clock

SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
PASSWORD = "correct horse battery"


@pytest.fixture
def clerk(ctx: Context) -> str:
    create_staff(ctx, "clerk", PASSWORD, SECRET, "data_clerk", ["120103"], ctx.now(), "operator:test")
    return "clerk"


def code(clock: Clock, steps: int = 0) -> str:
    return pyotp.TOTP(SECRET).generate_otp(int(clock.now.timestamp()) // 30 + steps)


def log_in(client: FlaskClient, totp: str, username: str = "clerk", password: str = PASSWORD) -> TestResponse:
    body = {"username": username, "password": password, "totp": totp}
    return client.post("/v1/admin/login", json=body)


def bearer(answer: TestResponse) -> dict[str, str]:
    return {"Authorization": f"Bearer {answer.get_json()['token']}"}


def test_password_and_code_open_a_session_of_half_an_hour(
    client: FlaskClient, clerk: str, clock: Clock
) -> None:
    answer = log_in(client, code(clock))
    assert answer.status_code == 200
    assert answer.get_json()["role"] == "data_clerk"
    assert answer.get_json()["expires_at"] == "2026-11-20T12:30:00+08:00"
    me = client.get("/v1/admin/me", headers=bearer(answer)).get_json()
    assert (me["username"], me["role"], me["districts"]) == (clerk, "data_clerk", ["120103"])
    clock.forward(minutes=30)
    assert client.get("/v1/admin/me", headers=bearer(answer)).status_code == 401


def test_only_the_hash_of_a_session_is_kept(client: FlaskClient, clerk: str, clock: Clock) -> None:
    token = log_in(client, code(clock)).get_json()["token"]
    held = db.session.execute(select(StaffSession.token_hash)).scalar_one()
    assert token.encode() not in held


def test_logging_out_ends_the_session(client: FlaskClient, clerk: str, clock: Clock) -> None:
    headers = bearer(log_in(client, code(clock)))
    assert client.post("/v1/admin/logout", headers=headers).status_code == 204
    assert client.get("/v1/admin/me", headers=headers).get_json()["code"] == "SESSION_INVALID"


def test_a_code_opens_once(client: FlaskClient, clerk: str, clock: Clock) -> None:
    assert log_in(client, code(clock)).status_code == 200
    assert log_in(client, code(clock)).status_code == 401
    assert log_in(client, code(clock, -1)).status_code == 401
    clock.forward(seconds=30)
    assert log_in(client, code(clock)).status_code == 200


@pytest.mark.parametrize(("steps", "status"), [(-2, 401), (-1, 200), (1, 200), (2, 401)])
def test_a_clock_may_be_off_by_half_a_minute(
    client: FlaskClient, clerk: str, clock: Clock, steps: int, status: int
) -> None:
    assert log_in(client, code(clock, steps)).status_code == status


def test_whatever_is_wrong_is_told_alike(client: FlaskClient, clerk: str, clock: Clock) -> None:
    answers = [
        log_in(client, code(clock), username="nobody"),
        log_in(client, code(clock), password="wrong password"),
        log_in(client, "000000"),
    ]
    assert {a.status_code for a in answers} == {401}
    assert len({a.get_data() for a in answers}) == 1
    assert answers[0].get_json()["code"] == "LOGIN_FAILED"


def test_five_failures_lock_the_account_for_a_quarter_of_an_hour(
    client: FlaskClient, clerk: str, clock: Clock
) -> None:
    for _ in range(5):
        log_in(client, code(clock), password="wrong password")
    locked = log_in(client, code(clock))
    assert (locked.status_code, locked.get_json()["code"]) == (401, "LOGIN_FAILED")
    clock.forward(minutes=15)
    assert log_in(client, code(clock)).status_code == 200


def test_a_success_forgives_the_failures_before_it(client: FlaskClient, clerk: str, clock: Clock) -> None:
    for _ in range(2):
        for _ in range(4):
            log_in(client, code(clock), password="wrong password")
        assert log_in(client, code(clock)).status_code == 200
        clock.forward(seconds=60)


def test_every_attempt_leaves_its_trace_without_what_was_typed(
    client: FlaskClient, clerk: str, clock: Clock
) -> None:
    log_in(client, code(clock), username="my-password-in-the-wrong-box")
    log_in(client, "000000")
    log_in(client, code(clock))
    trace = db.session.execute(select(AuditEntry.deed, AuditEntry.actor).order_by(AuditEntry.id)).all()
    assert trace[1:] == [
        ("staff_log_in_failed", "staff:unknown"),
        ("staff_log_in_failed", "staff:clerk"),
        ("staff_log_in", "staff:clerk"),
    ]


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        {"username": "a", "password": "b"},
        {"username": "a", "password": "b", "totp": "12345"},
        {"username": "a", "password": "b", "totp": "１２３４５６"},
        {"username": "a\0", "password": "b", "totp": "123456"},
        {"username": 1, "password": "b", "totp": "123456"},
        {"username": "a", "password": "b" * 257, "totp": "123456"},
        {"username": "a", "password": "b", "totp": "123456", "more": 1},
    ],
)
def test_a_malformed_login_is_a_problem_document(client: FlaskClient, body: object) -> None:
    answer = client.post("/v1/admin/login", json=body)
    assert (answer.status_code, answer.mimetype) == (422, "application/problem+json")


def test_a_body_that_is_no_json_or_too_large_is_a_problem_document(client: FlaskClient) -> None:
    assert client.post("/v1/admin/login", data=b"{", content_type="application/json").status_code == 400
    answer = client.post("/v1/admin/login", data=b" " * 17_000, content_type="application/json")
    assert (answer.status_code, answer.mimetype) == (413, "application/problem+json")


def test_an_account_is_checked_before_it_is_opened(ctx: Context, clerk: str) -> None:
    good = ("new", PASSWORD, SECRET, "auditor", [])
    for place, wrong, code_ in (
        (0, "", "USERNAME_INVALID"),
        (0, "名字", "USERNAME_INVALID"),
        (1, "short", "PASSWORD_INVALID"),
        (2, "no base32!", "TOTP_INVALID"),
        (3, "mayor", "ROLE_INVALID"),
        (4, ["999999"], "DISTRICT_INVALID"),
    ):
        given = [*good[:place], wrong, *good[place + 1 :]]
        with pytest.raises(InvalidInput) as told:
            create_staff(ctx, *given, ctx.now(), "operator:test")
        assert told.value.code == code_
    with pytest.raises(Conflict):
        create_staff(ctx, clerk, *good[1:], ctx.now(), "operator:test")
    row = db.session.get_one(Staff, clerk)
    assert row.password_hash.startswith("$argon2id$")
    assert ctx.vault.open(row.key_id, row.totp_sealed, "totp") == SECRET
