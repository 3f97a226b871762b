"""Drafts over HTTP: by the same deeds as at the console, with the version that was seen in If-Match."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from haihe.storage.audit import AuditEntry
from haihe.storage.db import db
from haihe.storage.drafts import Draft
from haihe.usecases.context import Context
from haihe.usecases.reviewing import publish_due
from haihe.usecases.staff_login import Role
from tests.conftest import Clock
from tests.domain.published import RULEBOOK_FILE, SCENARIO_FILES
from tests.web.admin.staff import logged_in

pytestmark = pytest.mark.usefixtures("rules_as_shipped")
TEXT = SCENARIO_FILES[4].read_text("utf-8").replace("code: XYZ-05", "code: XYZ-18", 1)
CASE = "name: 分数够就可以\nscenario: XYZ-18\nday: 2026-12-01\nfacts: {points: 20}\noutcome: 可以\nmerchant_code: OK\n"


class Caller:
    """A member of the staff over HTTP."""

    def __init__(self, client: FlaskClient, headers: dict[str, str]) -> None:
        self.client, self.headers = client, headers

    def __call__(
        self, method: str, path: str, body: Any = None, seen: object = None, **more: Any
    ) -> TestResponse:
        headers = self.headers | ({} if seen is None else {"If-Match": f'"{seen}"'})
        return self.client.open(f"/v1/admin{path}", method=method, json=body, headers=headers, **more)


@pytest.fixture
def editor(ctx: Context, client: FlaskClient, clock: Clock) -> Caller:
    return Caller(client, logged_in(ctx, client, clock, Role.SCENARIO_EDITOR))


@pytest.fixture
def approver(ctx: Context, client: FlaskClient, clock: Clock) -> Caller:
    return Caller(client, logged_in(ctx, client, clock, Role.APPROVER))


def drafted(editor: Caller, text: str = TEXT) -> str:
    made = editor("POST", "/drafts", {"kind": "SCENARIO", "code": "XYZ-18"})
    assert (made.status_code, made.headers["ETag"]) == (201, '"1"')
    path = f"/drafts/{made.json['id']}"
    answer = editor("PUT", path, {"text": text}, seen=1)
    assert (answer.status_code, answer.headers["ETag"]) == (200, '"2"'), answer.json
    return path


def test_a_benefit_is_drafted_checked_tried_approved_paused_and_reverted(
    ctx: Context, editor: Caller, approver: Caller
) -> None:
    path = drafted(editor)
    checked = editor("GET", f"{path}/check").json
    assert (checked["faults"], bool(checked["changes"])) == ([], True)
    job = editor("POST", f"{path}/trial").json["city_job_id"]
    assert editor("GET", f"/city-jobs/{job}").json["state"] == "WAITING"
    assert editor("POST", f"{path}/submit", seen=2).json["state"] == "IN_REVIEW"
    assert approver("POST", f"{path}/return", {"reason": "写得不清楚"}, seen=2).json["state"] == "RETURNED"
    assert editor("POST", f"{path}/submit", seen=2).json["reason"] is None
    assert editor("POST", f"{path}/approve", {}, seen=2).status_code == 403
    assert approver("POST", f"{path}/approve", {}, seen=2).json["state"] == "PUBLISHED"
    assert ctx.rules.up_to_date().scenario("XYZ-18") is not None
    for deed, state in (("pause", "PAUSED"), ("resume", "PUBLISHED"), ("retire", "RETIRED")):
        assert approver("POST", f"/scenarios/XYZ-18/{deed}", {"reason": "演练"}).status_code == 204
        seen = {s["code"]: s["state"] for s in editor("GET", "/scenarios").json["scenarios"]}
        assert seen["XYZ-18"] == state
    again = editor("POST", "/drafts", {"kind": "SCENARIO", "code": "XYZ-18", "revision": 1}).json
    assert (again["based_on"], again["state"]) == (1, "DRAFT")
    assert [r["revision"] for r in editor("GET", "/scenarios/XYZ-18/revisions").json["scenarios"]] == [1]
    assert editor("DELETE", f"/drafts/{again['id']}").status_code == 204
    assert editor("GET", "/drafts?kind=SCENARIO").json["drafts"] == []


def test_a_draft_that_somebody_has_changed_is_not_overwritten(editor: Caller) -> None:
    path = drafted(editor)
    late = editor("PUT", path, {"text": TEXT}, seen=1)
    assert (late.status_code, late.json["code"], late.headers["ETag"]) == (412, "DRAFT_CHANGED", '"2"')
    assert editor("PUT", path, {"text": TEXT}).status_code == 428
    assert editor("PUT", path, {"text": TEXT}, seen="x").json["code"] == "IF_MATCH_INVALID"
    assert editor("POST", f"{path}/submit", seen=1).status_code == 412


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (TEXT.replace("points_at_least: 600", "points_at_least: 2000"), "应在 0 与 1000 之间"),
        (TEXT.replace("code: XYZ-18", "code: XYZ-99"), "应为 XYZ-18"),
        (TEXT.replace("name: ", 'name: "\\0" #', 1), "控制字符"),
        ("a: [", "不是正确的 YAML"),
        ("7", "应为"),
        ("[]", "应为"),
    ],
)
def test_a_wrong_draft_is_refused_whole_with_every_fault(editor: Caller, text: str, told: str) -> None:
    path = drafted(editor)
    answer = editor("PUT", path, {"text": text}, seen=2)
    assert answer.status_code == 422
    assert told in answer.json["detail"]
    assert answer.json["faults"]
    assert db.session.query(Draft).one().version == 2


def test_a_golden_case_stops_the_approval(editor: Caller, approver: Caller) -> None:
    assert editor("POST", "/golden-cases", {"text": "name: 一\n"}).status_code == 422
    assert editor("POST", "/golden-cases", {"text": CASE}).json == {"name": "分数够就可以"}
    path = drafted(editor)
    editor("POST", f"{path}/submit", seen=2)
    (case,) = approver("GET", f"{path}/check").json["golden_cases"]
    assert (case["passed"], bool(case["differences"])) == (False, True)
    assert approver("POST", f"{path}/approve", {}, seen=2).json["code"] == "GOLDEN_CASES_FAIL"
    (kept,) = approver("GET", "/golden-cases").json["golden_cases"]
    assert editor("DELETE", f"/golden-cases/{kept['id']}").status_code == 403
    assert approver("DELETE", f"/golden-cases/{kept['id']}").status_code == 204
    later = approver("POST", f"{path}/approve", {"starts_on": "2026-12-01"}, seen=2).json
    assert (later["state"], later["starts_on"]) == ("SCHEDULED", "2026-12-01")


def test_a_rulebook_is_drafted_and_comes_into_force_on_its_day(
    ctx: Context, editor: Caller, approver: Caller, clock: Clock
) -> None:
    made = editor("POST", "/drafts", {"kind": "RULEBOOK", "code": "HH-2027.1"}).json
    path = f"/drafts/{made['id']}"
    book = RULEBOOK_FILE.read_text("utf-8").replace("version: HH-2026.1", "version: HH-2027.1", 1)
    early = editor("PUT", path, {"text": book}, seen=1)
    assert (early.status_code, early.json["faults"][0]["place"]) == (422, "in_force_from")
    book = book.replace("in_force_from: 2026-01-01", "in_force_from: 2027-01-01")
    assert editor("PUT", path, {"text": book}, seen=1).status_code == 200
    editor("POST", f"{path}/submit", seen=2)
    assert approver("POST", f"{path}/approve", {}, seen=2).json["starts_on"] == "2027-01-01"
    clock.forward(days=45)
    assert publish_due(ctx, ctx.now()) == 1


def test_whatever_is_not_theirs_is_refused_on_the_record(
    ctx: Context, client: FlaskClient, clock: Clock, editor: Caller
) -> None:
    path = drafted(editor)
    auditor = Caller(client, logged_in(ctx, client, clock, Role.AUDITOR))
    assert auditor("GET", path).status_code == 200
    assert auditor("PUT", path, {"text": TEXT}, seen=2).status_code == 403
    assert editor("POST", "/scenarios/XYZ-09/pause", {"reason": "x"}).status_code == 403
    refused = select(AuditEntry.detail).where(AuditEntry.deed == "staff_refused")
    assert [d["door"] for d in db.session.execute(refused).scalars()] == [
        "PUT /v1/admin/drafts/<int:draft_id>",
        "POST /v1/admin/scenarios/<code>/pause",
    ]
    assert auditor("GET", "/rulebooks").json["rulebooks"][0]["version"] == "HH-2026.1"
    assert auditor("GET", "/drafts/999").status_code == 404
    assert auditor("GET", "/scenarios/NO-1/revisions").status_code == 404
