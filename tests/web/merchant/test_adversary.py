"""A merchant that would like to know somebody's points tries every door that it has, and learns the published bands."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from haihe.domain.allowances import ABOUT_ONE_RESIDENT, UNKNOWN_CODES
from haihe.storage.alarms import Alarm
from haihe.storage.db import db
from haihe.usecases.context import Context
from haihe.usecases.keep_copies import Keeper
from haihe.usecases.leave import leave
from haihe.usecases.links import withdraw_link
from tests.builders import Builders, MerchantClient
from tests.conftest import Clock
from tests.usecases.test_answer_question import (
    counted_round_trips,
    counted_statements,
    good_resident,
    wait_until_believed,
)
from tests.web.merchant.test_evaluations import BIKE, CAR, USE, ask, bearer_of, of, scenario

# Everything by which a caller of other systems passes a threshold, or an opinion.
HINTS: list[dict[str, Any]] = [
    {"threshold": 1, "points": 0, "admittance_score": 1, "min_score": 0},
    {"points_at_least": 0, "grade": "A", "criteria": {"points_at_least": 0}, "explain": True, "debug": True},
    {"date": "2099-01-01", "now": "2099-01-01T00:00:00Z", "district": "120101", "rulebook": "HH-2020.1"},
]
# What differs between any two answers, whoever they are about.
ALWAYS_NEW = ("X-Request-ID", "RateLimit")


@pytest.fixture
def merchant(a: Builders) -> MerchantClient:
    """Admitted to one scenario, whose one threshold is 600 points."""
    return a.merchant(BIKE)


@pytest.fixture
def bearer(client: FlaskClient, merchant: MerchantClient) -> dict[str, str]:
    return bearer_of(client, merchant)


def with_hours(a: Builders, resident: int, hours: int) -> int:
    """Somebody whose points are a few more, by so many hours of volunteering."""
    if hours:
        a.record(resident, "D01", quantity=hours)
    return resident


def transcript(client: FlaskClient, bearer: dict[str, str], name: str) -> list[tuple[int, str]]:
    """Everything that the merchant is told at every door about one linked resident, without what is new every time."""
    subject = of(name)
    told = []

    def say(path: str, body: dict[str, Any]) -> None:
        answer = client.post(f"/access/v1/{path}", json=body, headers=bearer)
        told.append((answer.status_code, without_numbers(answer.get_json())))

    for hint in ({}, *HINTS):
        rich = {"subject": {**subject, "properties": hint}, "action": {**USE, "properties": hint}}
        rich |= {"resource": {**scenario(BIKE), "properties": hint}, "context": hint, "options": hint}
        say("evaluation", rich | hint)
        say("evaluations", rich | {"evaluations": [{}, {"context": hint}, {"resource": scenario(CAR)}]})
        say("search/resource", rich)
        say("search/action", rich)
        say("search/subject", rich)
    for semantic in ("deny_on_first_deny", "permit_on_first_permit"):
        options = {"evaluations_semantic": semantic}
        batch = [{"resource": scenario(code)} for code in (BIKE, "XYZ-01", BIKE)]
        say("evaluations", {"subject": subject, "action": USE, "options": options, "evaluations": batch})
    say("evaluation", {"subject": subject, "action": {"name": "points"}, "resource": scenario(BIKE)})
    say("evaluation", {"subject": subject, "action": USE, "resource": {"type": "points", "id": "600"}})
    say("evaluation", {"subject": subject, "action": USE, "resource": scenario("XYZ-08")})
    return told


def without_numbers(body: Any) -> str:
    text = json.dumps(body, ensure_ascii=False, sort_keys=True)
    if isinstance(body, dict):
        for answer in (body, *body.get("evaluations", ())):
            number = answer.get("context", {}).get("decision_id") if isinstance(answer, dict) else None
            if number:
                text = text.replace(number, "…")
    return text


def test_two_residents_of_one_band_cannot_be_told_apart_at_any_door(
    client: FlaskClient, a: Builders, merchant: MerchantClient, bearer: dict[str, str]
) -> None:
    below = [
        transcript(client, bearer, a.link(with_hours(a, a.resident(), hours), merchant, BIKE))
        for hours in (0, 5, 20)
    ]
    above = [
        transcript(client, bearer, a.link(with_hours(a, good_resident(a), hours), merchant, BIKE))
        for hours in (0, 20)
    ]

    assert below[0] == below[1] == below[2]
    assert above[0] == above[1]
    assert below[0] != above[0], "the band itself is what the merchant is admitted to"
    for _status, text in (*below[0], *above[0]):
        assert "points" not in text and "grade" not in text


def test_whoever_is_no_yes_looks_alike_in_every_byte_and_in_the_work_done(
    client: FlaskClient, ctx: Context, a: Builders, merchant: MerchantClient, bearer: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    poor, taken_back, left = a.resident(), a.resident(), a.resident()
    names = [a.link(r, merchant, BIKE) for r in (poor, taken_back, left)]
    other_scenario = a.link(a.resident(), merchant, CAR)
    withdraw_link(ctx, taken_back, merchant.merchant_id, ctx.now())
    leave(ctx, left, ctx.now())
    stranger = a.link(a.resident(), a.merchant(BIKE), BIKE)
    everybody = [*names, other_scenario, stranger, "A" * 22, "nobody", "", "海", "x" * 500]
    for name in everybody:
        one(client, bearer, name)
    wait_until_believed(ctx, Keeper(ctx))
    ctx.rules.up_to_date()
    db.session.remove()

    told = []
    for name in everybody:
        with counted_statements() as statements, counted_round_trips(ctx, monkeypatch) as trips:
            answer = one(client, bearer, name)
            work = (len(statements), trips())
        headers = {k: v for k, v in answer.headers.items() if k not in ALWAYS_NEW}
        told.append(
            (answer.status_code, without_numbers(answer.get_json()), headers, len(answer.get_data()), work)
        )

    assert [t for t in told if t != told[0]] == []
    assert told[0][4] == (0, 2)


def one(client: FlaskClient, bearer: dict[str, str], name: str) -> Any:
    question = {"subject": of(name), "action": USE, "resource": scenario(BIKE)}
    return client.post("/access/v1/evaluation", json=question, headers=bearer)


@pytest.mark.parametrize("who", ["yes", "no", "nobody"])
def test_who_asks_too_often_is_refused_alike_whoever_it_is_about(
    client: FlaskClient,
    ctx: Context,
    a: Builders,
    merchant: MerchantClient,
    bearer: dict[str, str],
    clock: Clock,
    who: str,
) -> None:
    names: dict[str, Callable[[], str]] = {
        "yes": lambda: a.link(good_resident(a), merchant, BIKE),
        "no": lambda: a.link(a.resident(), merchant, BIKE),
        "nobody": lambda: "A" * 22,
    }
    name = names[who]()
    batch = [{"resource": scenario(BIKE)}] * ABOUT_ONE_RESIDENT.most
    assert len(ask(client, bearer, subject=of(name), action=USE, evaluations=batch)["evaluations"]) == len(
        batch
    )

    refused = one(client, bearer, name)
    in_a_batch = ask(client, bearer, subject=of(name), action=USE, evaluations=batch[:1])["evaluations"][0]
    searched = client.post(
        "/access/v1/search/resource",
        json={"subject": of(name), "action": USE, "resource": {"type": "scenario"}},
        headers=bearer,
    )

    assert (refused.status_code, refused.get_json()["code"]) == (429, "ASKED_TOO_OFTEN")
    assert refused.headers["Retry-After"] == "3600"
    assert {"RateLimit", "RateLimit-Policy"} <= set(refused.headers.keys())
    assert (in_a_batch["decision"], in_a_batch["context"]["error"]["status"]) == (False, 429)
    assert searched.status_code == 429
    alarm = db.session.execute(select(Alarm)).scalar_one()
    assert (alarm.merchant_id, alarm.kind, alarm.count) == (merchant.merchant_id, "ASKED_TOO_OFTEN", 1)
    assert ask(client, bearer, subject=of("B" * 22), action=USE, evaluations=batch[:1])["evaluations"][0][
        "context"
    ]["code"]
    clock.forward(hours=1)
    assert one(client, bearer_of(client, merchant), name).status_code == 200


def test_trying_codes_at_random_ends_and_is_told_to_the_administrator(
    client: FlaskClient, ctx: Context, a: Builders, merchant: MerchantClient, bearer: dict[str, str]
) -> None:
    wait_until_believed(ctx, Keeper(ctx))
    ctx.copies.count(
        f"unknown:{merchant.merchant_id}",
        UNKNOWN_CODES.most - 1,
        UNKNOWN_CODES,
        int(ctx.now().timestamp() * 1000),
    )
    question = {"action": USE, "resource": scenario(BIKE)}
    told = []
    for n in range(3):
        body = question | {"subject": of(f"{n:018d}", "pass")}
        told.append(client.post("/access/v1/evaluation", json=body, headers=bearer).status_code)

    assert told == [200, 429, 429]
    alarm = db.session.execute(select(Alarm)).scalar_one()
    assert (alarm.kind, alarm.count) == ("UNKNOWN_CODES", 1)


def test_a_client_that_calls_too_often_is_told_when_to_come_back(
    app: Any, client: FlaskClient, ctx: Context, bearer: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    few = replace(ctx, client_allowance=replace(ctx.client_allowance, most=3))
    monkeypatch.setitem(app.extensions, "haihe", few)
    told = [one(client, bearer, "A" * 22) for _ in range(5)]

    assert [t.status_code for t in told] == [200, 200, 200, 429, 429]
    assert [t.headers["RateLimit"].split(";")[1] for t in told] == ["r=2", "r=1", "r=0", "r=0", "r=0"]
    assert told[0].headers["RateLimit-Policy"] == '"client";q=3;w=60'
    assert int(told[-1].headers["Retry-After"]) <= 60
