"""What is handed in with an objection: sealed, looked at before it is believed, opened only by its filer and the officer."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from haihe.storage.audit import AuditEntry
from haihe.storage.db import db
from haihe.storage.objections import Attachment
from haihe.usecases import attach
from haihe.usecases.context import Context
from haihe.usecases.staff_login import Role
from haihe.web.resident import objections
from tests.builders import Builders
from tests.conftest import Clock
from tests.web.admin.staff import logged_in
from tests.web.resident.phone import Phone

PNG = b"\x89PNG\r\n\x1a\n" + b"picture" * 10
PDF = b"%PDF-1.7\n%%EOF"
Find = Callable[[Phone], int]


@pytest.fixture
def filed(member: Phone, a: Builders, resident_of: Find) -> int:
    """An open objection of the member's."""
    record = a.record(resident_of(member), "B14", document_no="津罚1号", severity="一般")
    return int(member.post("/v1/me/objections", {"record_id": record, "reason": "不是我"}).json["id"])


def send(phone: Phone, objection: int, content: bytes, name: str = "收据.png") -> TestResponse:
    return phone.client.post(
        f"/v1/me/objections/{objection}/attachments",
        data={"document": (io.BytesIO(content), name)},
        headers=phone.headers,
    )


def test_a_picture_goes_with_an_objection_and_comes_back_as_it_was(member: Phone, filed: int) -> None:
    answer = send(member, filed, PNG)
    assert answer.status_code == 201, answer.json
    (told,) = answer.json["attachments"]
    assert (told["name"], told["media_type"], told["size"]) == ("收据.png", "image/png", len(PNG))
    file = member.get(f"/v1/me/objections/{filed}/attachments/{told['id']}")
    assert (file.data, file.mimetype) == (PNG, "image/png")
    assert file.headers["Content-Disposition"].startswith("attachment")
    assert file.headers["X-Content-Type-Options"] == "nosniff"
    row = db.session.query(Attachment).one()
    assert b"picture" not in row.content_sealed
    assert "收据".encode() not in row.name_sealed


@pytest.mark.parametrize(
    ("content", "name", "code"),
    [
        (b"", "a.png", "DOCUMENT_EMPTY"),
        (b"<html><script>", "a.png", "DOCUMENT_TYPE"),
        (b"MZ\x90", "a.pdf", "DOCUMENT_TYPE"),
        (PNG, "", "DOCUMENT_MISSING"),
    ],
)
def test_what_is_something_else_in_disguise_is_refused(
    member: Phone, filed: int, content: bytes, name: str, code: str
) -> None:
    answer = send(member, filed, content, name)
    assert (answer.status_code, answer.json["code"]) == (422, code)
    assert member.get(f"/v1/me/objections/{filed}").json["attachments"] == []


def test_one_that_is_too_large_is_refused_and_so_is_a_seventh(
    member: Phone, filed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(attach.MOST_ATTACHMENTS):
        assert send(member, filed, PDF).status_code == 201
    answer = send(member, filed, PDF)
    assert (answer.status_code, answer.json["code"]) == (409, "DOCUMENTS_TOO_MANY")
    monkeypatch.setattr(objections, "LARGEST_ATTACHMENT", 1000)
    answer = send(member, filed, PDF + b"0" * 1000)
    assert (answer.status_code, answer.json["code"]) == (422, "DOCUMENT_TOO_LARGE")
    assert send(member, filed, PDF + b"0" * 100_000).status_code == 413


def test_a_wrong_one_is_taken_away_again_but_not_after_the_answer(member: Phone, filed: int) -> None:
    first, second = (send(member, filed, PDF).json["attachments"][-1]["id"] for _ in range(2))
    path = f"/v1/me/objections/{filed}/attachments"
    assert member.delete(f"{path}/{first}").status_code == 204
    assert member.delete(f"{path}/{first}").status_code == 404
    member.delete(f"/v1/me/objections/{filed}")
    assert send(member, filed, PDF).json["code"] == "OBJECTION_ANSWERED"
    assert member.delete(f"{path}/{second}").json["code"] == "OBJECTION_ANSWERED"
    assert member.get(f"{path}/{second}").data == PDF


def test_a_stranger_finds_nothing(member: Phone, stranger: Phone, filed: int) -> None:
    attachment = send(member, filed, PDF).json["attachments"][0]["id"]
    path = f"/v1/me/objections/{filed}/attachments"
    answers = (
        send(stranger, filed, PDF),
        stranger.get(f"{path}/{attachment}"),
        stranger.delete(f"{path}/{attachment}"),
    )
    for answer in answers:
        assert (answer.status_code, answer.json["code"]) == (404, "OBJECTION_NOT_FOUND")


def test_the_officer_opens_it_on_the_record_and_nobody_else_of_the_staff_does(
    ctx: Context, client: FlaskClient, clock: Clock, member: Phone, filed: int
) -> None:
    attachment = send(member, filed, PDF).json["attachments"][0]["id"]
    roles = (Role.OBJECTION_OFFICER, Role.AUDITOR, Role.PARTNER_MANAGER)
    headers = {role: logged_in(ctx, client, clock, role) for role in roles}

    def ask(role: Role, path: str) -> TestResponse:
        return client.get(f"/v1/admin/objections/{filed}{path}", headers=headers[role])

    assert ask(Role.OBJECTION_OFFICER, "").json["attachments"][0]["name"] == "收据.png"
    answer = ask(Role.OBJECTION_OFFICER, f"/attachments/{attachment}")
    assert (answer.data, answer.mimetype) == (PDF, "application/pdf")
    for role in (Role.AUDITOR, Role.PARTNER_MANAGER):
        assert ask(role, f"/attachments/{attachment}").status_code == 403
    assert ask(Role.OBJECTION_OFFICER, "/attachments/999").status_code == 404
    looks = db.session.query(AuditEntry).filter_by(deed="open_attachment").all()
    assert [(e.subject, e.detail) for e in looks] == [(f"objection:{filed}", {"attachment": attachment})]


def test_the_export_names_the_file(member: Phone, filed: int) -> None:
    send(member, filed, PDF)
    told = member.get("/v1/me/export").json["data"]["objection_attachments"]
    assert [row["name"] for row in told] == ["收据.png"]
