"""商户入驻: from the application to the first question, and to the suspension that stops the next."""

from __future__ import annotations

import io
from typing import Any

import pyotp
import pytest
from flask.testing import FlaskClient
from sqlalchemy import select, text
from werkzeug.test import TestResponse

from haihe.storage.audit import AuditEntry
from haihe.storage.db import db
from haihe.storage.onboarding import Application, Document
from haihe.usecases import merchant_documents
from haihe.usecases.context import Context
from haihe.usecases.staff_login import Role, create_staff, log_in_staff
from tests.builders import Builders
from tests.conftest import Clock

PASSWORD, SECRET = "correct horse battery", "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
PDF = b"%PDF-1.7\n%EOF"
WISH = {
    "name": "海河单车有限公司",
    "uscc": "91110000600037341L",
    "kind": "单车企业",
    "contact": "张经理",
    "phone": "022-60000000",
    "districts": ["120103"],
    "scenarios": ["XYZ-07"],
}


class Office:
    """Somebody of the staff at work."""

    def __init__(self, client: FlaskClient, token: str) -> None:
        self.client = client
        self.headers = {"Authorization": f"Bearer {token}"}

    def __call__(self, method: str, path: str = "", **more: Any) -> TestResponse:
        return self.client.open(f"/v1/admin/merchants{path}", method=method, headers=self.headers, **more)


@pytest.fixture
def office(ctx: Context, client: FlaskClient, clock: Clock) -> Any:
    """`office("anna")`: a partner manager with a desk of her own."""

    def opened(name: str, role: Role = Role.PARTNER_MANAGER, districts: tuple[str, ...] = ()) -> Office:
        create_staff(ctx, name, PASSWORD, SECRET, role, list(districts), clock.now, "operator:test")
        return Office(
            client, log_in_staff(ctx, name, PASSWORD, pyotp.TOTP(SECRET).at(clock.now), clock.now).token
        )

    return opened


def applied(desk: Office, **other: Any) -> int:
    answer = desk("POST", json={**WISH, **other})
    assert answer.status_code == 201, answer.json
    return int(answer.json["merchant_id"])


def test_an_application_becomes_a_merchant_that_asks_its_first_question(
    office: Any, client: FlaskClient, a: Builders
) -> None:
    entering, approving = office("anna"), office("bert")
    number = applied(entering)
    assert (
        entering("POST", f"/{number}/approve", json={"scenarios": ["XYZ-07"]}).json["code"]
        == "OWN_APPLICATION"
    )
    assert approving("POST", f"/{number}/approve", json={"scenarios": ["XYZ-07"]}).status_code == 204
    handed = approving(
        "POST",
        f"/{number}/clients",
        json={"auth_method": "client_secret_basic", "scopes": ["check", "records"]},
    ).json

    token = client.post(
        "/oauth/token",
        data={"grant_type": "client_credentials"},
        auth=(handed["client_id"], handed["client_secret"]),
    ).json["access_token"]
    resident = a.resident()

    def ask() -> TestResponse:
        return client.post(
            "/access/v1/evaluation",
            headers={"Authorization": f"Bearer {token}"},
            json={
                "subject": {"type": "pass", "id": a.shown_pass(resident, "XYZ-07")},
                "action": {"name": "use"},
                "resource": {"type": "scenario", "id": "XYZ-07"},
            },
        )

    assert ask().status_code == 200
    assert approving("POST", f"/{number}/suspend", json={"reason": "投诉核查"}).status_code == 204
    assert ask().status_code == 401
    assert approving("POST", f"/{number}/resume").status_code == 422
    assert approving("POST", f"/{number}/resume", json={"reason": "已整改"}).status_code == 204
    assert ask().status_code == 200
    assert approving("PUT", f"/{number}/scenarios", json={"scenarios": ["XYZ-02"]}).status_code == 204
    assert ask().status_code == 403
    deeds = list(
        db.session.execute(
            select(AuditEntry.deed).where(AuditEntry.subject == f"merchant:{number}")
        ).scalars()
    )
    assert deeds == ["apply", "approve_merchant", "merchant_suspended", "merchant_active", "admit_scenarios"]


def test_a_code_with_a_wrong_check_sign_passes_only_when_somebody_else_has_vouched_for_it(
    office: Any,
) -> None:
    entering, vouching, approving = office("anna"), office("bert"), office("cleo")
    number = applied(entering, uscc="911100006000373410")
    approval = {"json": {"scenarios": ["XYZ-07"]}}

    assert approving("POST", f"/{number}/approve", **approval).json["code"] == "USCC_CHECKSUM"
    assert vouching("POST", f"/{number}/vouch", json={"reason": " "}).status_code == 422
    assert (
        vouching("POST", f"/{number}/vouch", json={"reason": "2015 年换发的执照，已核对原件"}).status_code
        == 204
    )
    assert vouching("POST", f"/{number}/approve", **approval).json["code"] == "OWN_APPLICATION"
    assert approving("POST", f"/{number}/approve", **approval).status_code == 204


def test_an_application_that_was_returned_is_put_right_and_looked_at_again(office: Any) -> None:
    entering, approving = office("anna"), office("bert")
    number = applied(entering)
    approving("POST", f"/{number}/return", json={"reason": "名称与执照不符"})
    shown = approving("GET", f"/{number}").json
    assert (shown["state"], shown["application"]["reason"]) == ("RETURNED", "名称与执照不符")
    assert (
        approving("POST", f"/{number}/approve", json={"scenarios": ["XYZ-07"]}).json["code"]
        == "APPLICATION_RETURNED"
    )

    assert entering("PUT", f"/{number}/application", json={**WISH, "name": "海河单车"}).status_code == 204
    assert approving("POST", f"/{number}/approve", json={"scenarios": ["XYZ-07"]}).status_code == 204
    assert entering("PUT", f"/{number}/application", json=WISH).json["code"] == "APPLICATION_DECIDED"


def test_two_may_apply_with_one_code_but_only_one_is_let_in(office: Any) -> None:
    entering, approving = office("anna"), office("bert")
    first, second = applied(entering), applied(entering)
    assert approving("POST", f"/{first}/approve", json={"scenarios": ["XYZ-07"]}).status_code == 204
    assert (
        approving("POST", f"/{second}/approve", json={"scenarios": ["XYZ-07"]}).json["code"] == "USCC_TAKEN"
    )
    assert approving("POST", f"/{second}/refuse", json={"reason": "重复申请"}).status_code == 204
    assert approving("GET", "?state=REFUSED").json["items"][0]["merchant_id"] == second


def test_documents_are_sealed_and_looked_at_on_the_record(
    office: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = office("anna")
    number = applied(desk)

    def send(content: bytes, name: str = "执照.pdf") -> TestResponse:
        return desk("POST", f"/{number}/documents", data={"document": (io.BytesIO(content), name)})

    assert send(PDF).status_code == 201
    assert send(b"<html>", "x.pdf").json["code"] == "DOCUMENT_TYPE"
    assert send(b"").json["code"] == "DOCUMENT_EMPTY"
    monkeypatch.setattr(merchant_documents, "LARGEST", 1000)
    assert send(PDF + b"0" * 1000).json["code"] == "DOCUMENT_TOO_LARGE"
    document = desk("GET", f"/{number}").json["documents"][0]["document_id"]
    answer = desk("GET", f"/{number}/documents/{document}")
    assert (answer.data, answer.mimetype) == (PDF, "application/pdf")
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert b"PDF" not in db.session.execute(select(Document.content_sealed)).scalar_one()
    assert "open_document" in db.session.execute(select(AuditEntry.deed)).scalars().all()
    assert desk("GET", f"/{applied(desk)}/documents/{document}").status_code == 404


def test_the_contact_is_not_stored_in_clear(office: Any) -> None:
    desk = office("anna")
    number = applied(desk)

    assert desk("GET", f"/{number}").json["application"]["contact"] == "张经理"
    row = db.session.execute(text("SELECT * FROM applications")).one()
    assert not any("张经理".encode() in bytes(v) for v in row if isinstance(v, bytes | memoryview))
    assert db.session.execute(select(Application.merchant_id)).scalar_one() == number


def test_each_keeps_to_their_districts_and_their_role(office: Any) -> None:
    number = applied(office("anna"))
    elsewhere = office("bert", districts=("120101",))
    assert elsewhere("GET").json["items"] == []
    assert elsewhere("GET", f"/{number}").status_code == 404
    assert elsewhere("POST", f"/{number}/approve", json={"scenarios": ["XYZ-07"]}).status_code == 404
    assert elsewhere("POST", json=WISH).json["code"] == "DISTRICT_INVALID"
    assert office("cleo", Role.AUDITOR)("GET", f"/{number}").status_code == 200
    assert office("dora", Role.AUDITOR)("POST", f"/{number}/resume").status_code == 403
    assert office("emil", Role.DATA_CLERK)("GET", f"/{number}").status_code == 403


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("uscc", "123"),
        ("districts", []),
        ("districts", ["999999"]),
        ("scenarios", []),
        ("scenarios", ["XYZ-99"]),
    ],
)
def test_what_cannot_be_applied_with_is_told(office: Any, field: str, value: Any) -> None:
    answer = office("anna")("POST", json={**WISH, field: value})
    assert (answer.status_code, answer.json["field"]) == (422, field)
