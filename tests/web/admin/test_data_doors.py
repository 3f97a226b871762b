"""Sources, lines that were set aside, whole files and the health of merchants over HTTP."""

from __future__ import annotations

from collections.abc import Callable

import pyotp
import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from haihe.storage.audit import AuditEntry
from haihe.storage.db import db
from haihe.usecases.context import Context
from haihe.usecases.partner_health import count_uses
from haihe.usecases.staff_login import Role, create_staff
from haihe.usecases.withdraw_file import carry_out_withdrawals
from tests.builders import Builders
from tests.usecases.test_import_records import WANG, csv_of, line
from tests.usecases.test_quarantine import WRONG, load
from tests.web.admin.staff import PASSWORD, SECRET

SOURCE = {"name": "河西区节点", "district": "120103", "indicators": ["D01"], "expected_days": 7}
Call = Callable[..., TestResponse]


@pytest.fixture
def office(ctx: Context, client: FlaskClient) -> Callable[..., Call]:
    """Somebody at work: `office(Role.DATA_CLERK)("GET", "/sources")`."""

    def open_(role: Role, username: str = "", *districts: str) -> Call:
        name = username or role.value
        create_staff(ctx, name, PASSWORD, SECRET, role, list(districts), ctx.now(), "operator:test")
        body = {"username": name, "password": PASSWORD, "totp": pyotp.TOTP(SECRET).at(ctx.now())}
        token = client.post("/v1/admin/login", json=body).json["token"]
        headers = {"Authorization": f"Bearer {token}"}
        return lambda method, path, **more: client.open(
            f"/v1/admin{path}", method=method, headers=headers, **more
        )

    return open_


def test_a_source_from_its_registration_to_the_end_of_its_credentials(
    office: Callable[..., Call], client: FlaskClient
) -> None:
    clerk = office(Role.DATA_CLERK)
    assert clerk("POST", "/sources", json={**SOURCE, "code": "hexi"}).status_code == 204
    assert clerk("POST", "/sources", json={**SOURCE, "code": "hexi"}).status_code == 409
    assert clerk("POST", "/sources", json={**SOURCE, "code": "x x"}).json["code"] == "SOURCE_CODE_INVALID"
    assert clerk("PUT", "/sources/hexi", json={**SOURCE, "name": "河西"}).status_code == 204
    made = clerk("POST", "/sources/hexi/clients").json
    grant = {"grant_type": "client_credentials"}
    way_in = (made["client_id"], made["client_secret"])
    assert client.post("/oauth/token", data=grant, auth=way_in).status_code == 200
    new = clerk("POST", f"/sources/hexi/clients/{made['client_id']}/rotate").json["client_secret"]
    assert client.post("/oauth/token", data=grant, auth=way_in).status_code == 401
    assert client.post("/oauth/token", data=grant, auth=(made["client_id"], new)).status_code == 200
    assert clerk("DELETE", f"/sources/hexi/clients/{made['client_id']}").status_code == 204
    shown = clerk("GET", "/sources/hexi").json
    assert (shown["name"], shown["overdue"], shown["clients"][0]["revoked_at"] is None) == (
        "河西",
        True,
        False,
    )
    assert office(Role.AUDITOR)("GET", "/sources").json["items"][0]["code"] == "hexi"
    assert office(Role.SYSTEM_ADMIN)("POST", "/sources", json=SOURCE).status_code == 403


def test_a_line_is_put_right_retried_and_returned(
    office: Callable[..., Call], ctx: Context, a: Builders
) -> None:
    held = load(ctx, csv_of(line("R1", number=WRONG), line("R2", number=WRONG)), a.source()).import_id
    clerk = office(Role.DATA_CLERK)
    at = f"/imports/{held}"
    listed = clerk("GET", f"{at}/quarantine?limit=1").json
    assert ([i["line_no"] for i in listed["items"]], listed["next"]) == ([2], 2)
    shown = clerk("GET", f"{at}/quarantine/2")
    assert WRONG not in shown.text and shown.json["readable"]
    assert clerk("POST", f"{at}/retry", json={}).json == {"taken": 0, "left": 2, "next": None}
    wrong = clerk("POST", f"{at}/quarantine/2", json={"cells": {"id_number": WANG}})
    assert (wrong.status_code, wrong.json["code"], wrong.json["field"]) == (422, "BASIS_MISSING", "basis")
    assert clerk("POST", f"{at}/quarantine/2", json={"cells": {"id_number": 7}}).status_code == 422
    right = {"cells": {"id_number": WANG}, "basis": "复函"}
    assert clerk("POST", f"{at}/quarantine/2", json=right).status_code == 204
    assert clerk("POST", f"{at}/quarantine/2", json=right).status_code == 404
    assert clerk("POST", f"{at}/quarantine/3/return", json={"note": "请核对"}).status_code == 204
    assert office(Role.AUDITOR)("POST", f"{at}/retry", json={}).status_code == 403


def test_a_file_is_withdrawn_by_two(office: Callable[..., Call], ctx: Context, a: Builders) -> None:
    held = load(ctx, csv_of(line("R1")), a.source()).import_id
    clerk, approver = office(Role.DATA_CLERK), office(Role.APPROVER)
    begun = clerk("POST", f"/imports/{held}/withdrawal", json={"reason": "错位"})
    assert (begun.status_code, begun.json["state"]) == (201, "WAITING")
    number = begun.json["id"]
    own = clerk("POST", f"/withdrawals/{number}/approve")
    assert (own.status_code, own.json["code"]) == (403, "OWN_WITHDRAWAL")
    assert approver("POST", f"/withdrawals/{number}/approve").status_code == 204
    assert approver("POST", f"/withdrawals/{number}/refuse", json={"reason": "x"}).status_code == 409
    carry_out_withdrawals(ctx, ctx.now)
    assert approver("GET", f"/withdrawals/{number}").json["withdrawn"] == 1
    assert approver("POST", f"/imports/{held}/retry", json={}).status_code == 403


def test_another_districts_files_are_as_good_as_none_and_the_try_is_on_the_record(
    office: Callable[..., Call], ctx: Context, a: Builders
) -> None:
    held = load(ctx, csv_of(line("R1")), a.source()).import_id
    hexi = office(Role.DATA_CLERK, "hexi", "120103")
    assert hexi("GET", "/imports").json["items"] == []
    assert hexi("GET", "/sources").json["items"] == []
    for path in (
        f"/imports/{held}",
        f"/imports/{held}/report.csv",
        f"/imports/{held}/quarantine",
        "/sources/TEST",
    ):
        assert hexi("GET", path).status_code == 404, path
    assert hexi("POST", f"/imports/{held}/withdrawal", json={"reason": "x"}).status_code == 404
    refusals = select(AuditEntry.detail).where(AuditEntry.deed == "staff_refused")
    assert len(db.session.execute(refusals).all()) == 5


def test_the_health_of_merchants(office: Callable[..., Call], ctx: Context, a: Builders) -> None:
    a.merchant("XYZ-07")
    count_uses(ctx.now())
    board = office(Role.PARTNER_MANAGER)("GET", "/merchant-health").json
    assert board["merchants"][0]["asked"] == 0 and board["counted_at"]
    assert len(board["scenarios"]) == 17
    assert office(Role.DATA_CLERK)("GET", "/merchant-health").status_code == 403
