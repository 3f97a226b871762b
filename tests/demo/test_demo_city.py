"""`flask demo create`: a living city at once, with somebody on each side of every threshold, and a card to walk it by."""

from __future__ import annotations

import hashlib
import stat
from typing import Any

import pyotp
from argon2 import PasswordHasher
from sqlalchemy import delete, func, select
from stdnum.cn import uscc

from haihe.demo.cast import points_thresholds
from haihe.domain.eligibility import Outcome, decide
from haihe.domain.orders import Phase
from haihe.storage.db import db
from haihe.storage.decisions import Order
from haihe.storage.objections import Objection
from haihe.storage.office import Staff, StaleCopy
from haihe.storage.partners import OAuthClient
from haihe.storage.records import Import, QuarantinedLine, RecordRow
from haihe.storage.residents import Resident
from haihe.storage.scores import LedgerEntry, ScoreRow
from haihe.usecases.cases import Pile, list_cases
from haihe.usecases.context import day_of
from haihe.usecases.gather_facts import gather_facts
from haihe.usecases.order_deeds import phase
from haihe.usecases.rescore import Touched, rescore
from haihe.usecases.staff_login import Role, StaffCaller
from tests.conftest import NOON
from tests.demo.conftest import Demo

RESIDENTS = 2_000


def count(table: Any) -> int:
    return db.session.execute(select(func.count()).select_from(table)).scalar_one()


def test_every_indicator_and_every_fact_is_present(demo: Demo) -> None:
    rulebook = demo.ctx.rules.up_to_date().rulebook(day_of(NOON))
    stored = set(db.session.execute(select(RecordRow.indicator).distinct()).scalars())

    assert stored == {i.code for i in rulebook.indicators} | {f.code for f in rulebook.facts}


def test_departments_have_sent_files_and_one_line_waits_to_be_put_right(demo: Demo) -> None:
    files = db.session.execute(select(Import)).scalars().all()
    set_aside = db.session.execute(select(QuarantinedLine.code)).scalars().all()

    assert len(files) > 12
    assert {(f.added, f.changed) for f in files} == {(0, 0)}, "what was sent is what was there"
    assert set_aside == ["ID_INVALID"]


def test_every_disputed_record_waits_with_the_objection_it_is_disputed_by(demo: Demo) -> None:
    disputed = set(db.session.execute(select(RecordRow.id).where(RecordRow.state == "DISPUTED")).scalars())
    officer = StaffCaller("demo-objections", Role.OBJECTION_OFFICER, frozenset(), NOON, False)
    cases, _more = list_cases(demo.ctx, officer, Pile.OPEN, "", NOON)

    assert set(db.session.execute(select(Objection.record_id)).scalars()) == disputed
    assert len(cases) == len(disputed) > 1
    assert any(c.clock and c.clock.warning for c in cases)


def test_all_sixteen_districts_are_inhabited(demo: Demo) -> None:
    assert len(set(db.session.execute(select(Resident.district)).scalars())) == 16


def test_the_card_keeps_its_contract(demo: Demo) -> None:
    card = demo.card

    assert card["base_url"] == demo.ctx.base_url
    assert len(card["merchants"]) >= 5
    assert len(card["residents"]) >= 40
    for merchant in card["merchants"]:
        assert {"name", "uscc", "client_id", "client_secret", "scenarios"} <= set(merchant)
        uscc.validate(merchant["uscc"])
    for resident in card["residents"]:
        assert {"js_code", "name", "district", "points", "grade", "note"} <= set(resident)
        assert resident["id_number"].startswith(("120100", "8", "9")), "nobody's number"
    for administrator in card["administrators"]:
        assert set(administrator) == {"username", "password", "totp_secret", "role"}
    for department in card["departments"]:
        assert set(department) == {"source", "name", "client_id", "client_secret"}
    # What these two state comes from the residents themselves and from the platform, never in a file.
    assert not {"SELF", "JXB"} & {d["source"] for d in card["departments"]}
    assert len({r["js_code"] for r in card["residents"]}) == len(card["residents"])
    notes = "\n".join(r["note"] for r in card["residents"])
    for situation in (
        "未开通",
        "差 1 分",
        "失信被执行人",
        "未成年",
        "信用修复后",
        "异议中",
        "将满 18 周岁",
        "老年人",
    ):
        assert situation in notes


def test_the_card_is_readable_by_its_owner_alone(demo: Demo) -> None:
    assert stat.S_IMODE(demo.file.stat().st_mode) == 0o600
    assert [f.name for f in demo.file.parent.iterdir()] == ["demo.json"]


def test_every_scenario_has_a_merchant_that_may_ask_about_it(demo: Demo) -> None:
    admitted = {code for merchant in demo.card["merchants"] for code in merchant["scenarios"]}

    assert admitted == {s.code for s in demo.ctx.rules.up_to_date().scenarios()}


def test_the_credentials_on_the_card_are_those_that_are_stored(demo: Demo) -> None:
    for holder in (*demo.card["merchants"], *demo.card["departments"]):
        client = db.session.get_one(OAuthClient, holder["client_id"])
        assert client.secret_sha256 == hashlib.sha256(holder["client_secret"].encode()).digest()
    for administrator in demo.card["administrators"]:
        row = db.session.get_one(Staff, administrator["username"])
        assert PasswordHasher().verify(row.password_hash, administrator["password"])
        assert demo.ctx.vault.open(row.key_id, row.totp_sealed, "totp") == administrator["totp_secret"]
        assert len(pyotp.TOTP(administrator["totp_secret"]).now()) == 6


def test_there_is_an_administrator_of_every_role(demo: Demo) -> None:
    assert {a["role"] for a in demo.card["administrators"]} == {str(role) for role in Role}


def test_there_is_a_resident_on_each_side_of_every_threshold_and_of_every_grade(demo: Demo) -> None:
    rules = demo.ctx.rules.up_to_date()
    asked = {g.at_least for g in rules.rulebook(day_of(NOON)).grades} - {0}
    for scenario in rules.scenarios():
        asked |= set(points_thresholds(scenario.criterion))
        for offer in scenario.offers:
            asked |= set(points_thresholds(offer.criterion))
    told = demo.told()

    assert len(asked) >= 9
    for threshold in asked:
        assert told[f"{threshold}"]["points"] == threshold
        assert told[f"{threshold - 1}"]["points"] == threshold - 1
        assert "差 1 分" in told[f"{threshold - 1}"]["note"]


def test_one_point_makes_the_difference_for_every_scenario(demo: Demo) -> None:
    on = day_of(NOON)
    rules = demo.ctx.rules.up_to_date()
    for scenario in rules.scenarios():
        (needed,) = set(points_thresholds(scenario.criterion))
        short, enough = demo.resident(f"{needed - 1}"), demo.resident(f"{needed}")
        gathered = gather_facts([short, enough], rules.rulebook(on), on)
        assert decide(gathered[short].facts, scenario, on).outcome is Outcome.NOT_ELIGIBLE
        assert decide(gathered[enough].facts, scenario, on).outcome is Outcome.ELIGIBLE


def test_those_who_have_not_joined_or_are_under_age_have_no_points(demo: Demo) -> None:
    told = demo.told()

    for key in ("not-joined", "left", "stranger", "minor", "almost-adult"):
        assert (told[key]["points"], told[key]["grade"]) == (None, None)


def test_a_listed_debtor_has_lost_what_the_worked_case_says(demo: Demo) -> None:
    told = demo.told()

    assert (told["worker"]["points"], told["worker"]["grade"]) == (652, "G3")
    assert (told["breach-b11"]["points"], told["breach-b11"]["grade"]) == (422, "G1")
    assert told["delisted"]["points"] == 652


def test_a_repaired_record_shows_in_the_ledger_with_both_its_steps(demo: Demo) -> None:
    entries = db.session.execute(
        select(LedgerEntry)
        .where(LedgerEntry.resident_id == demo.resident("repaired"))
        .order_by(LedgerEntry.id)
    ).scalars()
    steps = [(e.part, e.delta, e.cause) for e in entries if e.part in ("B14", "B01")]

    assert ("B14", -20, "CONSENT") in steps
    assert ("B14", 20, "REPAIRED") in steps


def test_running_orders_use_up_what_they_should(demo: Demo) -> None:
    on = day_of(NOON)
    rules = demo.ctx.rules.up_to_date()
    ids = {key: demo.resident(key) for key in ("busy-1", "busy-2", "busy-3", "busy-4")}
    gathered = gather_facts(ids.values(), rules.rulebook(on), on)

    def may(key: str, code: str) -> bool:
        scenario = rules.scenario(code)
        assert scenario is not None
        return decide(gathered[ids[key]].facts, scenario, on).outcome is Outcome.ELIGIBLE

    assert not may("busy-1", "XYZ-01")
    assert [may(key, "XYZ-14") for key in ("busy-2", "busy-3")] == [True, False]
    assert [may(key, "XYZ-02") for key in ("busy-3", "busy-4")] == [True, False]


def test_one_resident_has_an_order_of_every_standing(demo: Demo) -> None:
    orders = select(Order).where(Order.resident_id == demo.resident("orders"))
    standings = {phase(order) for order in db.session.execute(orders).scalars()}
    assert standings == set(Phase)


def test_the_bulk_way_writes_what_rescoring_would_have_written(demo: Demo) -> None:
    at = demo.ctx.now()
    ids = list(
        db.session.execute(select(ScoreRow.resident_id).order_by(ScoreRow.resident_id).limit(150)).scalars()
    )

    def written() -> list[Any]:
        scores = db.session.execute(
            select(
                ScoreRow.resident_id, ScoreRow.total, ScoreRow.parts, ScoreRow.dimensions, ScoreRow.last_day
            )
            .where(ScoreRow.resident_id.in_(ids))
            .order_by(ScoreRow.resident_id)
        ).all()
        entries = db.session.execute(
            select(
                LedgerEntry.resident_id,
                LedgerEntry.part,
                LedgerEntry.before,
                LedgerEntry.after,
                LedgerEntry.cause,
                LedgerEntry.record_ids,
            )
            .where(LedgerEntry.resident_id.in_(ids))
            .order_by(LedgerEntry.resident_id, LedgerEntry.id)
        ).all()
        return [*scores, *entries]

    in_bulk = written()
    db.session.execute(delete(LedgerEntry).where(LedgerEntry.resident_id.in_(ids)))
    db.session.execute(delete(ScoreRow).where(ScoreRow.resident_id.in_(ids)))
    rescore(demo.ctx, {resident_id: Touched() for resident_id in ids}, at)
    db.session.flush()
    one_by_one = written()
    db.session.rollback()

    assert in_bulk == one_by_one


def test_every_copy_is_marked_to_be_made(demo: Demo) -> None:
    assert count(StaleCopy) == count(Resident)
