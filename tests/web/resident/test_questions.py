"""Who asked about me: the merchant heard yes or no, and I hear every reason."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from haihe.usecases.answer_question import answer_question
from haihe.usecases.asking import Asker, Question
from haihe.usecases.context import Context
from haihe.usecases.keep_copies import Keeper
from tests.builders import Builders, MerchantClient
from tests.conftest import Clock
from tests.web.resident.phone import Phone

Find = Callable[[Phone], int]
Ask = Callable[[Phone, MerchantClient], None]


@pytest.fixture
def asks(ctx: Context, clock: Clock) -> Ask:
    """A merchant scans the code that a phone shows, and the keeper has its turn."""
    keeper = Keeper(ctx)
    keeper.turn(clock.now)

    def ask(phone: Phone, merchant: MerchantClient, scenario: str = "XYZ-15") -> None:
        code = phone.post("/v1/me/passes", {"scenario": scenario}).json["code"]
        # Two questions at the very same moment would be in no order.
        clock.forward(seconds=1)
        answer_question(ctx, Question(Asker(merchant.client_id), code, scenario, clock.now))
        keeper.turn(clock.now)

    return ask


def test_every_question_is_there_with_who_asked_and_what_they_heard(
    member: Phone, a: Builders, asks: Ask, resident_of: Find
) -> None:
    merchant = a.merchant("XYZ-15")
    asks(member, merchant)
    a.record(resident_of(member), "D01", quantity=140)
    asks(member, merchant)
    listed = member.get("/v1/me/questions").json["questions"]
    assert [(q["scenario"], q["eligible"]) for q in listed] == [("XYZ-15", True), ("XYZ-15", False)]
    assert all(q["merchant"].startswith("测试商户") for q in listed)
    assert listed[0]["answer"].startswith("回答：可以，")
    assert listed[1]["answer"] == "回答：不可用"


def test_the_reasons_are_those_of_that_moment_even_when_everything_has_changed_since(
    member: Phone, a: Builders, asks: Ask, resident_of: Find
) -> None:
    asks(member, a.merchant("XYZ-15"))
    a.record(resident_of(member), "D01", quantity=140)
    (asked,) = member.get("/v1/me/questions").json["questions"]
    told = member.get(f"/v1/me/questions/{asked['decision_id']}").json
    assert told["rulebook"] == "HH-2026.1"
    assert [f["reason"] for f in told["findings"] if f["answer"] == "unmet"] == ["还差 40 分"]


def test_pages_follow_each_other_without_gaps(member: Phone, a: Builders, asks: Ask) -> None:
    merchant = a.merchant("XYZ-15")
    for _ in range(5):
        asks(member, merchant)
    whole = [q["decision_id"] for q in member.get("/v1/me/questions?limit=100").json["questions"]]
    pages, cursor = [], ""
    while cursor is not None:
        page = member.get(f"/v1/me/questions?limit=2{cursor and '&before=' + cursor}").json
        pages += [q["decision_id"] for q in page["questions"]]
        cursor = page["next_before"]
    assert pages == whole
    assert len(whole) == 5


def test_a_stranger_finds_none_of_my_questions(
    member: Phone, stranger: Phone, a: Builders, asks: Ask
) -> None:
    asks(member, a.merchant("XYZ-15"))
    (asked,) = member.get("/v1/me/questions").json["questions"]
    assert stranger.get("/v1/me/questions").json["questions"] == []
    for path in (
        f"/v1/me/questions/{asked['decision_id']}",
        f"/v1/me/questions?before={asked['decision_id']}",
    ):
        answer = stranger.get(path)
        assert (answer.status_code, answer.json["code"]) == (404, "QUESTION_NOT_FOUND")
