"""What holds at every door alike: bodies that are no bodies, paths that are no paths, and a database that dies."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient
from gunicorn.http.errors import InvalidChunkSize
from sqlalchemy import create_engine, text

from haihe.storage.db import db
from tests.builders import Builders

CHINESE = re.compile("[\u4e00-\u9fff]")
DEEP = b"[" * 100_000
NESTED = b'{"a":' * 2_000 + b"1" + b"}" * 2_000
LONG_NUMBER = b'{"out_order_no": ' + b"9" * 5_001 + b"}"
GOOD = {
    "/v1/admin/login": {"username": "clerk", "password": " s p ", "totp": "123456"},
    "/v1/merchant/orders": {"out_order_no": "A-1", "decision_id": "d"},
    "/v1/login": {"js_code": "demo-lihua"},
}


@pytest.fixture
def key(client: FlaskClient, a: Builders) -> dict[str, str]:
    """A merchant's token; the doors of others do not look at it."""
    merchant = a.merchant("XYZ-07")
    answer = client.post(
        "/oauth/token",
        data={"grant_type": "client_credentials"},
        auth=(merchant.client_id, merchant.client_secret),
    )
    return {"Authorization": f"Bearer {answer.get_json()['access_token']}"}


@pytest.mark.parametrize("door", GOOD)
@pytest.mark.parametrize("body", [DEEP, NESTED, LONG_NUMBER, b"{", b'{"a": "\\ud800"}'])
def test_what_is_no_json_is_told_so(client: FlaskClient, key: dict[str, str], door: str, body: bytes) -> None:
    answer = client.post(door, data=body, content_type="application/json", headers=key)

    assert answer.status_code in (400, 413, 422)
    assert answer.mimetype == "application/problem+json"
    assert CHINESE.search(answer.json["detail"])


@pytest.mark.parametrize("door", GOOD)
def test_the_faults_of_fields_are_told_in_chinese(
    client: FlaskClient, key: dict[str, str], door: str
) -> None:
    good = GOOD[door]
    for body in ({}, [], 7, {**good, "colour": "red"}, dict.fromkeys(good), dict.fromkeys(good, 7)):
        answer = client.post(door, json=body, headers=key)
        assert (answer.status_code, answer.json["code"]) == (422, "REQUEST_INVALID")
        told = [answer.json["detail"], *(m for ms in answer.json["errors"].values() for m in ms)]
        assert all(CHINESE.search(one) for one in told), told


@pytest.mark.parametrize("door", GOOD)
def test_another_content_type_is_415(client: FlaskClient, key: dict[str, str], door: str) -> None:
    answer = client.post(door, data=json.dumps(GOOD[door]), content_type="text/plain", headers=key)
    assert (answer.status_code, answer.mimetype) == (415, "application/problem+json")


@pytest.mark.parametrize("door", ["/access/v1/evaluation", *GOOD])
def test_more_than_sixteen_kilobytes_are_not_read(
    client: FlaskClient, key: dict[str, str], door: str
) -> None:
    answer = client.post(door, json={"padding": "x" * (17 << 10)}, headers=key)
    assert (answer.status_code, answer.mimetype) == (413, "application/problem+json")


def parameters(app: Flask) -> Iterator[tuple[str, str]]:
    for rule in app.url_map.iter_rules():
        if "<" in rule.rule and "<path:" not in rule.rule:
            for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
                yield method, rule.rule


@pytest.mark.parametrize(
    "odd", ["%00", "a%00", "%0A", "A-1%0A", "%F0%9F%98%80", "x" * 65, "%27", "%D9%A1", "9" * 4_000]
)
def test_a_path_of_another_form_leads_nowhere(
    app: Flask, client: FlaskClient, key: dict[str, str], odd: str
) -> None:
    for method, rule in parameters(app):
        answer = client.open(re.sub(r"<[^>]+>", odd, rule), method=method, headers=key)
        assert answer.status_code == 404, rule
        # The console tells of any path that it is no page of its own, where the path can be read at all.
        assert answer.mimetype == "application/problem+json" or rule.startswith("/console/"), rule


class BrokenChunks:
    """A body of which gunicorn finds out only while reading it that its chunks are malformed."""

    def read(self, size: int = -1) -> bytes:
        raise InvalidChunkSize(b"zz")

    readinto = readline = read


@pytest.mark.parametrize("door", ["/access/v1/evaluation", "/oauth/token", *GOOD])
def test_a_broken_chunk_is_the_senders_fault(client: FlaskClient, key: dict[str, str], door: str) -> None:
    kind = "application/x-www-form-urlencoded" if door == "/oauth/token" else "application/json"
    answer = client.post(
        door,
        content_type=kind,
        headers=key,
        environ_overrides={
            "wsgi.input": BrokenChunks(),
            "wsgi.input_terminated": True,
            "HTTP_TRANSFER_ENCODING": "chunked",
        },
    )
    assert (answer.status_code, answer.mimetype) == (400, "application/problem+json")


def test_a_database_that_dies_during_a_request_does_not_spoil_the_answer(
    app: Flask, caplog: pytest.LogCaptureFixture
) -> None:
    with app.app_context():
        backend = db.session.execute(text("SELECT pg_backend_pid()")).scalar_one()
        other = create_engine(app.config["SQLALCHEMY_DATABASE_URI"])
        with other.connect() as connection:
            connection.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": backend})
        other.dispose()

    assert [r.getMessage() for r in caplog.records if "session" in r.getMessage()] == [
        "database: the session could not be closed: OperationalError"
    ]
    with app.app_context():
        assert db.session.execute(text("SELECT 1")).scalar_one() == 1


def test_a_failing_statement_does_not_tell_whose_data_it_was(app: Flask) -> None:
    with pytest.raises(Exception) as failed:
        db.session.execute(text("SELECT 1 / (CAST(:name AS text) = '李华')"), {"name": "李华华"})
    assert "李华华" not in str(failed.value)


@pytest.mark.parametrize("name", ["a", "x" * 128, "00-4bf92f/span:1;v=2", "{trace}"])
def test_a_request_id_is_echoed(client: FlaskClient, name: str) -> None:
    assert client.get("/healthz", headers={"X-Request-ID": name}).headers["X-Request-ID"] == name


@pytest.mark.parametrize("name", ["", "x" * 129, "a b", 'a"b', "a'b", "é"])
def test_a_request_id_that_could_spoil_a_log_is_replaced(client: FlaskClient, name: str) -> None:
    given = client.get("/healthz", headers={"X-Request-ID": name}).headers["X-Request-ID"]
    assert given
    assert given != name
