"""One point short: what to do about it, answered by the same rules that made the points."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from haihe.storage.db import db
from haihe.storage.records import RecordRow
from tests.builders import Builders
from tests.web.resident.phone import Phone

Find = Callable[[Phone], int]


def test_the_first_step_told_really_closes_the_gap(member: Phone, a: Builders, resident_of: Find) -> None:
    a.record(resident_of(member), "D01", quantity=20)
    way = member.get("/v1/me/benefits/XYZ-15/steps").json
    assert (way["gap"], way["headline"]) == (20, "还差 20 分")
    volunteering = next(s for s in way["steps"] if s["indicator"] == "D01")
    assert (volunteering["sentence"], volunteering["points"], volunteering["reaches"]) == (
        "参加志愿服务 40 小时",
        20,
        True,
    )
    a.record(resident_of(member), "D01", quantity=40)
    assert member.get("/v1/me/benefits/XYZ-15").json["eligible"] is True


def test_somebody_eligible_is_told_the_way_to_the_better_offer(
    member: Phone, a: Builders, resident_of: Find
) -> None:
    a.record(resident_of(member), "D01", quantity=300)
    way = member.get("/v1/me/benefits/XYZ-15/steps").json
    shown = member.get("/v1/me/benefits/XYZ-15").json
    assert shown["eligible"] is True
    assert way["gap"] == shown["next_offer"]["gap"]
    assert way["steps"]


def test_imagining_a_deed_stores_nothing(member: Phone, resident_of: Find) -> None:
    before = db.session.query(RecordRow).count()
    told = member.post("/v1/me/what-if", {"deeds": [{"indicator": "D01", "quantity": 20}]}).json
    assert told["gain"] == 20
    assert told["moved"] == [{"indicator": "D01", "name": "志愿服务时长", "before": 0, "after": 20}]
    assert told["after"]["total"] == told["before"]["total"] + 20
    assert db.session.query(RecordRow).count() == before
    assert member.get("/v1/me/points").json["total"] == told["before"]["total"]


@pytest.mark.parametrize(
    ("deed", "code"),
    [
        ({"indicator": "B14"}, "DEED_UNKNOWN"),
        ({"indicator": "Z99"}, "DEED_UNKNOWN"),
        ({"indicator": "D03"}, "DEED_LEVEL"),
        ({"indicator": "D01", "level": "L3"}, "DEED_LEVEL"),
        ({"indicator": "D01", "quantity": 0}, "REQUEST_INVALID"),
        ({"indicator": "D01", "quantity": 10**9}, "REQUEST_INVALID"),
        ({"indicator": "D01", "quantity": "many"}, "REQUEST_INVALID"),
    ],
)
def test_what_cannot_be_imagined_is_said(member: Phone, deed: dict[str, Any], code: str) -> None:
    answer = member.post("/v1/me/what-if", {"deeds": [deed]})
    assert (answer.status_code, answer.json["code"]) == (422, code)


@pytest.mark.parametrize("deeds", [[], [{"indicator": "D07"}] * 11, None, "D07"])
def test_deeds_are_a_short_list(member: Phone, deeds: Any) -> None:
    assert member.post("/v1/me/what-if", {"deeds": deeds}).status_code == 422


def test_without_points_there_is_no_way_to_tell(phone: Phone) -> None:
    assert phone.get("/v1/me/benefits/XYZ-15/steps").status_code == 403
    phone.bind()
    for answer in (
        phone.get("/v1/me/benefits/XYZ-15/steps"),
        phone.post("/v1/me/what-if", {"deeds": [{"indicator": "D07"}]}),
    ):
        assert (answer.status_code, answer.json["code"]) == (409, "NOT_JOINED")
