"""AuthZEN's evaluations, searches and metadata, by the structural rules of its certification scenario."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select

from haihe.storage.db import db
from haihe.storage.decisions import DecisionRow
from haihe.usecases.batch_journal import take_over_batches, take_over_decision
from haihe.usecases.context import Context
from haihe.usecases.journal import take_over_journal
from haihe.usecases.keep_copies import Keeper
from haihe.usecases.leave import leave
from haihe.usecases.links import withdraw_link
from haihe.web.merchant.schemas import EvaluationsAnswer, SearchAnswer
from tests.builders import Builders, MerchantClient
from tests.conftest import Clock
from tests.usecases.test_answer_question import (
    away_from_now_on,
    counted_round_trips,
    counted_statements,
    good_resident,
    wait_until_believed,
)

BIKE, CAR, CARE = "XYZ-07", "XYZ-06", "XYZ-01"
USE = {"name": "use"}


@pytest.fixture(params=["warm", "away"])
def redis_state(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, ctx: Context) -> str:
    """Twice: with Redis vouched for, and with Redis away."""
    if request.param == "away":
        away_from_now_on(ctx, monkeypatch)
    else:
        wait_until_believed(ctx, Keeper(ctx))
    return str(request.param)


@pytest.fixture
def merchant(a: Builders) -> MerchantClient:
    return a.merchant(BIKE, CAR)


@pytest.fixture
def bearer(client: FlaskClient, merchant: MerchantClient) -> dict[str, str]:
    return bearer_of(client, merchant)


def bearer_of(client: FlaskClient, merchant: MerchantClient) -> dict[str, str]:
    answer = client.post(
        "/oauth/token",
        data={"grant_type": "client_credentials"},
        auth=(merchant.client_id, merchant.client_secret),
    )
    return {"Authorization": f"Bearer {answer.get_json()['access_token']}"}


def of(name: str, kind: str = "resident") -> dict[str, str]:
    return {"type": kind, "id": name}


def scenario(code: str) -> dict[str, str]:
    return {"type": "scenario", "id": code}


def ask(client: FlaskClient, bearer: dict[str, str], **body: Any) -> Any:
    answer = client.post("/access/v1/evaluations", json=body, headers=bearer)
    assert answer.status_code == 200, answer.get_data(as_text=True)
    assert answer.mimetype == "application/json"
    return answer.get_json()


def decisions(answer: Any) -> list[bool]:
    assert EvaluationsAnswer().validate(answer) == {}
    return [a["decision"] for a in answer["evaluations"]]


def test_a_linked_resident_is_answered_without_a_pass(
    client: FlaskClient,
    ctx: Context,
    a: Builders,
    merchant: MerchantClient,
    bearer: dict[str, str],
    redis_state: str,
) -> None:
    good, poor = good_resident(a), a.resident()
    names = [a.link(r, merchant, BIKE) for r in (good, poor)]

    told = ask(
        client, bearer, action=USE, resource=scenario(BIKE), evaluations=[{"subject": of(n)} for n in names]
    )

    assert decisions(told) == [True, False]
    single = client.post(
        "/access/v1/evaluation",
        json={"subject": of(names[0]), "action": USE, "resource": scenario(BIKE)},
        headers=bearer,
    ).get_json()
    assert single["decision"] is True
    assert single["context"]["benefit"] == told["evaluations"][0]["context"]["benefit"]
    if redis_state == "warm":
        take_over_batches(ctx, 60)
    rows = db.session.execute(select(DecisionRow).order_by(DecisionRow.code.desc())).scalars().all()
    assert [(r.resident_id, r.code, r.pass_hash, r.facts is not None) for r in rows] == [
        (good, "OK", None, True), (good, "OK", None, True), (poor, "NOT_AVAILABLE", None, True)
    ]  # fmt: skip
    ids = {e["context"]["decision_id"] for e in told["evaluations"]} | {single["context"]["decision_id"]}
    assert {r.decision_id for r in rows} == ids


def test_defaults_are_taken_whole_and_what_an_item_brings_replaces_them_whole(
    client: FlaskClient, a: Builders, merchant: MerchantClient, bearer: dict[str, str], redis_state: str
) -> None:
    name = a.link(good_resident(a), merchant, BIKE)
    told = ask(
        client,
        bearer,
        subject=of(name),
        action=USE,
        resource=scenario(BIKE),
        context={"time": "2026-11-20T12:00+08:00", "threshold": 1},
        evaluations=[
            {},
            {"resource": {"type": "scenario"}},
            {"action": {"name": "read"}},
            {"context": {"a": 1}},
        ],
    )

    assert decisions(told) == [True, False, False, True]
    assert told["evaluations"][1]["context"]["error"]["status"] == 400


@pytest.mark.parametrize(
    ("item", "status"),
    [
        ({}, 400),
        ("no object", 400),
        (None, 400),
        ({"resource": None}, 400),
        ({"resource": {"type": "scenario", "id": 7}}, 400),
        ({"resource": scenario(BIKE), "context": []}, 400),
        ({"resource": scenario(BIKE) | {"properties": 1}}, 400),
        ({"resource": scenario("XYZ-08")}, 403),
        ({"resource": scenario("XYZ-99")}, 403),
    ],
)
def test_what_is_wrong_with_one_question_is_told_in_its_place(
    client: FlaskClient, a: Builders, merchant: MerchantClient, bearer: dict[str, str], item: Any, status: int
) -> None:
    name = a.link(good_resident(a), merchant, BIKE)
    told = ask(client, bearer, subject=of(name), action=USE, evaluations=[{"resource": scenario(BIKE)}, item])

    assert decisions(told) == [True, False]
    assert told["evaluations"][1]["context"]["error"]["status"] == status


@pytest.mark.parametrize(
    ("semantic", "expected"),
    [
        ("execute_all", [True, False, True]),
        ("deny_on_first_deny", [True, False]),
        ("permit_on_first_permit", [True]),
    ],
)
def test_the_three_semantics(
    client: FlaskClient, ctx: Context, a: Builders, merchant: MerchantClient, bearer: dict[str, str],
    semantic: str, expected: list[bool],
) -> None:  # fmt: skip
    names = [a.link(r, merchant, BIKE) for r in (good_resident(a), a.resident(), good_resident(a))]
    told = ask(
        client,
        bearer,
        action=USE,
        resource=scenario(BIKE),
        options={"evaluations_semantic": semantic, "another": 1},
        evaluations=[{"subject": of(n)} for n in names],
    )

    assert decisions(told) == expected
    ctx.copies.open_journal()
    assert take_over_batches(ctx, 60) == len(expected), "what is not told is not decided"


@pytest.mark.parametrize("batch", [{}, {"evaluations": []}])
def test_without_a_batch_it_is_the_single_question(
    client: FlaskClient, a: Builders, merchant: MerchantClient, bearer: dict[str, str], batch: dict[str, Any]
) -> None:
    name = a.link(good_resident(a), merchant, BIKE)
    told = ask(client, bearer, subject=of(name), action=USE, resource=scenario(BIKE), **batch)

    assert told["decision"] is True
    assert "evaluations" not in told
    missing = client.post("/access/v1/evaluations", json={"subject": of(name), **batch}, headers=bearer)
    assert missing.status_code == 400


@pytest.mark.parametrize(
    "body",
    [
        {"evaluations": {}},
        {"evaluations": [{}], "options": []},
        {"evaluations": [{}], "options": {"evaluations_semantic": "some"}},
        {"evaluations": [{}], "options": {"evaluations_semantic": ["execute_all"]}},
        {"evaluations": [{}], "subject": "alice"},
        {"evaluations": [{}], "action": {}},
        {"evaluations": [{}], "context": 1},
        {"evaluations": [{}] * 1001},
    ],
)
def test_what_is_wrong_at_the_top_is_wrong_with_the_whole_request(
    client: FlaskClient, bearer: dict[str, str], body: dict[str, Any]
) -> None:
    answer = client.post("/access/v1/evaluations", json=body, headers=bearer)

    assert (answer.status_code, answer.mimetype) == (400, "application/problem+json")


def test_a_batch_larger_than_half_a_megabyte_is_not_read(client: FlaskClient, bearer: dict[str, str]) -> None:
    answer = client.post("/access/v1/evaluations", json={"padding": "x" * (513 << 10)}, headers=bearer)

    assert answer.status_code == 413


def test_a_pass_among_many_questions_speaks_of_its_own_benefit_alone(
    client: FlaskClient, a: Builders, merchant: MerchantClient, bearer: dict[str, str], redis_state: str
) -> None:
    code = a.shown_pass(good_resident(a), BIKE)
    told = ask(
        client, bearer, subject=of(code, "pass"), action=USE,
        evaluations=[{"resource": scenario(CAR)}, {"resource": scenario(BIKE)}, {"resource": scenario(BIKE)}],
    )  # fmt: skip

    assert decisions(told) == [False, True, True]
    assert told["evaluations"][1] == told["evaluations"][2]


def test_a_link_says_yes_to_its_own_scenarios_and_to_its_own_merchant_alone(
    client: FlaskClient, a: Builders, merchant: MerchantClient, bearer: dict[str, str], redis_state: str
) -> None:
    other = a.merchant(BIKE)
    name = a.link(good_resident(a), merchant, BIKE)
    everything = [{"resource": scenario(code)} for code in (BIKE, CAR)]

    assert decisions(ask(client, bearer, subject=of(name), action=USE, evaluations=everything)) == [
        True,
        False,
    ]
    stolen = ask(client, bearer_of(client, other), subject=of(name), action=USE, evaluations=everything[:1])
    assert decisions(stolen) == [False]


@pytest.mark.parametrize("end", ["withdrawn", "left", "run out"])
def test_a_consent_taken_back_is_over_at_once(
    client: FlaskClient, ctx: Context, a: Builders, merchant: MerchantClient, bearer: dict[str, str], clock: Clock,
    redis_state: str, end: str,
) -> None:  # fmt: skip
    resident = good_resident(a)
    name = a.link(resident, merchant, BIKE)
    question = {"subject": of(name), "action": USE, "resource": scenario(BIKE)}
    assert ask(client, bearer, **question)["decision"] is True

    if end == "withdrawn":
        withdraw_link(ctx, resident, merchant.merchant_id, ctx.now())
    elif end == "left":
        leave(ctx, resident, ctx.now())
    else:
        clock.forward(days=365)
        bearer = bearer_of(client, merchant)

    assert ask(client, bearer, **question)["context"]["code"] == "NOT_AVAILABLE"


def test_warm_a_batch_about_linked_residents_takes_two_round_trips_and_no_sql(
    client: FlaskClient, ctx: Context, a: Builders, merchant: MerchantClient, bearer: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    names = [a.link(good_resident(a), merchant, BIKE, CAR) for _ in range(5)]
    batch = [{"subject": of(n), "resource": scenario(code)} for n in names for code in (BIKE, CAR)]
    ask(client, bearer, action=USE, evaluations=batch)
    keeper = Keeper(ctx)
    wait_until_believed(ctx, keeper)
    ctx.rules.up_to_date()
    db.session.remove()

    with counted_statements() as statements, counted_round_trips(ctx, monkeypatch) as round_trips:
        told = ask(client, bearer, action=USE, evaluations=batch)
        trips = round_trips()

    assert len(decisions(told)) == 10
    assert statements == []
    assert trips == 2


def test_what_a_keeper_reads_twice_is_stored_once(
    client: FlaskClient, ctx: Context, a: Builders, merchant: MerchantClient, bearer: dict[str, str]
) -> None:
    name = a.link(good_resident(a), merchant, BIKE)
    wait_until_believed(ctx, Keeper(ctx))
    ask(client, bearer, subject=of(name), action=USE, evaluations=[{"resource": scenario(BIKE)}] * 230)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ctx.copies, "strike_journal", lambda _entries: None)
        take_over_batches(ctx, 0)
    take_over_batches(ctx, 60)

    assert db.session.execute(select(func.count()).select_from(DecisionRow)).scalar() == 230


def search(client: FlaskClient, bearer: dict[str, str], what: str, **body: Any) -> Any:
    answer = client.post(f"/access/v1/search/{what}", json=body, headers=bearer)
    assert answer.status_code == 200, answer.get_data(as_text=True)
    assert SearchAnswer().validate(answer.get_json()) == {}
    return answer.get_json()


def test_the_scenarios_of_a_linked_resident_are_found_among_those_admitted(
    client: FlaskClient, a: Builders, redis_state: str
) -> None:
    merchant = a.merchant(BIKE, CAR, CARE)
    bearer = bearer_of(client, merchant)
    name = a.link(good_resident(a), merchant, BIKE, "XYZ-08")
    wanted = {"subject": of(name), "action": USE, "resource": {"type": "scenario"}}

    assert search(client, bearer, "resource", **wanted) == {"results": [scenario(BIKE)]}
    assert search(client, bearer, "resource", **wanted | {"resource": scenario("XYZ-99")}) == {
        "results": [scenario(BIKE)]
    }
    assert search(client, bearer, "resource", **wanted, context={"a": 1}) == {"results": [scenario(BIKE)]}


def test_a_pass_finds_the_one_benefit_it_is_for(
    client: FlaskClient, a: Builders, merchant: MerchantClient, bearer: dict[str, str], redis_state: str
) -> None:
    good, other = a.shown_pass(good_resident(a), BIKE), a.shown_pass(good_resident(a), CARE)
    wanted = {"action": USE, "resource": {"type": "scenario"}}

    assert search(client, bearer, "resource", subject=of(good, "pass"), **wanted)["results"] == [
        scenario(BIKE)
    ]
    assert search(client, bearer, "resource", subject=of(other, "pass"), **wanted)["results"] == []
    stranger = bearer_of(client, a.merchant(BIKE))
    assert search(client, stranger, "resource", subject=of(good, "pass"), **wanted)["results"] == []


def test_the_action_is_use_or_nothing(
    client: FlaskClient, a: Builders, merchant: MerchantClient, bearer: dict[str, str], redis_state: str
) -> None:
    name, poor = a.link(good_resident(a), merchant, BIKE), a.link(a.resident(), merchant, BIKE)

    assert search(client, bearer, "action", subject=of(name), resource=scenario(BIKE)) == {"results": [USE]}
    for subject, resource in (
        (of(poor), scenario(BIKE)),
        (of("nobody"), scenario(BIKE)),
        (of(name), scenario("XYZ-99")),
        (of(name, "spaceship"), scenario(BIKE)),
        (of(name), {"type": "spaceship", "id": BIKE}),
        (of("1" * 18, "pass"), scenario(BIKE)),
    ):
        assert search(client, bearer, "action", subject=subject, resource=resource) == {"results": []}


def test_no_search_ever_names_a_resident(
    client: FlaskClient, a: Builders, merchant: MerchantClient, bearer: dict[str, str]
) -> None:
    a.link(good_resident(a), merchant, BIKE)
    for kind in ("resident", "pass", "spaceship"):
        told = search(client, bearer, "subject", subject={"type": kind}, action=USE, resource=scenario(BIKE))
        assert told == {"results": [], "context": {"reason": "SUBJECTS_NOT_DISCLOSED"}}


def test_results_come_in_pages_whose_tokens_serve_no_other_search(client: FlaskClient, a: Builders) -> None:
    merchant = a.merchant(*(codes := [f"XYZ-{n:02}" for n in range(1, 18)]))
    bearer = bearer_of(client, merchant)
    resident = good_resident(a)
    wanted = {
        "subject": of(a.link(resident, merchant, *codes)),
        "action": USE,
        "resource": {"type": "scenario"},
    }
    everything = search(client, bearer, "resource", **wanted)["results"]
    assert len(everything) > 2

    found, page = [], {"limit": 2}
    for _ in range(len(everything)):
        told = search(client, bearer, "resource", **wanted, page=page)
        assert told["page"]["count"] == len(told["results"]) <= 2
        assert told["page"]["total"] == len(everything)
        found += told["results"]
        if not told["page"]["next_token"]:
            break
        page = {"token": told["page"]["next_token"]}
    assert found == everything

    for changed in (
        {**wanted, "subject": of("other"), "page": page},
        {**wanted, "page": {**page, "limit": 3}},
        {**wanted, "page": {"token": "AAAA"}},
        {**wanted, "page": {"token": "é"}},
        {**wanted, "page": {"limit": -1}},
        {**wanted, "page": {"limit": True}},
        {**wanted, "page": []},
    ):
        answer = client.post("/access/v1/search/resource", json=changed, headers=bearer)
        assert (answer.status_code, answer.mimetype) == (400, "application/problem+json"), changed


@pytest.mark.parametrize(
    ("what", "body"),
    [
        ("subject", {"subject": {"type": "resident"}, "resource": scenario(BIKE)}),
        ("subject", {"subject": {"type": "resident"}, "action": USE, "resource": {"type": "scenario"}}),
        ("resource", {"action": USE, "resource": {"type": "scenario"}}),
        ("resource", {"subject": {"type": "resident"}, "action": USE, "resource": {"type": "scenario"}}),
        ("action", {"subject": of("x")}),
        ("action", {"subject": {"type": "resident"}, "resource": scenario(BIKE)}),
    ],
)
def test_a_search_that_leaves_something_out_is_a_bad_request(
    client: FlaskClient, bearer: dict[str, str], what: str, body: dict[str, Any]
) -> None:
    assert client.post(f"/access/v1/search/{what}", json=body, headers=bearer).status_code == 400


@pytest.mark.parametrize("name", ["a b", 'a"b', "x" * 300])
def test_whatever_the_request_is_called_the_answer_is_called(
    client: FlaskClient, bearer: dict[str, str], name: str
) -> None:
    answer = client.post("/access/v1/evaluations", json={}, headers=bearer | {"X-Request-ID": name})

    assert answer.headers["X-Request-ID"] == name


def test_the_metadata_names_every_door_that_there_is(app: Any, client: FlaskClient, ctx: Context) -> None:
    metadata = client.get("/.well-known/authzen-configuration").get_json()
    doors = {r.rule for r in app.url_map.iter_rules() if r.rule.startswith("/access/")}

    assert metadata.pop("policy_decision_point") == ctx.base_url
    assert {url.removeprefix(ctx.base_url) for url in metadata.values()} == doors


def test_the_last_question_of_a_revoked_token_is_refused_before_anything_is_decided(
    app: Any, client: FlaskClient, ctx: Context, a: Builders, merchant: MerchantClient, bearer: dict[str, str]
) -> None:
    """Another worker has seen the revocation; this one learns of it with the very look that the answer would rest on."""
    resident = good_resident(a)
    name, code = a.link(resident, merchant, BIKE), a.shown_pass(resident, BIKE)
    by_link = {"subject": of(name), "action": USE, "resource": scenario(BIKE)}
    wait_until_believed(ctx, Keeper(ctx))
    assert ask(client, bearer, **by_link)["decision"] is True
    take_over_batches(ctx, 60)
    revoked = client.post(
        "/oauth/revoke",
        data={"token": bearer["Authorization"].removeprefix("Bearer ")},
        auth=(merchant.client_id, merchant.client_secret),
    )
    assert revoked.status_code == 200

    for body in (by_link, {**by_link, "subject": of(code, "pass")}, {**by_link, "evaluations": [{}]}):
        answer = client.post("/access/v1/evaluations", json=body, headers=bearer)
        assert answer.status_code == 401
    wanted = {"subject": {"type": "resident"}, "action": USE, "resource": scenario(BIKE)}
    assert client.post("/access/v1/search/subject", json=wanted, headers=bearer).status_code == 401

    take_over_batches(ctx, 60)
    take_over_journal(ctx)
    assert db.session.execute(select(func.count()).select_from(DecisionRow)).scalar() == 1
    fresh = bearer_of(client, merchant)
    assert ask(client, fresh, **{**by_link, "subject": of(code, "pass")})["decision"] is True


def test_an_order_finds_its_decision_however_many_batches_wait_before_it(
    client: FlaskClient, ctx: Context, a: Builders, merchant: MerchantClient, bearer: dict[str, str]
) -> None:
    name = a.link(good_resident(a), merchant, BIKE)
    wait_until_believed(ctx, Keeper(ctx))
    told = [ask(client, bearer, subject=of(name), action=USE, evaluations=[{"resource": scenario(BIKE)}] * 2)
            for _ in range(3)]  # fmt: skip
    wanted = told[1]["evaluations"][1]["context"]["decision_id"]

    take_over_decision(ctx, wanted)

    stored = set(db.session.execute(select(DecisionRow.decision_id)).scalars())
    assert stored == {e["context"]["decision_id"] for e in told[1]["evaluations"]}
    assert take_over_batches(ctx, 60) == 6, (
        "the entry that was fetched is taken over again and changes nothing"
    )
    assert db.session.execute(select(func.count()).select_from(DecisionRow)).scalar() == 6


def test_when_the_journal_is_full_a_batch_goes_into_postgresql_itself(
    client: FlaskClient, ctx: Context, a: Builders, merchant: MerchantClient, bearer: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    name = a.link(good_resident(a), merchant, BIKE)
    wait_until_believed(ctx, Keeper(ctx))
    monkeypatch.setattr("haihe.cache.copies.MOST_WAITING", 0)

    told = ask(client, bearer, subject=of(name), action=USE, evaluations=[{"resource": scenario(BIKE)}] * 3)

    stored = set(db.session.execute(select(DecisionRow.decision_id)).scalars())
    assert stored == {e["context"]["decision_id"] for e in told["evaluations"]}
