"""Auditors search and export the trail, and leave a trace by doing so; nobody else sees it."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from typing import Any

import pyotp
import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from haihe.usecases.context import Context
from haihe.usecases.staff_login import create_staff
from tests.builders import Builders
from tests.conftest import Clock

SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
PASSWORD = "correct horse battery"


@pytest.fixture
def get(ctx: Context, client: FlaskClient, clock: Clock) -> Callable[..., TestResponse]:
    """Ask as a member of the staff in this role."""
    tokens: dict[str, str] = {}

    def ask(path: str, role: str = "auditor", who: str = "", **query: Any) -> TestResponse:
        name = who or role
        if name not in tokens:
            create_staff(ctx, name, PASSWORD, SECRET, role, [], clock.now, "test")
            totp = pyotp.TOTP(SECRET).generate_otp(int(clock.now.timestamp()) // 30)
            body = {"username": name, "password": PASSWORD, "totp": totp}
            tokens[name] = client.post("/v1/admin/login", json=body).json["token"]
        headers = {"Authorization": f"Bearer {tokens[name]}"}
        return client.get(f"/v1/admin{path}", headers=headers, query_string=query)

    return ask


def test_an_auditor_finds_who_did_what(get: Callable[..., TestResponse], a: Builders) -> None:
    get("/audit")
    found = get("/audit", deed="create_staff").json["entries"]
    assert [(e["actor"], e["subject"]) for e in found] == [("test", "staff:auditor")]
    assert get("/audit", deed="nothing_of_the_kind").json["entries"] == []
    looks = get("/audit", who="another", actor="staff:auditor", deed="search_audit").json["entries"]
    assert [e["detail"] for e in looks][-2:] == [{"sought": {"deed": "create_staff"}}, {"sought": {}}]


def test_nobody_audits_themselves(get: Callable[..., TestResponse]) -> None:
    get("/audit")
    assert "staff:auditor" not in {e["actor"] for e in get("/audit").json["entries"]}
    assert "search_audit" not in get("/audit.csv").text
    refused = get("/audit", actor="staff:auditor")
    assert (refused.status_code, refused.json["code"]) == (403, "OWN_DEEDS")
    found = get("/audit", who="another", deed="staff_refused").json["entries"]
    assert [(e["actor"], e["detail"]["code"]) for e in found] == [("staff:auditor", "OWN_DEEDS")]


def test_pages_follow_each_other(get: Callable[..., TestResponse]) -> None:
    for _ in range(5):
        get("/audit", subject="nobody")
    first = get("/audit", who="another", deed="search_audit", limit=3).json
    second = get("/audit", who="another", deed="search_audit", limit=3, before=first["next_before"]).json
    ids = [e["id"] for e in first["entries"] + second["entries"]]
    assert len(ids) == len(set(ids)) == 6 or len(ids) == 5
    assert ids == sorted(ids, reverse=True)


def test_the_export_holds_the_chain_too(get: Callable[..., TestResponse]) -> None:
    get("/audit")
    exported = get("/audit.csv", deed="create_staff").get_data(as_text=True).removeprefix("\ufeff")
    (row,) = csv.DictReader(io.StringIO(exported))
    assert (row["actor"], row["subject"]) == ("test", "staff:auditor")
    assert len(row["hash"]) == 64
    (trace,) = get("/audit", who="another", deed="export_audit").json["entries"]
    assert trace["detail"] == {"sought": {"deed": "create_staff"}}


@pytest.mark.parametrize("role", ["data_clerk", "system_admin", "security_admin", "approver"])
def test_nobody_else_sees_it(get: Callable[..., TestResponse], role: str) -> None:
    assert get("/audit", role).status_code == 403
    assert get("/audit.csv", role).status_code == 403


@pytest.mark.parametrize("query", [{"since": "yesterday"}, {"limit": 0}, {"before": "x"}])
def test_a_wrong_question_is_told(get: Callable[..., TestResponse], query: dict[str, Any]) -> None:
    assert get("/audit", **query).status_code == 422
