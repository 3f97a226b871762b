"""What can be used now, and for the rest what is missing and by how much."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.builders import Builders
from tests.web.resident.phone import Phone

Find = Callable[[Phone], int]


def by_code(phone: Phone) -> dict[str, dict[str, Any]]:
    return {b["code"]: b for b in phone.get("/v1/me/benefits").json["benefits"]}


def test_every_public_scenario_is_there_with_what_everybody_gets(member: Phone) -> None:
    benefits = by_code(member)
    assert len(benefits) == 17
    assert all(b["default_terms"] and b["lead_department"] and b["districts"] for b in benefits.values())


def test_eligible_ones_come_first_and_then_the_nearest(member: Phone, a: Builders, resident_of: Find) -> None:
    a.record(resident_of(member), "D01", quantity=140)
    listed = member.get("/v1/me/benefits").json["benefits"]
    flags = [b["eligible"] for b in listed]
    assert True in flags
    assert flags == sorted(flags, reverse=True)
    gaps = [
        b["gap"]
        for b in listed
        if not b["eligible"] and len([f for f in b["findings"] if f["answer"] != "met"]) == 1
    ]
    numbers = [g for g in gaps if g is not None]
    assert numbers == sorted(numbers)


def test_one_point_short_is_told_as_one_point(member: Phone, a: Builders, resident_of: Find) -> None:
    points = member.get("/v1/me/points").json["total"]
    assert points == 510
    umbrella = by_code(member)["XYZ-15"]
    assert (umbrella["eligible"], umbrella["gap"], umbrella["headline"]) == (False, 40, "还差 40 分")
    (missing,) = [f for f in umbrella["findings"] if f["answer"] == "unmet"]
    assert missing == {
        "sentence": "海河分不低于 550 分",
        "answer": "unmet",
        "reason": "还差 40 分",
        "gap": 40,
    }


def test_missing_data_is_unknown_and_not_a_no(member: Phone) -> None:
    rental = member.get("/v1/me/benefits/XYZ-08").json
    assert "unknown" in {f["answer"] for f in rental["findings"]}


def test_an_eligible_resident_sees_what_the_better_offer_asks(
    member: Phone, a: Builders, resident_of: Find
) -> None:
    a.record(resident_of(member), "D01", quantity=300)
    shown = member.get("/v1/me/benefits/XYZ-15").json
    assert shown["eligible"] is True
    assert shown["offer"]["ceiling_fen"] > 0
    if shown["next_offer"] is not None:
        assert shown["next_offer"]["gap"] > 0
        assert shown["next_offer"]["findings"]
    assert all(q["left"] == q["at_most"] - q["used"] for q in shown["quotas"])


def test_somebody_without_a_real_name_can_look_around(phone: Phone) -> None:
    benefits = by_code(phone)
    assert len(benefits) == 17
    assert {b["headline"] for b in benefits.values()} == {"尚未开通海河分"}


def test_an_unknown_scenario_is_not_found(member: Phone) -> None:
    for code in ("XYZ-99", "xyz-01"):
        answer = member.get(f"/v1/me/benefits/{code}")
        assert (answer.status_code, answer.json["code"]) == (404, "SCENARIO_NOT_FOUND")


def test_what_is_mine_to_say_i_can_say_and_take_back(member: Phone) -> None:
    def stated() -> str:
        findings = member.get("/v1/me/benefits/XYZ-10").json["findings"]
        return next(f["answer"] for f in findings if "赡养" in f["sentence"])

    assert stated() == "unknown"
    yes = member.post("/v1/me/declarations", {"fact": "F03", "holds": True})
    assert yes.json == {"fact": "F03", "name": "赡养关系已申明", "holds": True, "declared_on": "2026-11-20"}
    assert stated() == "met"
    assert member.post("/v1/me/declarations", {"fact": "F03", "holds": True}).status_code == 200
    member.post("/v1/me/declarations", {"fact": "F03", "holds": False})
    assert stated() == "unmet"
    listed = member.get("/v1/me/declarations").json["declarations"]
    assert {d["fact"]: d["holds"] for d in listed} == {"F02": None, "F03": False}


def test_what_a_department_has_to_say_nobody_declares_themselves(member: Phone) -> None:
    for fact in ("F01", "A01", "A04", "F99"):
        answer = member.post("/v1/me/declarations", {"fact": fact, "holds": True})
        assert (answer.status_code, answer.json["code"]) == (404, "FACT_NOT_YOURS")


def test_a_declaration_needs_a_member(phone: Phone) -> None:
    phone.bind()
    answer = phone.post("/v1/me/declarations", {"fact": "F03", "holds": True})
    assert (answer.status_code, answer.json["code"]) == (409, "NOT_JOINED")
