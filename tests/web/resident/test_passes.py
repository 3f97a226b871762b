"""The code: shown for a minute, for one benefit, and worth nothing to anybody else."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import redis
from sqlalchemy import select

from haihe.cache.keys import shard_of_pass, shard_of_resident
from haihe.storage.db import db
from haihe.storage.decisions import Pass
from haihe.usecases.answer_question import answer_question
from haihe.usecases.asking import Asker, Question
from haihe.usecases.context import Context
from haihe.usecases.pass_code import CODE_FORM, draw_code, hash_of_code
from tests.builders import Builders, MerchantClient
from tests.conftest import Clock
from tests.web.resident.phone import Phone

Find = Callable[[Phone], int]


def show(phone: Phone, scenario: str = "XYZ-15") -> str:
    answer = phone.post("/v1/me/passes", {"scenario": scenario})
    assert answer.status_code == 201, answer.json
    return answer.json["code"]


def ask(ctx: Context, merchant: MerchantClient, code: str, clock: Clock) -> bytes:
    return answer_question(ctx, Question(Asker(merchant.client_id), code, "XYZ-15", clock.now))


def test_a_code_is_eighteen_digits_shown_for_sixty_seconds(member: Phone) -> None:
    answer = member.post("/v1/me/passes", {"scenario": "XYZ-15"}).json
    assert CODE_FORM.fullmatch(answer["code"])
    assert answer["expires_at"] == "2026-11-20T12:01:00+08:00"
    assert answer["qr"].startswith("data:image/svg+xml")
    assert answer["qr_svg_url"].endswith(f"/v1/me/passes/{answer['code']}/qr.svg")


def test_only_the_hash_of_a_code_is_kept_and_it_lies_in_its_residents_shard(
    ctx: Context, member: Phone, resident_of: Find
) -> None:
    code = show(member)
    (kept,) = db.session.execute(select(Pass.code_hash)).scalars()
    assert kept == hash_of_code(ctx, code)
    for resident_id in range(40):
        drawn = hash_of_code(ctx, draw_code(ctx, resident_id))
        assert shard_of_pass(drawn) == shard_of_resident(resident_id)


def test_a_code_serves_at_the_counter(
    ctx: Context, member: Phone, a: Builders, resident_of: Find, clock: Clock
) -> None:
    a.record(resident_of(member), "D01", quantity=140)
    answer = ask(ctx, a.merchant("XYZ-15"), show(member), clock)
    assert b'"decision":true' in answer


def test_somebody_not_eligible_gets_a_code_and_every_reason_and_the_merchant_only_a_no(
    ctx: Context, member: Phone, a: Builders, clock: Clock
) -> None:
    shown = member.post("/v1/me/passes", {"scenario": "XYZ-15"})
    assert shown.status_code == 201
    assert (shown.json["eligible"], shown.json["headline"]) == (False, "还差 40 分")
    answer = ask(ctx, a.merchant("XYZ-15"), shown.json["code"], clock)
    assert b'"decision":false' in answer
    assert b"NOT_AVAILABLE" in answer
    assert "分".encode() not in answer


def test_a_new_code_ends_the_older_one_that_nobody_scanned(
    ctx: Context, member: Phone, a: Builders, clock: Clock
) -> None:
    old, new = show(member), show(member)
    assert member.get(f"/v1/me/passes/{old}/qr.svg").status_code == 404
    assert member.get(f"/v1/me/passes/{new}/qr.svg").status_code == 200
    assert b"CODE_EXPIRED" in ask(ctx, a.merchant("XYZ-15"), old, clock)


def test_a_code_is_stored_even_while_redis_is_away(
    ctx: Context, member: Phone, a: Builders, resident_of: Find, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    a.record(resident_of(member), "D01", quantity=140)
    merchant = a.merchant("XYZ-15")
    down = redis.ConnectionError("away")

    def fail(*_: object, **__: object) -> None:
        raise down

    monkeypatch.setattr(ctx.copies._client.connection_pool, "get_connection", fail)
    code = show(member)
    assert b'"decision":true' in ask(ctx, merchant, code, clock)


def test_the_picture_is_an_svg_and_gone_when_the_minute_is_over(member: Phone, clock: Clock) -> None:
    path = f"/v1/me/passes/{show(member)}/qr.svg"
    picture = member.get(path)
    assert (picture.status_code, picture.mimetype) == (200, "image/svg+xml")
    assert picture.data.startswith(b"<?xml")
    assert picture.headers["Cache-Control"] == "no-store"
    clock.forward(seconds=60)
    assert member.get(path).json["code"] == "PASS_NOT_FOUND"


def test_nobody_sees_another_persons_code(member: Phone, stranger: Phone) -> None:
    path = f"/v1/me/passes/{show(member)}/qr.svg"
    answer = stranger.get(path)
    assert (answer.status_code, answer.json["code"]) == (404, "PASS_NOT_FOUND")
    assert answer.json == member.get(f"/v1/me/passes/{'0' * 18}/qr.svg").json


@pytest.mark.parametrize("code", ["0", "x" * 18, "%00" * 18, "１" * 18, "1" * 3000])
def test_what_has_not_the_form_of_a_code_is_not_found(member: Phone, code: str) -> None:
    assert member.get(f"/v1/me/passes/{code}/qr.svg").status_code == 404


def test_the_eleventh_code_in_a_minute_has_to_wait(member: Phone, clock: Clock) -> None:
    for _ in range(10):
        show(member)
    refused = member.post("/v1/me/passes", {"scenario": "XYZ-15"})
    assert (refused.status_code, refused.json["code"]) == (429, "PASSES_TOO_OFTEN")
    wait = int(refused.headers["Retry-After"])
    assert 0 < wait <= 61
    clock.forward(seconds=wait)
    show(member)


def test_a_code_needs_a_member_and_an_existing_benefit(phone: Phone) -> None:
    assert phone.post("/v1/me/passes", {"scenario": "XYZ-15"}).json["code"] == "NOT_BOUND"
    phone.bind()
    assert phone.post("/v1/me/passes", {"scenario": "XYZ-15"}).json["code"] == "NOT_JOINED"
    phone.join()
    unknown = phone.post("/v1/me/passes", {"scenario": "XYZ-99"})
    assert (unknown.status_code, unknown.json["code"]) == (404, "SCENARIO_NOT_FOUND")


def test_a_benefit_that_has_not_begun_gives_no_code(member: Phone, clock: Clock, ctx: Context) -> None:
    begins = ctx.rules.up_to_date().scenario("XYZ-15").valid_from
    clock.now = clock.now.replace(year=begins.year - 1)
    member.log_in()
    answer = member.post("/v1/me/passes", {"scenario": "XYZ-15"})
    assert answer.status_code in (409, 503)
