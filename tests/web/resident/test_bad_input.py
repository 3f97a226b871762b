"""Whatever comes in, the answer is a problem document in Chinese with a stable code, and nothing is half done."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from werkzeug.test import TestResponse

from tests.builders import id_number
from tests.web.resident.phone import Phone

CHINESE = re.compile("[\u4e00-\u9fff]")
GOOD: dict[tuple[str, str], dict[str, Any]] = {
    ("POST", "/v1/login"): {"js_code": "demo-lihua"},
    ("POST", "/v1/me/identity"): {"name": "李华", "id_type": "RESIDENT", "id_number": id_number(1)},
    ("PUT", "/v1/me/consents/JOIN"): {"version": "2026-1"},
    ("POST", "/v1/me/passes"): {"scenario": "XYZ-15"},
    ("POST", "/v1/me/declarations"): {"fact": "F03", "holds": True},
}
OPTIONAL = {"id_type"}
WRONG_VALUES: list[Any] = [
    None,
    7,
    1.5,
    [],
    {},
    "",
    "   ",
    "x" * 5000,
    "a\0b",
    "a\nb",
    [["demo"]],
    "YES" * 60,
]


def is_problem(answer: TestResponse, *statuses: int) -> None:
    assert answer.status_code in statuses, (answer.status_code, answer.get_data(as_text=True))
    assert answer.mimetype == "application/problem+json"
    assert answer.json["status"] == answer.status_code
    assert re.fullmatch("[A-Z_]+", answer.json["code"])
    assert CHINESE.search(answer.json["detail"])


def send(phone: Phone, door: tuple[str, str], body: Any) -> TestResponse:
    return send_raw(phone, door, json.dumps(body).encode())


def send_raw(
    phone: Phone, door: tuple[str, str], data: bytes, kind: str = "application/json"
) -> TestResponse:
    return phone.client.open(door[1], method=door[0], data=data, content_type=kind, headers=phone.headers)


def faulty_bodies(good: dict[str, Any]) -> Iterator[Any]:
    """Every member missing, every member of every wrong kind, one member too many, and no object at all."""
    yield from ([], [good], "text", 7, None, True)
    yield {**good, "unexpected": 1}
    for name in good:
        if name not in OPTIONAL:
            yield {k: v for k, v in good.items() if k != name}
        for value in WRONG_VALUES:
            yield {**good, name: value}


@pytest.mark.parametrize("door", GOOD)
def test_a_body_that_is_not_as_described_is_refused(member: Phone, door: tuple[str, str]) -> None:
    for body in faulty_bodies(GOOD[door]):
        is_problem(send(member, door, body), 422)


BROKEN = (
    b"{",
    b"{'a': 1}",
    b"\xff\xfe\x00",
    b'{"js_code": "\\ud800"}',
    b"[" * 10_000,
    b'{"a": NaN}',
    b"{}{}",
)


@pytest.mark.parametrize("door", GOOD)
def test_broken_json_is_told_as_such(member: Phone, door: tuple[str, str]) -> None:
    for raw in BROKEN:
        is_problem(send_raw(member, door, raw), 400)


@pytest.mark.parametrize("door", GOOD)
def test_another_content_type_is_told_as_such(member: Phone, door: tuple[str, str]) -> None:
    for kind in ("text/plain", "application/x-www-form-urlencoded", "application/xml", ""):
        is_problem(send_raw(member, door, json.dumps(GOOD[door]).encode(), kind), 415)


@pytest.mark.parametrize("door", GOOD)
def test_a_body_as_large_as_a_novel_is_not_read(member: Phone, door: tuple[str, str]) -> None:
    is_problem(send(member, door, {"js_code": "x" * 1_000_000}), 413)


@pytest.mark.parametrize("door", GOOD)
def test_an_empty_body_is_told_what_is_missing(member: Phone, door: tuple[str, str]) -> None:
    answer = send_raw(member, door, b"")
    is_problem(answer, 422)
    assert answer.json["detail"].endswith("必填")


@pytest.mark.parametrize(
    "query",
    ["before=x", "before=0", "before=-1", "before=9223372036854775808", "limit=0", "limit=101", "limit=1.5"],
)
def test_a_page_that_cannot_be_is_refused(member: Phone, query: str) -> None:
    is_problem(member.get(f"/v1/me/ledger?{query}"), 422)


def test_the_first_fault_is_a_sentence_and_all_of_them_are_listed(phone: Phone) -> None:
    answer = phone.post("/v1/me/identity", {"name": 7, "colour": "red"}).json
    assert answer["field"] in answer["errors"]
    assert answer["errors"] == {"name": ["应为文字"], "id_number": ["必填"], "colour": ["不认识的字段"]}


ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=40),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=12), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(door=st.sampled_from(sorted(GOOD)), data=st.data())
def test_no_body_whatever_makes_the_service_fall_over(
    member: Phone, door: tuple[str, str], data: st.DataObject
) -> None:
    good = GOOD[door]
    members = {name: st.just(value) | ANYTHING for name, value in good.items()}
    body = data.draw(st.fixed_dictionaries({}, optional=members) | ANYTHING)
    answer = send(member, door, body)
    assert answer.status_code < 500
    if answer.status_code >= 400:
        is_problem(answer, answer.status_code)


def resident_doors(app: Flask) -> list[tuple[str, str]]:
    """Every operation under /v1/me, with something in the place of its parameters."""
    return sorted(
        (method, re.sub(r"<[^>]+>", "X", re.sub(r"<int:[^>]+>", "1", rule.rule)))
        for rule in app.url_map.iter_rules()
        if rule.rule.startswith(("/v1/me/", "/v1/logout")) and rule.endpoint.startswith("resident_")
        for method in rule.methods - {"HEAD", "OPTIONS"}
    )


def test_every_door_is_locked_even_to_a_malformed_body(app: Flask, client: FlaskClient) -> None:
    doors = resident_doors(app)
    assert len(doors) >= 12
    for method, path in doors:
        for body in (b"{", b"{}"):
            answer = client.open(path, method=method, data=body, content_type="application/json")
            is_problem(answer, 401)


def test_every_operation_is_described_with_its_answers_and_its_lock(client: FlaskClient, app: Flask) -> None:
    paths = client.get("/openapi.json").json["paths"]
    described = [
        (method.upper(), path, operation)
        for path, operations in paths.items()
        if path.startswith(("/v1/me/", "/v1/login", "/v1/logout"))
        for method, operation in operations.items()
        if method != "parameters"
    ]
    assert len(described) >= len(resident_doors(app)) + 1
    for method, path, operation in described:
        assert CHINESE.search(operation["summary"]), (method, path)
        assert operation["security"] == ([] if path == "/v1/login" else [{"resident": []}])
        refused = [code for code in operation["responses"] if code.startswith("4")]
        assert refused
        for code in refused:
            assert "application/problem+json" in operation["responses"][code].get("content", {}), (
                method,
                path,
                code,
            )
