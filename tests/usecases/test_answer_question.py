"""The merchant's one question: the same answer from Redis and from PostgreSQL, and never a wrong or stale yes."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest
from sqlalchemy import event, func, select, update

from haihe.cache.copies import CacheDown
from haihe.domain.errors import Forbidden, Unauthenticated
from haihe.storage.copies import next_generation
from haihe.storage.db import db, transaction
from haihe.storage.decisions import DecisionRow, Pass
from haihe.storage.rules import ScenarioRow
from haihe.usecases.answer_question import answer_question
from haihe.usecases.asking import Asker, Question
from haihe.usecases.context import Context
from haihe.usecases.journal import take_over_journal
from haihe.usecases.keep_copies import Keeper
from haihe.usecases.leave import leave
from haihe.usecases.open_order import Wish, open_order
from haihe.usecases.publish_rules import configuration_changed
from tests.builders import Builders, MerchantClient
from tests.conftest import Clock

BIKE = "XYZ-07"


@pytest.fixture
def keeper(ctx: Context) -> Keeper:
    """A keeper that has vouched for Redis just now."""
    keeper = Keeper(ctx)
    assert keeper.turn(ctx.now())
    return keeper


@pytest.fixture(params=["warm", "away"])
def redis_state(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, ctx: Context) -> str:
    """Every test that asks for this runs twice: with Redis warm, and with Redis away from the first question on."""
    if request.param == "away":
        away_from_now_on(ctx, monkeypatch)
    return str(request.param)


def ask(ctx: Context, merchant: MerchantClient, code: str, scenario: str = BIKE) -> dict[str, Any]:
    """Ask the question. Where a new configuration has taken the vouchers away, the keeper has its turn first."""
    with suppress(CacheDown):
        if ctx.copies.look(bytes(32)).generation is None:
            Keeper(ctx).turn(ctx.now())
    answer: dict[str, Any] = json.loads(
        answer_question(ctx, Question(Asker(merchant.client_id), code, scenario, ctx.now()))
    )
    return answer


def wait_until_believed(ctx: Context, keeper: Keeper) -> None:
    """A new connection believes no voucher for a second; a test that wants the warm path waits for it."""
    for _ in range(30):
        keeper.turn(ctx.now())
        if ctx.copies.look(bytes(32)).generation is not None:
            return
        time.sleep(0.1)
    pytest.fail("Redis is not vouched for")


def good_resident(a: Builders) -> int:
    """Somebody at 620 points: real name, clean run, honours and hours."""
    resident = a.resident()
    a.record(resident, "A01", level="L3")
    a.record(resident, "D03", level="国家级")
    a.record(resident, "D02", level="市级")
    a.record(resident, "D01", quantity=50)
    return resident


def away_from_now_on(ctx: Context, patch: pytest.MonkeyPatch) -> None:
    """Redis does not answer any more, until the patch is taken back."""

    def away(*_: Any) -> Any:
        raise CacheDown("away")

    patch.setattr(ctx.copies, "_guard", away)


@contextmanager
def counted_statements() -> Iterator[list[str]]:
    """Every SQL statement that is sent meanwhile."""
    seen: list[str] = []

    def note(_conn: Any, _cursor: Any, statement: str, *_: Any) -> None:
        seen.append(statement)

    event.listen(db.engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(db.engine, "before_cursor_execute", note)


@contextmanager
def counted_round_trips(ctx: Context, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], int]]:
    """How often Redis is spoken to meanwhile."""
    counter = itertools.count()
    guard = ctx.copies._guard

    def counting(ask: Callable[[], Any]) -> Any:
        next(counter)
        return guard(ask)

    with monkeypatch.context() as patch:
        patch.setattr(ctx.copies, "_guard", counting)
        yield lambda: next(counter)


@contextmanager
def scenario_state(ctx: Context, code: str, state: str) -> Iterator[None]:
    """A public scenario in another state for a while, changed as an administrator's deed would change it."""

    def change(to: str) -> None:
        with transaction():
            db.session.execute(
                update(ScenarioRow)
                .where(ScenarioRow.code == code, ScenarioRow.state.in_(("PUBLISHED", "PAUSED")))
                .values(state=to)
            )
            number = next_generation()
        configuration_changed(ctx, number)

    change(state)
    try:
        yield
    finally:
        change("PUBLISHED")


def test_a_resident_with_enough_points_gets_a_yes(
    ctx: Context, a: Builders, keeper: Keeper, redis_state: str
) -> None:
    merchant = a.merchant(BIKE)

    answer = ask(ctx, merchant, a.shown_pass(good_resident(a), BIKE))

    assert answer["decision"] is True
    assert answer["context"]["code"] == "OK"
    assert answer["context"]["benefit"]["ceiling_fen"] > 0


def test_a_resident_with_too_few_points_gets_a_no_that_says_nothing(
    ctx: Context, a: Builders, keeper: Keeper, redis_state: str
) -> None:
    merchant = a.merchant(BIKE)

    answer = ask(ctx, merchant, a.shown_pass(a.resident(), BIKE))

    assert answer["decision"] is False
    assert answer["context"]["code"] == "NOT_AVAILABLE"
    assert answer["context"]["benefit"] is None


def test_asking_again_with_the_same_pass_gives_the_same_decision(
    ctx: Context, a: Builders, keeper: Keeper, clock: Clock, redis_state: str
) -> None:
    merchant = a.merchant(BIKE)
    code = a.shown_pass(good_resident(a), BIKE)

    first = ask(ctx, merchant, code)
    clock.forward(minutes=5)

    assert ask(ctx, merchant, code) == first


def test_a_pass_belongs_to_the_first_merchant_that_scans_it(
    ctx: Context, a: Builders, keeper: Keeper, redis_state: str
) -> None:
    first, second = a.merchant(BIKE), a.merchant(BIKE)
    code = a.shown_pass(good_resident(a), BIKE)
    ask(ctx, first, code)

    assert ask(ctx, second, code)["context"]["code"] == "CODE_EXPIRED"


def test_a_pass_that_nobody_scanned_in_time_has_expired(
    ctx: Context, a: Builders, keeper: Keeper, clock: Clock, redis_state: str
) -> None:
    merchant = a.merchant(BIKE)
    code = a.shown_pass(good_resident(a), BIKE)
    clock.forward(seconds=61)

    assert ask(ctx, merchant, code)["context"]["code"] == "CODE_EXPIRED"


def test_a_code_that_was_never_issued_looks_like_an_expired_one(
    ctx: Context, a: Builders, keeper: Keeper, redis_state: str
) -> None:
    merchant = a.merchant(BIKE)

    assert ask(ctx, merchant, "123456789012345678")["context"]["code"] == "CODE_EXPIRED"


def test_a_pass_that_has_served_an_order_has_expired(
    ctx: Context, a: Builders, keeper: Keeper, redis_state: str
) -> None:
    merchant = a.merchant(BIKE)
    code = a.shown_pass(good_resident(a), BIKE)
    decision_id = ask(ctx, merchant, code)["context"]["decision_id"]
    partner = ctx.rules.up_to_date().partner(merchant.client_id)
    assert partner is not None

    open_order(ctx, partner, "ORDER-1", Wish(decision_id), ctx.now())

    assert ask(ctx, merchant, code)["context"]["code"] == "CODE_EXPIRED"


def test_a_pass_for_one_benefit_says_nothing_about_another(
    ctx: Context, a: Builders, keeper: Keeper, redis_state: str
) -> None:
    merchant = a.merchant(BIKE, "XYZ-06")
    code = a.shown_pass(good_resident(a), BIKE)

    assert ask(ctx, merchant, code, "XYZ-06")["context"]["code"] == "NOT_AVAILABLE"
    assert ask(ctx, merchant, code)["decision"] is True


def test_a_scenario_that_a_merchant_was_not_admitted_to_looks_like_one_that_does_not_exist(
    ctx: Context, a: Builders, keeper: Keeper, redis_state: str
) -> None:
    merchant = a.merchant(BIKE)
    code = a.shown_pass(good_resident(a), BIKE)
    told = []
    for scenario in ("XYZ-08", "XYZ-99"):
        with pytest.raises(Forbidden) as refused:
            ask(ctx, merchant, code, scenario)
        told.append((refused.value.code, refused.value.detail))

    assert told[0] == told[1]


def test_a_client_that_is_not_known_is_not_answered(
    ctx: Context, a: Builders, keeper: Keeper, redis_state: str
) -> None:
    code = a.shown_pass(good_resident(a), BIKE)
    with pytest.raises(Unauthenticated):
        ask(ctx, MerchantClient(1, "nobody", ""), code)


def test_a_new_record_changes_the_very_next_answer(
    ctx: Context, a: Builders, keeper: Keeper, redis_state: str
) -> None:
    merchant = a.merchant(BIKE)
    resident = good_resident(a)
    assert ask(ctx, merchant, a.shown_pass(resident, BIKE))["decision"] is True

    a.record(resident, "B11", document_no="（2026）津01执1号")

    assert ask(ctx, merchant, a.shown_pass(resident, BIKE))["decision"] is False


def test_with_warm_copies_there_is_no_sql_and_two_round_trips_at_most(
    ctx: Context, a: Builders, keeper: Keeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    merchant = a.merchant(BIKE)
    resident = good_resident(a)
    codes = [a.shown_pass(resident, BIKE)]
    wait_until_believed(ctx, keeper)
    ctx.rules.up_to_date()
    db.session.remove()

    with counted_statements() as statements, counted_round_trips(ctx, monkeypatch) as round_trips:
        answer = ask(ctx, merchant, codes[0])
        again = ask(ctx, merchant, codes[0])
        trips = round_trips()

    assert answer["decision"] is True
    assert again == answer
    assert statements == []
    assert trips == (1 + 2) + (1 + 1), "one look of the test's own before each question"


def test_every_decision_reaches_postgresql_once(ctx: Context, a: Builders, keeper: Keeper) -> None:
    merchant = a.merchant(BIKE)
    resident = good_resident(a)
    keeper.turn(ctx.now())
    decision_id = ask(ctx, merchant, a.shown_pass(resident, BIKE))["context"]["decision_id"]
    ask(ctx, merchant, "123456789012345678")

    take_over_journal(ctx)
    take_over_journal(ctx)

    assert db.session.execute(select(func.count()).select_from(DecisionRow)).scalar() == 2
    row = db.session.get_one(DecisionRow, decision_id)
    assert (row.resident_id, row.code) == (resident, "OK")
    assert row.facts


def test_a_keeper_killed_after_the_commit_does_not_store_a_decision_twice(
    ctx: Context, a: Builders, keeper: Keeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    merchant = a.merchant(BIKE)
    resident = good_resident(a)
    keeper.turn(ctx.now())
    ask(ctx, merchant, a.shown_pass(resident, BIKE))

    class Killed(BaseException):
        pass

    def killed(_entries: Any) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(ctx.copies, "strike_journal", killed)
        with pytest.raises(Killed):
            take_over_journal(ctx)
    take_over_journal(ctx)

    assert db.session.execute(select(func.count()).select_from(DecisionRow)).scalar() == 1
    assert take_over_journal(ctx) == 0


def test_a_keeper_killed_before_the_commit_loses_no_decision(
    ctx: Context, a: Builders, keeper: Keeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    merchant = a.merchant(BIKE)
    resident = good_resident(a)
    keeper.turn(ctx.now())
    ask(ctx, merchant, a.shown_pass(resident, BIKE))
    ctx.copies.read_journal("keeper", 100, from_start=False)

    assert take_over_journal(ctx) == 1


def test_a_claim_made_in_redis_holds_when_redis_goes_away(
    ctx: Context, a: Builders, keeper: Keeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = a.merchant(BIKE), a.merchant(BIKE)
    resident = good_resident(a)
    keeper.turn(ctx.now())
    code = a.shown_pass(resident, BIKE)
    answer = ask(ctx, first, code)
    keeper.turn(ctx.now())

    away_from_now_on(ctx, monkeypatch)

    assert ask(ctx, first, code) == answer
    assert ask(ctx, second, code)["context"]["code"] == "CODE_EXPIRED"


def test_a_claim_made_while_redis_was_away_holds_when_it_is_back(
    ctx: Context, a: Builders, keeper: Keeper, monkeypatch: pytest.MonkeyPatch, clock: Clock
) -> None:
    first, second = a.merchant(BIKE), a.merchant(BIKE)
    code = a.shown_pass(good_resident(a), BIKE)
    with monkeypatch.context() as patch:
        away_from_now_on(ctx, patch)
        answer = ask(ctx, first, code)
        assert not keeper.turn(ctx.now())
    assert keeper.turn(ctx.now())

    assert ask(ctx, second, code)["context"]["code"] == "CODE_EXPIRED"
    assert ask(ctx, first, code) == answer


def test_a_change_made_while_redis_was_away_is_never_answered_from_the_old_copy(
    ctx: Context, a: Builders, keeper: Keeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    merchant = a.merchant(BIKE)
    resident = good_resident(a)
    keeper.turn(ctx.now())
    with monkeypatch.context() as patch:
        away_from_now_on(ctx, patch)
        a.record(resident, "B11", document_no="（2026）津01执1号")
    keeper.turn(ctx.now())

    assert ask(ctx, merchant, a.shown_pass(resident, BIKE))["decision"] is False


@pytest.mark.parametrize("believer_first", [True, False])
def test_a_thread_that_does_not_believe_the_voucher_still_lets_redis_decide(
    ctx: Context, a: Builders, keeper: Keeper, monkeypatch: pytest.MonkeyPatch, believer_first: bool
) -> None:
    first, second = a.merchant(BIKE), a.merchant(BIKE)
    code = a.shown_pass(good_resident(a), BIKE)
    wait_until_believed(ctx, keeper)
    told = []
    for merchant, believes in ((first, believer_first), (second, not believer_first)):
        keeper.turn(ctx.now())
        with monkeypatch.context() as patch:
            patch.setattr(ctx.copies, "_believes", lambda believes=believes: believes)
            told.append(
                json.loads(answer_question(ctx, Question(Asker(merchant.client_id), code, BIKE, ctx.now())))[
                    "context"
                ]["code"]
            )

    assert told == ["OK", "CODE_EXPIRED"]


def test_a_pass_answered_yes_is_over_the_moment_its_resident_has_left(
    ctx: Context, a: Builders, keeper: Keeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    merchant = a.merchant(BIKE)
    resident = good_resident(a)
    code = a.shown_pass(resident, BIKE)
    assert ask(ctx, merchant, code)["decision"] is True
    with monkeypatch.context() as patch:
        away_from_now_on(ctx, patch)
        leave(ctx, resident, ctx.now())

    # Redis answers again and still holds the pass as it was; nothing is believed of it before the keeper's turn.
    question = Question(Asker(merchant.client_id), code, BIKE, ctx.now())
    assert json.loads(answer_question(ctx, question))["context"]["code"] == "CODE_EXPIRED"
    keeper.turn(ctx.now())
    assert json.loads(answer_question(ctx, question))["context"]["code"] == "CODE_EXPIRED"


def test_a_yes_ends_when_it_says_it_does(
    ctx: Context, a: Builders, keeper: Keeper, clock: Clock, redis_state: str
) -> None:
    merchant = a.merchant(BIKE)
    code = a.shown_pass(good_resident(a), BIKE)
    assert ask(ctx, merchant, code)["decision"] is True
    clock.forward(minutes=10, seconds=1)

    assert ask(ctx, merchant, code)["context"]["code"] == "CODE_EXPIRED"


def test_a_change_that_redis_missed_is_confirmed_only_when_the_old_copy_can_answer_no_more(
    ctx: Context, a: Builders, keeper: Keeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    merchant = a.merchant(BIKE)
    resident = good_resident(a)
    wait_until_believed(ctx, keeper)
    code = a.shown_pass(resident, BIKE)
    keeper.turn(ctx.now())
    with monkeypatch.context() as patch:
        away_from_now_on(ctx, patch)
        a.record(resident, "B11", document_no="（2026）津01执1号")

    # The record has been confirmed; Redis answers again, with the old copy and a voucher from before the outage.
    question = Question(Asker(merchant.client_id), code, BIKE, ctx.now())
    assert json.loads(answer_question(ctx, question))["decision"] is False


def test_an_older_copy_never_replaces_a_newer_one(ctx: Context, a: Builders, keeper: Keeper) -> None:
    resident = good_resident(a)
    code = a.shown_pass(resident, BIKE)
    pass_row = db.session.execute(select(Pass)).scalars().all()[-1]
    newest = ctx.copies.look(pass_row.code_hash).copy
    assert newest is not None and code

    ctx.copies.put([(resident, bytes(8) + newest[8:])])

    assert ctx.copies.look(pass_row.code_hash).copy == newest


def test_a_paused_scenario_is_closed_on_the_next_question(
    ctx: Context, a: Builders, keeper: Keeper, redis_state: str
) -> None:
    merchant = a.merchant(BIKE)
    resident = good_resident(a)
    keeper.ctx.rules.up_to_date()
    code = a.shown_pass(resident, BIKE)

    with scenario_state(ctx, BIKE, "PAUSED"):
        answer = ask(ctx, merchant, code)

    assert (answer["decision"], answer["context"]["code"]) == (False, "SCENARIO_CLOSED")
