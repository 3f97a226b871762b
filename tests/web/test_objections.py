"""Putting a record right: it stops counting at once, somebody answers in time, and the points are what they should be."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pyotp
import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from haihe.outside.identity import SimulatedIdentity
from haihe.outside.wechat import SimulatedWeChat
from haihe.storage.audit import AuditEntry
from haihe.storage.db import db
from haihe.storage.objections import Objection
from haihe.storage.residents import Account, Resident
from haihe.usecases.context import Context
from haihe.usecases.staff_login import create_staff
from tests.builders import Builders
from tests.conftest import Clock
from tests.web.resident.phone import Phone

SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
PASSWORD = "correct horse battery"
WRONG = "这张罚单不是我的：\n车已于 2025 年卖出。"


@pytest.fixture(autouse=True)
def demo_world(ctx: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    """WeChat and the identity service are the only things stood in for."""
    monkeypatch.setitem(ctx.__dict__, "wechat", SimulatedWeChat())
    monkeypatch.setitem(ctx.__dict__, "identity", SimulatedIdentity())


def member_called(client: FlaskClient, name: str, number: int) -> Phone:
    phone = Phone(client, name)
    phone.log_in()
    assert phone.bind(number=number).status_code == 200
    assert phone.join().status_code == 200
    return phone


@pytest.fixture
def member(client: FlaskClient) -> Phone:
    """Bound and joined."""
    return member_called(client, "lihua", 1)


@pytest.fixture
def resident_id(ctx: Context, member: Phone) -> int:
    """The member's own number."""
    index = ctx.vault.index("demo-openid-lihua", "openid")
    return int(db.session.query(Account).filter_by(openid_index=index).one().resident_id)


Officer = Callable[..., TestResponse]


@pytest.fixture
def as_officer(ctx: Context, client: FlaskClient, clock: Clock) -> Officer:
    """Do something as an objection officer, who is made and logged in when first spoken of."""
    tokens: dict[str, str] = {}

    def act(
        method: str, path: str, body: Any = None, who: str = "officer", districts: tuple[str, ...] = ()
    ) -> TestResponse:
        if who not in tokens:
            create_staff(ctx, who, PASSWORD, SECRET, "objection_officer", list(districts), clock.now, "test")
            totp = pyotp.TOTP(SECRET).generate_otp(int(clock.now.timestamp()) // 30)
            login = client.post("/v1/admin/login", json={"username": who, "password": PASSWORD, "totp": totp})
            tokens[who] = login.json["token"]
        headers = {"Authorization": f"Bearer {tokens[who]}"}
        return client.open(f"/v1/admin{path}", method=method, json=body, headers=headers)

    return act


def object_to(member: Phone, record_id: int, reason: str = WRONG) -> dict[str, Any]:
    answer = member.post("/v1/me/objections", {"record_id": record_id, "reason": reason})
    assert answer.status_code == 201, answer.json
    return dict(answer.json)


def total(member: Phone) -> int:
    return int(member.get("/v1/me/points").json["total"])


def causes(member: Phone) -> list[tuple[str, int]]:
    entries = member.get("/v1/me/ledger?limit=100").json["entries"]
    return [(e["cause"], e["delta"]) for e in entries if e["part"] == "B14"]


def test_a_record_objected_to_stops_counting_at_once(member: Phone, a: Builders, resident_id: int) -> None:
    record = a.record(resident_id, "B14", document_no="津罚1号", severity="一般")
    assert total(member) == 490
    (line,) = [x for x in member.get("/v1/me/points").json["lines"] if x["indicator"] == "B14"]
    filed = object_to(member, line["records"][0]["record_id"])
    assert filed["record_id"] == record
    assert total(member) == 510
    assert causes(member) == [("DISPUTED", 20), ("NEW", -20)]
    assert (filed["state"], filed["reason"], filed["clock"]["answer_by"]) == ("OPEN", WRONG, "2026-11-27")
    assert member.get(f"/v1/me/objections/{filed['id']}").json == filed


def test_what_was_written_is_sealed(member: Phone, a: Builders, resident_id: int) -> None:
    object_to(member, a.record(resident_id, "B14", document_no="津罚1号", severity="一般"))
    assert "卖出".encode() not in db.session.query(Objection).one().reason_sealed


@pytest.mark.parametrize(
    ("outcome", "corrected", "points", "cause"),
    [
        ("UPHELD", {}, 490, [("DISPUTED", -20), ("DISPUTED", 20), ("NEW", -20)]),
        ("REMOVED", {}, 510, [("DISPUTED", 20), ("NEW", -20)]),
        ("CORRECTED", {"occurred_on": "2025-01-10"}, 510, [("DISPUTED", 20), ("NEW", -20)]),
    ],
)
def test_the_answer_decides_what_the_record_is_worth(
    member: Phone,
    a: Builders,
    resident_id: int,
    as_officer: Officer,
    outcome: str,
    corrected: dict[str, Any],
    points: int,
    cause: list[tuple[str, int]],
) -> None:
    filed = object_to(member, a.record(resident_id, "B14", document_no="津罚1号", severity="一般"))
    body = {"outcome": outcome, "reason": "经核对执法记录。", "corrected": corrected}
    answered = as_officer("POST", f"/objections/{filed['id']}/answer", body)
    assert answered.status_code == 200, answered.json
    assert total(member) == points
    assert causes(member) == cause
    told = member.get(f"/v1/me/objections/{filed['id']}").json
    assert (told["state"], told["answer"], told["clock"]) == (outcome, "经核对执法记录。", None)
    assert (told["changed"] is not None) == (outcome == "CORRECTED")
    assert as_officer("POST", f"/objections/{filed['id']}/answer", body).status_code == 409


def test_a_corrected_level_gives_back_what_was_missing(
    member: Phone, a: Builders, resident_id: int, as_officer: Officer
) -> None:
    before = total(member)
    filed = object_to(member, a.record(resident_id, "D03", level="区级"))
    body = {"outcome": "CORRECTED", "reason": "应为市级。", "corrected": {"level": "市级"}}
    answered = as_officer("POST", f"/objections/{filed['id']}/answer", body).json
    assert answered["changed"] == {"level": ["区级", "市级"]}
    assert total(member) == before + 30


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"outcome": "CORRECTED", "reason": "改"}, "CORRECTION_MISSING"),
        ({"outcome": "CORRECTED", "reason": "改", "corrected": {"level": "火星级"}}, "LEVEL_INVALID"),
        (
            {"outcome": "CORRECTED", "reason": "改", "corrected": {"occurred_on": "2030-01-01"}},
            "OCCURRED_LATER",
        ),
        ({"outcome": "UPHELD", "reason": "改", "corrected": {"level": "市级"}}, "CORRECTION_UNASKED"),
        ({"outcome": "OPEN", "reason": "改"}, "REQUEST_INVALID"),
        ({"outcome": "UPHELD", "reason": ""}, "REQUEST_INVALID"),
        ({"outcome": "CORRECTED", "reason": "改", "corrected": {"state": "REPAIRED"}}, "REQUEST_INVALID"),
    ],
)
def test_an_answer_that_makes_no_sense_changes_nothing(
    member: Phone, a: Builders, resident_id: int, as_officer: Officer, body: dict[str, Any], code: str
) -> None:
    filed = object_to(member, a.record(resident_id, "D03", level="区级"))
    answer = as_officer("POST", f"/objections/{filed['id']}/answer", body)
    assert (answer.status_code, answer.json["code"]) == (422, code)
    assert member.get(f"/v1/me/objections/{filed['id']}").json["state"] == "OPEN"


def test_a_second_look_is_by_another_person_and_there_is_no_third(
    member: Phone, a: Builders, resident_id: int, as_officer: Officer
) -> None:
    record = a.record(resident_id, "B14", document_no="津罚1号", severity="一般")
    upheld = {"outcome": "UPHELD", "reason": "记录无误。"}
    first = object_to(member, record)
    as_officer("POST", f"/objections/{first['id']}/answer", upheld)
    second = object_to(member, record, "请另一位同志再看一次")
    assert second["second_look_of"] == first["id"]
    refused = as_officer("POST", f"/objections/{second['id']}/answer", upheld)
    assert (refused.status_code, refused.json["code"]) == (409, "SECOND_LOOK_BY_ANOTHER")
    assert as_officer("POST", f"/objections/{second['id']}/answer", upheld, who="another").status_code == 200
    third = member.post("/v1/me/objections", {"record_id": record, "reason": "再看"})
    assert (third.status_code, third.json["code"]) == (409, "OBJECTION_DECIDED")


def test_taking_it_back_lets_the_record_count_again(member: Phone, a: Builders, resident_id: int) -> None:
    record = a.record(resident_id, "B14", document_no="津罚1号", severity="一般")
    filed = object_to(member, record)
    again = member.post("/v1/me/objections", {"record_id": record, "reason": "再说一次"})
    assert (again.status_code, again.json["code"]) == (409, "OBJECTION_OPEN")
    assert member.delete(f"/v1/me/objections/{filed['id']}").json["state"] == "TAKEN_BACK"
    assert member.delete(f"/v1/me/objections/{filed['id']}").status_code == 200
    assert total(member) == 490
    assert object_to(member, record)["second_look_of"] is None


def test_the_clock_may_be_extended_once_with_a_reason_the_resident_reads(
    member: Phone, a: Builders, resident_id: int, as_officer: Officer
) -> None:
    filed = object_to(member, a.record(resident_id, "B14", document_no="津罚1号", severity="一般"))
    path = f"/objections/{filed['id']}/extension"
    assert as_officer("POST", path, {"reason": "需向外地调取材料"}).status_code == 200
    assert as_officer("POST", path, {"reason": "还要"}).json["code"] == "OBJECTION_EXTENDED"
    told = member.get(f"/v1/me/objections/{filed['id']}").json
    assert (told["extended_because"], told["clock"]["answer_by"]) == ("需向外地调取材料", "2026-12-04")


def test_an_officer_sees_the_objections_of_their_own_districts(
    member: Phone, a: Builders, resident_id: int, as_officer: Officer
) -> None:
    db.session.get_one(Resident, resident_id).district = "120103"
    db.session.commit()
    filed = object_to(member, a.record(resident_id, "B14", document_no="津罚1号", severity="一般"))
    near = as_officer("GET", "/objections", who="near", districts=("120103",)).json["objections"]
    assert [(o["id"], o["days_left"], o["overdue"]) for o in near] == [(filed["id"], 5, False)]
    assert as_officer("GET", "/objections", who="far", districts=("120101",)).json["objections"] == []
    for method, path, body in (
        ("GET", f"/objections/{filed['id']}", None),
        ("POST", f"/objections/{filed['id']}/answer", {"outcome": "UPHELD", "reason": "无误"}),
        ("POST", f"/objections/{filed['id']}/extension", {"reason": "等"}),
        ("GET", "/objections/999999", None),
    ):
        answer = as_officer(method, path, body, who="far")
        assert (answer.status_code, answer.json["code"]) == (404, "OBJECTION_NOT_FOUND")


def test_every_look_at_what_somebody_wrote_leaves_a_trace(
    member: Phone, a: Builders, resident_id: int, as_officer: Officer
) -> None:
    filed = object_to(member, a.record(resident_id, "B14", document_no="津罚1号", severity="一般"))
    assert as_officer("GET", f"/objections/{filed['id']}").json["reason"] == WRONG
    looks = db.session.query(AuditEntry).filter_by(deed="look_at_objection").all()
    assert [(e.actor, e.subject) for e in looks] == [("staff:officer", f"objection:{filed['id']}")]


def test_a_stranger_finds_neither_my_record_nor_my_objection(
    client: FlaskClient, member: Phone, a: Builders, resident_id: int
) -> None:
    record = a.record(resident_id, "B14", document_no="津罚1号", severity="一般")
    stranger = member_called(client, "stranger", 2)
    answer = stranger.post("/v1/me/objections", {"record_id": record, "reason": "不是我的"})
    assert (answer.status_code, answer.json["code"]) == (404, "RECORD_NOT_FOUND")
    filed = object_to(member, record)
    for call in (stranger.get, stranger.delete):
        answer = call(f"/v1/me/objections/{filed['id']}")
        assert (answer.status_code, answer.json["code"]) == (404, "OBJECTION_NOT_FOUND")
    assert stranger.get("/v1/me/objections").json["objections"] == []


@pytest.mark.parametrize("reason", ["", " ", "x" * 2001, "看不见\u0000的", 5, None])
def test_a_reason_is_a_text_of_reasonable_length(
    member: Phone, a: Builders, resident_id: int, reason: Any
) -> None:
    record = a.record(resident_id, "B14", document_no="津罚1号", severity="一般")
    answer = member.post("/v1/me/objections", {"record_id": record, "reason": reason})
    assert (answer.status_code, answer.json["code"]) == (422, "REQUEST_INVALID")
    assert total(member) == 490
