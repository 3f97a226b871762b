"""Logging in, staying in, and belonging to one real person."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from haihe.domain.identity import IdType
from haihe.storage.audit import AuditEntry
from haihe.storage.db import db, transaction
from haihe.storage.records import RecordHistory, RecordRow
from haihe.storage.residents import Resident, Session
from haihe.usecases.context import Context
from tests.builders import Builders, id_number
from tests.conftest import Clock
from tests.web.resident.phone import ADULT, Phone


def test_a_login_says_what_is_still_to_be_done(client: FlaskClient) -> None:
    phone = Phone(client, "xiaowang")
    first = phone.log_in().json
    assert (first["real_name_bound"], first["joined"]) == (False, False)
    assert first["expires_at"] == "2026-11-27T12:00:00+08:00"
    phone.bind()
    assert phone.log_in().json["real_name_bound"] is True
    phone.join()
    assert phone.log_in().json["joined"] is True


def test_only_a_hash_of_the_token_is_kept(phone: Phone) -> None:
    (kept,) = db.session.execute(select(Session.token_hash)).scalars()
    assert phone.token.encode() not in kept
    assert len(kept) == 32


def test_an_unknown_code_lets_nobody_in(client: FlaskClient) -> None:
    answer = client.post("/v1/login", json={"js_code": "not-a-code"})
    assert (answer.status_code, answer.json["code"], answer.json["field"]) == (
        422,
        "JS_CODE_INVALID",
        "js_code",
    )


def test_no_token_and_a_wrong_token_are_told_apart(client: FlaskClient) -> None:
    missing = client.get("/v1/me/benefits")
    assert (missing.status_code, missing.json["code"]) == (401, "SESSION_MISSING")
    assert missing.headers["WWW-Authenticate"].startswith("Bearer")
    for header in ("Bearer nobody", "bearer \xff\xfe", f"Bearer {'x' * 5000}"):
        answer = client.get("/v1/me/benefits", headers={"Authorization": header})
        assert (answer.status_code, answer.json["code"]) == (401, "SESSION_INVALID")
    for header in ("Basic YTpi", "Bearer", "Bearer  ", ""):
        answer = client.get("/v1/me/benefits", headers={"Authorization": header})
        assert (answer.status_code, answer.json["code"]) == (401, "SESSION_MISSING")


def test_a_session_nobody_uses_ends_after_seven_days(phone: Phone, clock: Clock) -> None:
    clock.forward(days=7)
    assert phone.get("/v1/me/benefits").json["code"] == "SESSION_INVALID"


def test_a_session_in_use_goes_on_but_never_beyond_thirty_days(phone: Phone, clock: Clock) -> None:
    for _ in range(5):
        clock.forward(days=5)
        assert phone.get("/v1/me/benefits").status_code == 200
    clock.forward(days=5, seconds=-1)
    assert phone.get("/v1/me/benefits").status_code == 200
    clock.forward(seconds=1)
    assert phone.get("/v1/me/benefits").status_code == 401


def test_logging_out_ends_this_session_and_no_other(client: FlaskClient, phone: Phone) -> None:
    other = Phone(client, phone.name)
    other.log_in()
    assert client.post("/v1/logout", headers=phone.headers).status_code == 204
    assert phone.get("/v1/me/benefits").status_code == 401
    assert other.get("/v1/me/benefits").status_code == 200


def test_the_verified_level_becomes_a_record_that_counts(
    phone: Phone, resident_of: Callable[[Phone], int]
) -> None:
    phone.bind()
    row = db.session.execute(
        select(RecordRow).where(RecordRow.resident_id == resident_of(phone))
    ).scalar_one()
    assert (row.source, row.indicator, row.level, row.version) == ("JXB", "A01", "L3", 1)


def test_verifying_again_another_day_makes_a_new_version_and_the_same_day_does_not(
    phone: Phone, clock: Clock
) -> None:
    phone.bind()
    phone.bind()
    clock.forward(days=1)
    assert phone.bind().status_code == 200
    row = db.session.execute(select(RecordRow)).scalar_one()
    assert (row.version, row.occurred_on) == (2, date(2026, 11, 21))
    earlier = db.session.execute(select(RecordHistory)).scalar_one()
    assert earlier.fields["occurred_on"] == "2026-11-20"


def test_whoever_departments_knew_already_is_found_again_and_not_made_twice(
    ctx: Context, phone: Phone, a: Builders, resident_of: Callable[[Phone], int]
) -> None:
    resident = a.resident(joined=False, district=None)
    index = ctx.vault.index(f"{IdType.RESIDENT}:{id_number(1)}", "id_number")
    with transaction():
        db.session.get_one(Resident, resident).id_number_index = index
    a.record(resident, "D01", quantity=20)
    phone.bind()
    assert resident_of(phone) == resident
    phone.join()
    assert phone.get("/v1/me/points").json["total"] == 530
    row = db.session.get_one(Resident, resident)
    assert ctx.vault.open(row.key_id, row.name_sealed, "name") == "李华"
    assert row.district is not None


def test_the_binding_follows_the_person_to_a_new_account_and_the_old_one_is_logged_out(
    client: FlaskClient, member: Phone
) -> None:
    old_code = member.post("/v1/me/passes", {"scenario": "XYZ-15"}).json["code"]
    newer = Phone(client, "lihua-new")
    newer.log_in()
    bound = newer.bind().json
    assert bound["moved"] is True
    assert "已解除绑定" in bound["notice"]
    assert newer.get("/v1/me/points").json["total"] == 510
    assert newer.get(f"/v1/me/passes/{old_code}/qr.svg").status_code == 404
    assert member.get("/v1/me/points").json["code"] == "SESSION_INVALID"
    assert member.log_in().json["real_name_bound"] is False


def test_an_account_never_becomes_somebody_elses(member: Phone, resident_of: Callable[[Phone], int]) -> None:
    before = resident_of(member)
    answer = member.bind(number=9, name="赵六")
    assert (answer.status_code, answer.json["code"]) == (409, "ACCOUNT_BOUND")
    assert resident_of(member) == before


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"name": "李不符"}, "IDENTITY_MISMATCH"),
        ({"name": "王繁忙"}, "IDENTITY_BUSY"),
        ({"id_number": "120100199005040011"}, "ID_INVALID"),
        ({"id_number": "1"}, "ID_INVALID"),
        ({"id_type": "PASSPORT"}, "ID_TYPE_INVALID"),
    ],
)
def test_whatever_cannot_be_verified_leaves_nothing_behind(
    phone: Phone, body: dict[str, str], code: str
) -> None:
    whole = {"name": "李华", "id_type": "RESIDENT", "id_number": id_number(1), **body}
    answer = phone.post("/v1/me/identity", whole)
    assert answer.json["code"] == code
    assert answer.mimetype == "application/problem+json"
    assert db.session.execute(select(Resident)).first() is None
    assert db.session.execute(select(RecordRow)).first() is None


def test_nobody_can_try_names_against_numbers_all_day(phone: Phone, clock: Clock) -> None:
    for _ in range(5):
        assert phone.bind(name="李不符").json["code"] == "IDENTITY_MISMATCH"
    refused = phone.bind()
    assert (refused.status_code, refused.json["code"]) == (429, "IDENTITY_TRIES")
    assert int(refused.headers["Retry-After"]) > 0
    clock.forward(days=1, seconds=1)
    assert phone.bind().status_code == 200


def test_nothing_is_stored_about_a_child_under_fourteen(phone: Phone) -> None:
    answer = phone.bind(birth=date(2013, 1, 1))
    assert (answer.status_code, answer.json["code"]) == (403, "UNDER_AGE")
    assert "2031-01-01" in answer.json["detail"]
    assert db.session.execute(select(Resident)).first() is None


def test_deeds_leave_their_trace_without_personal_data(member: Phone) -> None:
    entries = db.session.execute(select(AuditEntry).order_by(AuditEntry.id)).scalars().all()
    assert [e.deed for e in entries] == ["log_in", "bind_identity", "give_consent"]
    told = " ".join(f"{e.subject} {e.actor} {e.detail}" for e in entries)
    assert "李华" not in told
    assert id_number(1, ADULT) not in told
