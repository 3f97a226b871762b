"""Everything stored about me is mine to take away, and nothing of anybody else."""

from __future__ import annotations

from collections.abc import Callable

from haihe.storage.audit import AuditEntry
from haihe.storage.db import db
from haihe.storage.residents import Account
from haihe.usecases.export_my_data import own_tables
from tests.builders import Builders, id_number
from tests.web.resident.phone import Phone

Find = Callable[[Phone], int]


def test_the_export_holds_what_i_am_called_and_every_row_about_me(
    member: Phone, a: Builders, resident_of: Find
) -> None:
    record = a.record(resident_of(member), "B14", document_no="津罚1号", severity="一般")
    member.post("/v1/me/objections", {"record_id": record, "reason": "不是我的车"})
    member.post("/v1/me/passes", {"scenario": "XYZ-15"})
    answer = member.get("/v1/me/export")
    assert "attachment" in answer.headers["Content-Disposition"]
    data = answer.json["data"]
    (me,) = data["residents"]
    assert (me["name"], me["id_number"]) == ("李华", id_number(1))
    assert {r["document_no"] for r in data["records"]} == {None, "津罚1号"}
    assert [o["reason"] for o in data["objections"]] == ["不是我的车"]
    assert [c["purpose"] for c in data["consents"]] == ["JOIN"]
    assert [h["fields"]["state"] for h in data["record_history"]] == ["EFFECTIVE"]
    assert sum(e["delta"] for e in data["ledger"]) == data["scores"][0]["total"] == 510
    assert len(data["passes"]) == 1
    assert own_tables() <= data.keys()


def test_the_export_holds_nothing_of_anybody_else(
    member: Phone, stranger: Phone, a: Builders, resident_of: Find
) -> None:
    a.record(resident_of(member), "B14", document_no="津罚秘密1号", severity="一般")
    theirs = stranger.get("/v1/me/export").get_data(as_text=True)
    assert "津罚秘密1号" not in theirs
    assert "李华" not in theirs
    assert id_number(1) not in theirs


def test_no_key_hash_or_ciphertext_is_exported(member: Phone) -> None:
    told = member.get("/v1/me/export").json["data"]
    names = {name for rows in told.values() for row in rows for name in row}
    assert not {n for n in names if n.endswith(("_hash", "_sealed", "_index", "sha256")) or n == "key_id"}


def test_exporting_leaves_a_trace(member: Phone, resident_of: Find) -> None:
    member.get("/v1/me/export")
    (entry,) = db.session.query(AuditEntry).filter_by(deed="export_my_data").all()
    assert entry.actor == entry.subject == f"resident:{resident_of(member)}"


def test_after_leaving_the_account_goes_too_and_coming_back_starts_anew(
    member: Phone, a: Builders, resident_of: Find
) -> None:
    me = resident_of(member)
    early = member.delete("/v1/me/account")
    assert (early.status_code, early.json["code"]) == (409, "STILL_JOINED")
    kept = [k["what"] for k in member.delete("/v1/me/consents/JOIN").json["kept"]]
    answer = member.delete("/v1/me/account")
    assert answer.status_code == 200
    assert [k["what"] for k in answer.json["kept"]] == [k for k in kept if k != "账号与实名绑定"]
    assert db.session.query(Account).filter_by(resident_id=me).count() == 0
    assert member.get("/v1/me/consents").json["code"] == "SESSION_INVALID"
    assert member.log_in().json["real_name_bound"] is False
    (entry,) = db.session.query(AuditEntry).filter_by(deed="delete_account").all()
    assert entry.subject == f"resident:{me}"


def test_deleting_an_account_is_nobody_elses(member: Phone, stranger: Phone, resident_of: Find) -> None:
    me = resident_of(member)
    stranger.delete("/v1/me/consents/JOIN")
    stranger.delete("/v1/me/account")
    assert resident_of(member) == me
    assert member.get("/v1/me/points").status_code == 200
