"""Another resident's anything does not exist; and two hands at once do no more than one."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from flask import Flask
from sqlalchemy import select

from haihe.domain.errors import HaiheError
from haihe.storage.db import db
from haihe.storage.decisions import Pass
from haihe.storage.records import RecordRow
from haihe.storage.residents import Account, Consent, Resident
from haihe.usecases.bind_identity import Claimed, bind_identity
from haihe.usecases.consent_texts import present_text
from haihe.usecases.consents import give_consent, withdraw_consent
from haihe.usecases.context import Context
from haihe.usecases.issue_pass import issue_pass
from haihe.usecases.sessions import log_in
from tests.builders import Builders, id_number
from tests.conftest import Clock
from tests.web.resident.phone import Phone

Find = Callable[[Phone], int]


def at_once(app: Flask, deed: Callable[[int], Any], times: int) -> list[Any]:
    """Do the same deed from several threads; errors that a person can be told are results too."""

    def do(n: int) -> Any:
        with app.app_context():
            try:
                return deed(n)
            except HaiheError as error:
                return error.code
            finally:
                db.session.remove()

    with ThreadPoolExecutor(times) as pool:
        return list(pool.map(do, range(times)))


def test_a_stranger_sees_nothing_of_mine(
    member: Phone, stranger: Phone, a: Builders, resident_of: Find
) -> None:
    a.record(resident_of(member), "B14", document_no="津罚秘密1号", record_no="MINE-1")
    member.post("/v1/me/declarations", {"fact": "F03", "holds": True})
    mine = {e["id"] for e in member.get("/v1/me/ledger?limit=100").json["entries"]}
    theirs = {e["id"] for e in stranger.get("/v1/me/ledger?limit=100").json["entries"]}
    assert not mine & theirs
    for path in ("points", "benefits", "ledger", "consents", "declarations"):
        told = stranger.get(f"/v1/me/{path}").get_data(as_text=True)
        assert "津罚秘密1号" not in told
        assert "MINE-1" not in told
    assert stranger.get("/v1/me/points").json["total"] == 510
    assert {d["holds"] for d in stranger.get("/v1/me/declarations").json["declarations"]} == {None}


def test_what_a_stranger_withdraws_is_their_own(member: Phone, stranger: Phone) -> None:
    stranger.delete("/v1/me/consents/JOIN")
    assert member.get("/v1/me/points").json["total"] == 510


def test_two_accounts_claiming_one_person_at_once_end_with_one_binding(
    app: Flask, ctx: Context, clock: Clock
) -> None:
    for n in range(4):
        log_in(ctx, f"demo-phone{n}", clock.now)
    ids = list(db.session.execute(select(Account.id).order_by(Account.id)).scalars())
    db.session.rollback()
    claimed = Claimed("李华", "RESIDENT", id_number(1))
    results = at_once(app, lambda n: bind_identity(ctx, ids[n], claimed, clock.now).level, 4)
    assert results == ["L3"] * 4
    assert len(db.session.execute(select(Resident)).all()) == 1
    bound = db.session.execute(select(Account).where(Account.resident_id.is_not(None))).all()
    assert len(bound) == 1
    assert len(db.session.execute(select(RecordRow)).all()) == 1


def test_one_account_claiming_two_persons_at_once_is_bound_to_one(
    app: Flask, ctx: Context, phone: Phone, clock: Clock
) -> None:
    (account,) = db.session.execute(select(Account.id)).scalars()
    db.session.rollback()
    results = at_once(
        app,
        lambda n: bind_identity(ctx, account, Claimed("李华", "RESIDENT", id_number(n + 1)), clock.now).level,
        3,
    )
    assert sorted(results) == ["ACCOUNT_BOUND", "ACCOUNT_BOUND", "L3"]
    assert len(db.session.execute(select(Resident)).all()) == 1


def test_joining_twice_at_once_is_joining_once(
    app: Flask, ctx: Context, phone: Phone, resident_of: Find, clock: Clock
) -> None:
    phone.bind()
    resident, version = resident_of(phone), present_text("JOIN").version
    db.session.rollback()
    results = at_once(
        app, lambda _n: give_consent(ctx, resident, "JOIN", version, "test", clock.now).in_force, 4
    )
    assert results == [True] * 4
    assert len(db.session.execute(select(Consent)).all()) == 1


def test_codes_drawn_at_once_leave_one_live_and_never_more_than_ten(
    app: Flask, ctx: Context, member: Phone, resident_of: Find, clock: Clock
) -> None:
    resident = resident_of(member)
    db.session.rollback()
    results = at_once(app, lambda _n: len(issue_pass(ctx, resident, "XYZ-15", clock.now).code), 12)
    assert results.count(18) == 10
    assert results.count("PASSES_TOO_OFTEN") == 2
    assert len(db.session.execute(select(Pass).where(Pass.ended_at.is_(None))).all()) == 1


def test_leaving_while_drawing_codes_leaves_no_live_code_behind(
    app: Flask, ctx: Context, member: Phone, resident_of: Find, clock: Clock
) -> None:
    resident = resident_of(member)
    db.session.rollback()

    def deed(n: int) -> Any:
        if n == 2:
            return withdraw_consent(ctx, resident, "JOIN", clock.now).in_force
        return len(issue_pass(ctx, resident, "XYZ-15", clock.now).code)

    results = at_once(app, deed, 6)
    assert set(results) <= {18, "NOT_JOINED", False}
    assert db.session.execute(select(Pass).where(Pass.ended_at.is_(None))).first() is None
