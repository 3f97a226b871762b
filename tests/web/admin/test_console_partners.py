"""商户页: an application from the list to the approval, and everything that a partner manager looks after."""

from __future__ import annotations

import io
import re

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from haihe.storage.audit import AuditEntry
from haihe.storage.db import db, transaction
from haihe.storage.onboarding import Application, MerchantStaff
from haihe.storage.partners import Merchant, OAuthClient
from haihe.usecases.context import Context
from haihe.usecases.judge_merchant import admissions_of
from haihe.usecases.merchant_documents import add_document
from haihe.usecases.staff_login import Role
from tests.builders import Builders
from tests.conftest import Clock
from tests.web.admin.console import TOKEN, Desk, desk

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 64


@pytest.fixture
def person(app: Flask, ctx: Context) -> Desk:
    return desk(app, ctx, Role.PARTNER_MANAGER)


@pytest.fixture
def applied(ctx: Context) -> int:
    with transaction():
        merchant = Merchant(
            name="河西便民书屋",
            uscc="91120103MA05TEST0Y",
            district="120103",
            kind="书店",
            state="APPLIED",
            created_at=ctx.now(),
        )
        db.session.add(merchant)
        db.session.flush()
        sealed = [ctx.vault.seal(v, p) for v, p in (("赵一", "contact"), ("022-12345678", "phone"))]
        db.session.add(
            Application(
                merchant_id=merchant.id,
                key_id=sealed[0].key_id,
                contact_sealed=sealed[0].ciphertext,
                phone_sealed=sealed[1].ciphertext,
                districts=["120103"],
                scenarios=["XYZ-07"],
                uscc_checks=False,
                entered_by="applicant",
                applied_at=ctx.now(),
            )
        )
        number = merchant.id
    add_document(ctx, number, "执照.png", PNG, ctx.now(), "applicant")
    return number


def test_an_early_code_is_vouched_for_by_one_and_the_application_approved_by_another(
    app: Flask, ctx: Context, person: Desk, applied: int
) -> None:
    path = f"/console/partners/{applied}"
    assert re.search(r'figure">1</span>\s*<span>份商户申请待您审批', person.get("/console").text)
    early = person.send(f"{path}/approve", {"scenarios": "XYZ-07"})
    assert (early.status_code, "USCC_CHECKSUM" in early.text) == (409, True)
    assert "请写明原因" in person.send(f"{path}/vouch", {"reason": " "}).text
    assert person.send(f"{path}/vouch", {"reason": "执照原件一致"}).location == f"{path}?done=vouch"
    own = person.send(f"{path}/approve", {"scenarios": "XYZ-07"})
    assert (own.status_code, "OWN_APPLICATION" in own.text) == (403, True)
    assert "须由另一位同事审批" in person.get(path).text
    other = desk(app, ctx, Role.PARTNER_MANAGER, "other")
    none = other.send(f"{path}/approve", {})
    assert (none.status_code, "请至少选择一个场景" in none.text) == (422, True)
    assert other.send(f"{path}/approve", {"scenarios": "XYZ-07"}).status_code == 303
    assert admissions_of(applied) == ["XYZ-07"]
    assert "已准入" in other.get(path).text
    assert other.send(f"{path}/approve", {"scenarios": "XYZ-07"}).status_code == 409


def test_an_application_is_returned_with_a_reason_that_is_kept_in_the_form_when_too_long(
    person: Desk, applied: int
) -> None:
    path = f"/console/partners/{applied}"
    long = person.send(f"{path}/return", {"reason": "长" * 401})
    assert long.status_code == 422 and "长" * 401 in long.text
    assert person.send(f"{path}/return", {"reason": "请补充执照"}).status_code == 303
    assert "请补充执照" in person.get(path).text
    assert person.send(f"{path}/refuse", {"reason": "执照已注销"}).status_code == 303
    assert "未批准" in person.get(path).text


def test_documents_and_contact_are_shown_and_every_look_is_on_the_record(
    app: Flask, ctx: Context, person: Desk, applied: int
) -> None:
    page = person.get(f"/console/partners/{applied}").text
    assert "022-12345678" in page and "执照.png" in page
    answer = person.get(f"/console/partners/{applied}/documents/1")
    assert (answer.mimetype, answer.data) == ("image/png", PNG)
    assert answer.headers["Content-Disposition"].startswith("inline")
    assert "script-src 'none'" in answer.headers["Content-Security-Policy"]
    deeds = select(AuditEntry.deed).where(AuditEntry.subject == f"merchant:{applied}").order_by(AuditEntry.id)
    assert db.session.execute(deeds).scalars().all()[-2:] == ["look_at_contact", "open_document"]
    assert person.get(f"/console/partners/{applied}/documents/9").status_code == 404
    auditor = desk(app, ctx, Role.AUDITOR)
    assert auditor.get(f"/console/partners/{applied}/documents/1").status_code == 200
    assert "批准并准入" not in auditor.get(f"/console/partners/{applied}").text


def test_a_merchant_is_suspended_and_resumed_with_reasons(person: Desk, ctx: Context, a: Builders) -> None:
    shop = a.merchant("XYZ-07")
    path = f"/console/partners/{shop.merchant_id}"
    assert person.send(f"{path}/suspend", {"reason": ""}).status_code == 422
    assert person.send(f"{path}/suspend", {"reason": "投诉查实"}).status_code == 303
    assert ctx.rules.up_to_date().partner(shop.client_id) is None
    assert person.send(f"{path}/resume", {"reason": ""}).status_code == 422
    assert person.send(f"{path}/resume", {"reason": "已整改"}).status_code == 303
    assert ctx.rules.up_to_date().partner(shop.client_id) is not None
    assert person.send(f"{path}/resume", {"reason": "已整改"}).status_code == 409
    assert person.send(f"{path}/scenarios", {"scenarios": "XYZ-14"}).status_code == 303
    assert admissions_of(shop.merchant_id) == ["XYZ-14"]
    assert person.send(f"{path}/explode").status_code == 404


def test_keys_are_registered_rotated_and_revoked_and_shown_once(
    person: Desk, ctx: Context, a: Builders, client: FlaskClient, clock: Clock
) -> None:
    shop = a.merchant("XYZ-07")
    path = f"/console/partners/{shop.merchant_id}"
    form = {"auth_method": "client_secret_basic", "scopes": "check", "seen": "1"}
    made = person.send(f"{path}/clients", form)
    secret = re.search(r'id="secret">([^<]+)<', made.text)
    assert made.status_code == 200 and secret is not None
    again = person.send(f"{path}/clients", form)
    assert (again.status_code, "PAGE_OUT_OF_DATE" in again.text) == (409, True)
    wrong = person.send(
        f"{path}/clients", {**form, "seen": "2", "auth_method": "private_key_jwt", "jwks": "不是 JSON"}
    )
    assert wrong.status_code == 422 and "不是 JSON</textarea>" in wrong.text
    held = db.session.execute(select(OAuthClient).where(OAuthClient.client_id != shop.client_id)).scalar_one()
    grant = {"grant_type": "client_credentials"}
    assert client.post("/oauth/token", data=grant, auth=(held.client_id, secret[1])).status_code == 200
    seen = {"seen": held.created_at.isoformat()}
    clock.forward(minutes=1)
    assert person.send(f"{path}/clients/{held.client_id}/rotate", seen).status_code == 200
    assert client.post("/oauth/token", data=grant, auth=(held.client_id, secret[1])).status_code == 401
    assert person.send(f"{path}/clients/{held.client_id}/rotate", seen).status_code == 409
    assert person.send(f"{path}/clients/{held.client_id}/revoke").status_code == 303
    assert person.send(f"{path}/clients/m-none/revoke").status_code == 404
    assert "已吊销" in person.get(path).text


def test_the_first_manager_gets_an_account_and_a_second_factor_shown_once(
    person: Desk, ctx: Context, a: Builders
) -> None:
    shop = a.merchant("XYZ-07")
    path = f"/console/partners/{shop.merchant_id}"
    form = {"username": "dian-zhang", "password": "short", "role": "manager"}
    wrong = person.send(f"{path}/people", form)
    assert wrong.status_code == 422 and 'value="dian-zhang"' in wrong.text
    made = person.send(f"{path}/people", {**form, "password": "correct horse battery"})
    assert "只显示这一次" in made.text and "data:image/svg+xml" in made.text
    assert db.session.get_one(MerchantStaff, "dian-zhang").role == "manager"
    assert person.send(f"{path}/people", {**form, "password": "correct horse battery"}).status_code == 409
    assert person.send(f"{path}/people/dian-zhang/close").status_code == 303
    assert db.session.get_one(MerchantStaff, "dian-zhang", populate_existing=True).closed_at is not None


def test_another_districts_merchant_is_refused_on_the_record(app: Flask, ctx: Context, applied: int) -> None:
    nankai = desk(app, ctx, Role.PARTNER_MANAGER, "nankai", ["120104"])
    assert "河西便民书屋" not in nankai.get("/console/partners").text
    assert "河西便民书屋" not in nankai.get("/console/partners.csv").text
    path = f"/console/partners/{applied}"
    for answer in (
        nankai.get(path),
        nankai.get(f"{path}/documents/1"),
        nankai.send(f"{path}/refuse", {"reason": "x"}),
    ):
        assert (answer.status_code, "MERCHANT_NOT_FOUND" in answer.text) == (404, True)
    refusals = select(AuditEntry.detail).where(AuditEntry.deed == "staff_refused")
    assert len(db.session.execute(refusals).all()) == 3
    assert nankai.get("/console/partners/999").status_code == 404


def test_the_list_is_searched_and_exported(person: Desk, ctx: Context, a: Builders, applied: int) -> None:
    a.merchant("XYZ-07")
    assert "河西便民书屋" in person.get("/console/partners?q=书屋").text
    assert "测试商户" not in person.get("/console/partners?state=APPLIED").text
    assert person.get("/console/partners?q=%25").text.count('touch" href="/console/partners/') == 0
    table = person.get("/console/partners.csv?q=书").text
    assert "河西便民书屋,91120103MA05TEST0Y,河西区,书店,待审批" in table


ENTERED = {
    "name": "津门单车",
    "uscc": "91110000600037341L",
    "kind": "单车企业",
    "contact": "张经理",
    "phone": "022-60000000",
    "first": "120103",
    "districts": "120104",
    "scenarios": "XYZ-07",
}


def test_whoever_writes_an_application_down_adds_the_licence_and_cannot_approve(
    app: Flask, ctx: Context, person: Desk
) -> None:
    for change in ({"name": ""}, {"uscc": "123"}, {"first": ""}, {"scenarios": "NONE"}):
        wrong = person.send("/console/partners", {**ENTERED, **change})
        assert wrong.status_code == 422, change
        assert 'value="022-60000000"' in wrong.text
    path = person.send("/console/partners", ENTERED).location
    token = TOKEN.search(person.get(path).text)
    assert token is not None
    for content, status in ((b"MZ", 422), (PNG, 303)):
        form = {"form_token": token[1], "document": (io.BytesIO(content), "执照.png")}
        assert person.client.post(f"{path}/documents", data=form).status_code == status
    assert "执照.png" in person.get(path).text
    own = person.send(f"{path}/approve", {"scenarios": "XYZ-07"})
    assert (own.status_code, "OWN_APPLICATION" in own.text) == (403, True)
    nankai = desk(app, ctx, Role.PARTNER_MANAGER, "nankai", ["120104"])
    assert nankai.send("/console/partners", ENTERED).status_code == 403
