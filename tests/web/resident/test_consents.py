"""Consents are given to a text, take effect at once, and are taken back as easily."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import pytest
import redis
from sqlalchemy import select

from haihe.domain.orders import OrderState
from haihe.storage.db import db, transaction
from haihe.storage.decisions import Order
from haihe.storage.residents import Consent
from haihe.storage.scores import LedgerEntry, ScoreRow
from haihe.usecases.answer_question import answer_question
from haihe.usecases.asking import Asker, Question
from haihe.usecases.consent_texts import link_text, present_text, present_texts
from haihe.usecases.context import Context
from haihe.usecases.links import give_link, linked_resident
from tests.builders import Builders
from tests.conftest import Clock
from tests.web.resident.phone import Phone

MEDICAL = "SENSITIVE:MEDICAL"


def agree(phone: Phone, purpose: str) -> int:
    return phone.put(f"/v1/me/consents/{purpose}", {"version": present_text(purpose).version}).status_code


def test_every_text_says_what_the_law_wants_said() -> None:
    assert list(present_texts()) == ["JOIN", "SENSITIVE:BLOOD_DONATION", MEDICAL]
    for text in present_texts().values():
        for heading in (
            "我们用您的信息做什么",
            "谁来处理",
            "用到哪些信息",
            "保存多久",
            "您的权利",
            "怎样撤回",
        ):
            assert f"## {heading}" in text.text


def test_every_sensitive_class_of_the_rulebook_has_its_text(ctx: Context, clock: Clock) -> None:
    rulebook = ctx.rules.up_to_date().rulebook(clock.today)
    assert {f"SENSITIVE:{c}" for c in rulebook.sensitive_classes} <= set(present_texts())


def test_the_texts_can_be_read_before_anything_is_given(phone: Phone) -> None:
    listed = phone.get("/v1/me/consents").json["consents"]
    assert [c["in_force"] for c in listed] == [False, False, False]
    assert all(c["text"] and c["given_at"] is None for c in listed)


def test_joining_keeps_the_proof_of_the_very_text(member: Phone, resident_of: Callable[[Phone], int]) -> None:
    kept = db.session.execute(select(Consent).where(Consent.resident_id == resident_of(member))).scalar_one()
    assert (kept.purpose, kept.text_sha256) == ("JOIN", present_text("JOIN").sha256)
    shown = member.get("/v1/me/consents").json["consents"][0]
    assert shown["in_force"] is True
    assert shown["given_at"] == "2026-11-20T12:00:00+08:00"
    assert shown["given_version"] == shown["version"]


def test_agreeing_again_changes_nothing(member: Phone) -> None:
    assert agree(member, "JOIN") == 200
    assert len(db.session.execute(select(Consent)).all()) == 1


def test_another_version_than_the_present_one_cannot_be_agreed_to(phone: Phone) -> None:
    phone.bind()
    answer = phone.put("/v1/me/consents/JOIN", {"version": "2020-1"})
    assert (answer.status_code, answer.json["code"]) == (409, "CONSENT_TEXT_CHANGED")


def test_an_unknown_purpose_is_not_found(member: Phone) -> None:
    for purpose in ("NOTHING", "SENSITIVE:RELIGION", "join", "%00", "x" * 3000):
        assert member.put(f"/v1/me/consents/{purpose}", {"version": "2026-1"}).status_code == 404
        assert member.delete(f"/v1/me/consents/{purpose}").status_code == 404


def test_a_sensitive_class_is_asked_only_of_those_who_joined(phone: Phone) -> None:
    phone.bind()
    answer = phone.put(f"/v1/me/consents/{MEDICAL}", {"version": "2026-1"})
    assert (answer.status_code, answer.json["code"]) == (409, "NOT_JOINED")


@pytest.mark.parametrize(
    ("birth", "joins"), [(date(2008, 11, 20), True), (date(2008, 11, 21), False), (date(2010, 2, 3), False)]
)
def test_joining_is_possible_from_the_eighteenth_birthday(phone: Phone, birth: date, joins: bool) -> None:
    phone.bind(birth=birth)
    answer = phone.join()
    if joins:
        assert answer.status_code == 200
        return
    assert (answer.status_code, answer.json["code"]) == (403, "UNDER_AGE")
    assert date(birth.year + 18, birth.month, birth.day).isoformat() in answer.json["detail"]
    assert phone.get("/v1/me/points").json["code"] == "UNDER_AGE"


def test_a_sensitive_class_counts_from_the_consent_on_and_not_after_it(
    member: Phone, a: Builders, resident_of: Callable[[Phone], int]
) -> None:
    a.record(resident_of(member), "D06")
    before = member.get("/v1/me/points").json["total"]
    assert agree(member, "SENSITIVE:BLOOD_DONATION") == 200
    assert member.get("/v1/me/points").json["total"] > before
    newest = member.get("/v1/me/ledger").json["entries"][0]
    assert (newest["part"], newest["cause"], newest["cause_words"]) == ("D06", "CONSENT", "授权变化")
    withdrawn = member.delete("/v1/me/consents/SENSITIVE:BLOOD_DONATION")
    assert withdrawn.json == {"purpose": "SENSITIVE:BLOOD_DONATION", "in_force": False, "kept": []}
    assert member.get("/v1/me/points").json["total"] == before


def test_withdrawing_twice_is_no_error(member: Phone) -> None:
    assert member.delete(f"/v1/me/consents/{MEDICAL}").status_code == 200
    assert member.delete("/v1/me/consents/JOIN").status_code == 200
    assert member.delete("/v1/me/consents/JOIN").status_code == 200


def test_leaving_takes_points_ledger_consents_and_codes_away_at_once(
    ctx: Context,
    member: Phone,
    a: Builders,
    redis_client: redis.Redis,
    resident_of: Callable[[Phone], int],
    clock: Clock,
) -> None:
    resident = resident_of(member)
    agree(member, MEDICAL)
    a.record(resident, "D01", quantity=100)
    merchant = a.merchant("XYZ-15")
    code = member.post("/v1/me/passes", {"scenario": "XYZ-15"}).json["code"]
    assert redis_client.keys("h:*:p:*")

    assert member.delete("/v1/me/consents/JOIN").status_code == 200

    assert db.session.get(ScoreRow, resident) is None
    assert db.session.execute(select(LedgerEntry)).first() is None
    assert db.session.execute(select(Consent).where(Consent.withdrawn_at.is_(None))).first() is None
    assert redis_client.keys("h:*:p:*") == []
    assert member.get(f"/v1/me/passes/{code}/qr.svg").status_code == 404
    answer = answer_question(ctx, Question(Asker(merchant.client_id), code, "XYZ-15", clock.now))
    assert b'"decision":false' in answer


def test_leaving_lists_what_the_law_keeps_with_reason_and_end(
    member: Phone, a: Builders, resident_of: Callable[[Phone], int], clock: Clock
) -> None:
    merchant = a.merchant("XYZ-07")
    with transaction():
        db.session.add(
            Order(
                merchant_id=merchant.merchant_id,
                out_order_no="BIKE-1",
                decision_id="d1",
                resident_id=resident_of(member),
                scenario="XYZ-07",
                revision=1,
                benefit={"label": "免押金", "ceiling_fen": 19900},
                state=OrderState.DOING,
                opened_on=clock.today,
                created_at=clock.now,
            )
        )
    order, proof, records, account = member.delete("/v1/me/consents/JOIN").json["kept"]
    assert "BIKE-1" in order["what"]
    assert order["until"] is None
    assert "完结" in order["until_words"]
    assert (proof["what"], proof["until"]) == ("您同意与撤回的凭证", "2029-11-20")
    assert "不再计分" in records["reason"]
    assert all(k["reason"] for k in (order, proof, records, account))


def test_whoever_comes_back_starts_clean(
    member: Phone, clock: Clock, resident_of: Callable[[Phone], int]
) -> None:
    agree(member, MEDICAL)
    member.post("/v1/me/declarations", {"fact": "F03", "holds": True})
    member.delete("/v1/me/consents/JOIN")
    clock.forward(days=3)
    assert member.join().status_code == 200
    entries = member.get("/v1/me/ledger").json["entries"]
    assert {e["cause"] for e in entries} == {"CONSENT"}
    assert entries[-1]["before"] == 0
    in_force = {c["purpose"]: c["in_force"] for c in member.get("/v1/me/consents").json["consents"]}
    assert in_force[MEDICAL] is False
    declared = member.get("/v1/me/declarations").json["declarations"]
    assert [d["holds"] for d in declared] == [None, None]


def test_a_linked_merchant_is_seen_among_the_consents_and_taken_back_there(
    member: Phone, stranger: Phone, ctx: Context, a: Builders, resident_of: Callable[[Phone], int]
) -> None:
    merchant_id = a.merchant("XYZ-07").merchant_id
    with transaction():
        name = give_link(
            ctx, resident_of(member), merchant_id, ["XYZ-07"], link_text(), ctx.now()
        ).pairwise_id
    purpose = f"LINK:{merchant_id}"

    shown = member.get("/v1/me/consents").json["consents"][-1]
    assert (shown["purpose"], shown["in_force"], shown["scenarios"]) == (purpose, True, ["XYZ-07"])
    assert stranger.delete(f"/v1/me/consents/{purpose}").status_code == 404
    assert linked_resident(merchant_id, name, ctx.now()) is not None

    assert member.delete(f"/v1/me/consents/{purpose}").json["in_force"] is False
    assert linked_resident(merchant_id, name, ctx.now()) is None
    assert purpose not in [c["purpose"] for c in member.get("/v1/me/consents").json["consents"]]
    assert agree_to(member, purpose) == 404


def agree_to(phone: Phone, purpose: str) -> int:
    return phone.put(f"/v1/me/consents/{purpose}", {"version": link_text().version}).status_code
