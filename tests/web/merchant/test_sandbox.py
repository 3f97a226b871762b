"""沙箱: every answer can be tried, through the same doors, and nothing of it touches the city."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from haihe.cli.rules import parse, shipped_scenarios
from haihe.domain.errors import Forbidden
from haihe.storage.alarms import Alarm, AlarmKind
from haihe.storage.db import db
from haihe.storage.orders import QuotaCounter
from haihe.storage.partners import Merchant
from haihe.storage.residents import Resident
from haihe.usecases.alarms import raise_alarm
from haihe.usecases.client_registrations import BASIC, Owner, Registration, register_client
from haihe.usecases.context import Context
from haihe.usecases.publish_rules import publish_scenario
from haihe.usecases.rescore_everybody import resident_count
from haihe.usecases.sandbox import TestResident, open_sandbox
from haihe.usecases.source_freshness import source_freshness
from tests.builders import Builders
from tests.web.merchant.test_orders import good_resident

SCENARIO, LIMITED = "XYZ-07", "XYZ-15"
DISTRICT = "120103"


class Shop:
    """A merchant's system with a token."""

    def __init__(self, client: FlaskClient, client_id: str, secret: str) -> None:
        self.client = client
        answer = client.post(
            "/oauth/token", data={"grant_type": "client_credentials"}, auth=(client_id, secret)
        )
        self.headers = {"Authorization": f"Bearer {answer.json['access_token']}"}

    def show(self, resident: str, scenario: str = SCENARIO) -> TestResponse:
        body = {"resident": resident, "scenario": scenario}
        return self.client.post("/v1/merchant/sandbox/passes", json=body, headers=self.headers)

    def ask(self, code: str, scenario: str = SCENARIO) -> dict[str, Any]:
        answer = self.client.post(
            "/access/v1/evaluation",
            headers=self.headers,
            json={
                "subject": {"type": "pass", "id": code},
                "action": {"name": "use"},
                "resource": {"type": "scenario", "id": scenario},
            },
        )
        assert answer.status_code == 200, answer.json
        return dict(answer.json)


def sandbox(ctx: Context, client: FlaskClient, merchant_id: int) -> Shop:
    second = open_sandbox(ctx, merchant_id, ctx.now(), "operator:test")
    registration = Registration(BASIC, ("check", "order"), sandbox=True)
    handed = register_client(ctx, Owner(second), registration, ctx.now(), "operator:test")
    return Shop(client, handed.client_id, handed.client_secret or "")


@pytest.fixture
def applicant(a: Builders, ctx: Context) -> int:
    """A merchant that nobody has approved yet."""
    number = a.merchant().merchant_id
    db.session.get_one(Merchant, number).state = "APPLIED"
    db.session.commit()
    return number


@pytest.fixture
def trying(ctx: Context, client: FlaskClient, applicant: int) -> Shop:
    return sandbox(ctx, client, applicant)


@pytest.mark.parametrize(
    ("resident", "code"),
    [("eligible", "OK"), ("elder", "OK"), ("not-available", "NOT_AVAILABLE"), ("expired", "CODE_EXPIRED")],
)
def test_every_test_resident_gives_its_answer(trying: Shop, resident: str, code: str) -> None:
    answer = trying.ask(trying.show(resident).json["code"])
    assert (answer["decision"], answer["context"]["code"]) == (code == "OK", code)


def test_the_eligible_ones_are_eligible_for_every_scenario(trying: Shop, ctx: Context) -> None:
    for scenario in ctx.rules.scenarios():
        told = {
            trying.ask(trying.show(who, scenario.code).json["code"], scenario.code)["context"]["code"]
            for who in ("eligible", "elder")
        }
        # The scenario for old people takes the elder one only, and one that is not open here takes nobody.
        assert ("OK" in told) == (DISTRICT in scenario.districts), scenario.code
        assert told <= ({"OK", "NOT_AVAILABLE"} if DISTRICT in scenario.districts else {"OUT_OF_AREA"})


def test_a_quota_is_used_up_by_real_orders(trying: Shop, ctx: Context) -> None:
    limited = [s.code for s in ctx.rules.scenarios() if s.quotas and DISTRICT in s.districts]
    for scenario in limited:
        answer = trying.ask(trying.show("over-quota", scenario).json["code"], scenario)
        assert answer["context"]["code"] == "QUOTA_USED_UP", scenario
    assert len(limited) > 3
    unlimited = next(s.code for s in ctx.rules.scenarios() if not s.quotas)
    assert trying.show("over-quota", unlimited).json["code"] == "SANDBOX_NO_QUOTA"


def test_a_yes_becomes_an_order_as_in_life(trying: Shop) -> None:
    told = trying.ask(trying.show("eligible").json["code"])
    body = {"out_order_no": "T-1", "decision_id": told["context"]["decision_id"]}
    answer = trying.client.post("/v1/merchant/orders", json=body, headers=trying.headers)
    assert answer.status_code == 201, answer.json


def test_the_sandbox_and_the_city_do_not_find_each_others_codes(
    trying: Shop, a: Builders, client: FlaskClient, ctx: Context
) -> None:
    real = a.merchant(SCENARIO)
    city = Shop(client, real.client_id, real.client_secret)
    other = sandbox(ctx, client, a.merchant().merchant_id)
    theirs = trying.show("eligible").json["code"]
    ours = a.shown_pass(a.resident(), SCENARIO)
    unknown = {"decision": False, "context": "CODE_EXPIRED"}

    def told(shop: Shop, code: str) -> dict[str, Any]:
        answer = shop.ask(code)
        return {"decision": answer["decision"], "context": answer["context"]["code"]}

    assert told(city, theirs) == told(other, theirs) == told(trying, ours) == unknown
    assert told(trying, theirs)["decision"]
    assert told(city, ours)["context"] == "NOT_AVAILABLE"
    assert city.show("eligible").json["code"] == "SANDBOX_ONLY"


def test_test_residents_do_not_count_in_the_city(trying: Shop, a: Builders) -> None:
    a.resident()
    for who in TestResident:
        trying.show(who, LIMITED)
    assert len(db.session.execute(select(Resident.id)).all()) > 1
    assert resident_count() == 1


def test_the_city_and_a_sandbox_do_not_take_each_others_places(
    trying: Shop, a: Builders, client: FlaskClient, ctx: Context
) -> None:
    (body,) = (b for b in map(parse, shipped_scenarios()) if b["code"] == SCENARIO)
    scarce = [{"period": "DAY", "at_most": 1}, {"period": "DAY", "at_most": 2, "each_merchant": True}]
    publish_scenario(ctx, {**body, "shared_quotas": scarce}, ctx.now(), "test")
    real = a.merchant(SCENARIO)
    city = Shop(client, real.client_id, real.client_secret)
    resident, other = good_resident(a), good_resident(a)

    def open_one(shop: Shop, number: str, code: str) -> str:
        told = shop.ask(code)["context"]
        if told["code"] != "OK":
            return str(told["code"])
        body = {"out_order_no": number, "decision_id": told["decision_id"]}
        shop.client.post("/v1/merchant/orders", json=body, headers=shop.headers)
        return "OK"

    assert open_one(trying, "T-1", trying.show("eligible").json["code"]) == "OK"
    assert open_one(city, "C-1", a.shown_pass(resident, SCENARIO)) == "OK"
    assert open_one(city, "C-2", a.shown_pass(other, SCENARIO)) == "QUOTA_USED_UP"
    # The sandbox has used up its own place by now, and no more than that one.
    assert open_one(trying, "T-2", trying.show("elder").json["code"]) == "QUOTA_USED_UP"
    counted = db.session.execute(select(QuotaCounter.merchant_id, QuotaCounter.used)).all()
    assert sorted(used for _number, used in counted) == [1, 1, 1, 1]
    another = sandbox(ctx, client, real.merchant_id)
    assert open_one(another, "T-1", another.show("eligible").json["code"]) == "OK"


def test_a_sandbox_is_no_source_of_data_and_no_cause_of_alarm(
    trying: Shop, a: Builders, ctx: Context
) -> None:
    a.source("REAL")
    for who in TestResident:
        trying.show(who)
    assert [source.code for source in source_freshness(date(2026, 11, 20))] == ["REAL"]
    real = a.merchant().merchant_id
    second = db.session.execute(select(Merchant.id).where(Merchant.sandbox_of.is_not(None))).scalar_one()
    for merchant_id in (real, second):
        raise_alarm(merchant_id, AlarmKind.UNKNOWN_CODES, ctx.now())
    assert list(db.session.execute(select(Alarm.merchant_id)).scalars()) == [real]


def test_a_merchant_that_was_refused_has_no_sandbox(ctx: Context, applicant: int) -> None:
    db.session.get_one(Merchant, applicant).state = "REFUSED"
    db.session.commit()
    with pytest.raises(Forbidden):
        open_sandbox(ctx, applicant, ctx.now(), "operator:test")


def test_what_there_is_not_is_told(trying: Shop) -> None:
    assert trying.show("nobody").json["code"] == "RESIDENT_UNKNOWN"
    assert trying.show("eligible", "XYZ-99").status_code == 404
    listed = trying.client.get("/v1/merchant/sandbox/residents", headers=trying.headers).json["items"]
    assert [one["resident"] for one in listed] == list(TestResident)
