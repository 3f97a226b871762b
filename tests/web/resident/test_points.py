"""The points, every one with its reason, and every change with its cause."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

from haihe.storage.db import db, transaction
from haihe.storage.records import Source
from haihe.storage.scores import ScoreRow
from tests.builders import Builders
from tests.conftest import Clock
from tests.web.resident.phone import Phone

Find = Callable[[Phone], int]


def test_every_line_names_its_record_department_and_legal_basis(
    member: Phone, a: Builders, resident_of: Callable[[Phone], int]
) -> None:
    a.record(
        resident_of(member), "B14", document_no="津市监罚〔2026〕1号", issuer="市市场监管委", record_no="CF-1"
    )
    points = member.get("/v1/me/points").json
    (line,) = [line for line in points["lines"] if line["indicator"] == "B14"]
    assert line["points"] == -20
    assert line["department"] and line["policy_item"] and line["legal_basis"] and line["because"]
    (record,) = line["records"]
    assert (record["record_no"], record["document_no"], record["issuer"], record["occurred_on"]) == (
        "CF-1",
        "津市监罚〔2026〕1号",
        "市市场监管委",
        "2026-11-20",
    )
    assert "信用修复" in points["help"]


def test_lines_add_up_to_their_dimension_and_dimensions_to_the_total(
    member: Phone, a: Builders, resident_of: Callable[[Phone], int]
) -> None:
    a.record(resident_of(member), "D01", quantity=300)
    points = member.get("/v1/me/points").json
    for dimension in points["dimensions"]:
        lines = [line["points"] for line in points["lines"] if line["dimension"] == dimension["code"]]
        assert sum(lines) == dimension["points"] <= dimension["cap"]
    assert sum(d["points"] for d in points["dimensions"]) == points["total"]


def test_what_will_change_by_itself_is_said_with_its_day(
    member: Phone, a: Builders, resident_of: Callable[[Phone], int]
) -> None:
    a.record(resident_of(member), "B14", document_no="津罚1号", occurred_on=date(2026, 3, 1))
    changes = member.get("/v1/me/points").json["next_changes"]
    assert changes
    assert all(c["before"] != c["after"] and c["on"] > "2026-11-20" and c["sentence"] for c in changes)


def test_the_points_are_computed_from_the_records_and_never_from_a_stored_total(
    member: Phone, resident_of: Callable[[Phone], int]
) -> None:
    with transaction():
        db.session.get_one(ScoreRow, resident_of(member)).total = 999
    assert member.get("/v1/me/points").json["total"] == 510


def test_data_as_of_is_when_the_last_record_came_in(member: Phone, clock: Clock) -> None:
    clock.forward(days=2)
    points = member.get("/v1/me/points").json
    assert points["data_as_of"] == "2026-11-20T12:00:00+08:00"
    assert points["as_of"] == "2026-11-22"


def test_a_disputed_record_is_behind_no_line(
    member: Phone, a: Builders, resident_of: Callable[[Phone], int]
) -> None:
    a.record(resident_of(member), "B14", document_no="津罚1号", state="DISPUTED", cause="DISPUTED")
    lines = member.get("/v1/me/points").json["lines"]
    assert not [line for line in lines if line["indicator"] == "B14"]


def test_the_ledger_is_read_page_by_page_without_gap_or_repeat(
    member: Phone, a: Builders, resident_of: Callable[[Phone], int]
) -> None:
    for _ in range(5):
        a.record(resident_of(member), "D01", quantity=3)
    whole = member.get("/v1/me/ledger?limit=100").json
    assert whole["next_before"] is None
    pages, before = [], None
    while True:
        page = member.get(
            "/v1/me/ledger", query_string={"limit": 2, **({"before": before} if before else {})}
        ).json
        pages += page["entries"]
        before = page["next_before"]
        if before is None:
            break
    assert pages == whole["entries"]
    assert len({e["id"] for e in pages}) == len(pages) > 4
    newest = pages[0]
    assert (newest["part_name"], newest["cause_words"]) == ("志愿服务", "新的记录") or newest["part"] == "D01"
    assert newest["after"] == member.get("/v1/me/points").json["total"]


def test_the_ledger_names_where_a_dimension_starts(member: Phone) -> None:
    names = {e["part"]: e["part_name"] for e in member.get("/v1/me/ledger").json["entries"]}
    assert names["B"] == "遵纪守法起始分"


def test_the_curve_has_a_point_for_every_day_on_which_the_total_changed(
    member: Phone, a: Builders, resident_of: Find, clock: Clock
) -> None:
    a.record(resident_of(member), "D07")
    clock.now += timedelta(days=3)
    a.record(resident_of(member), "D01", quantity=20)
    a.record(resident_of(member), "D01", quantity=2)
    curve = member.get("/v1/me/points/history").json["points"]
    assert curve == [{"on": "2026-11-20", "total": 511}, {"on": "2026-11-23", "total": 532}]


def test_the_curve_begins_two_years_ago_with_what_there_was_then(
    member: Phone, a: Builders, resident_of: Find, clock: Clock
) -> None:
    clock.now += timedelta(days=800)
    member.log_in()
    a.record(resident_of(member), "D07")
    curve = member.get("/v1/me/points/history").json["points"]
    assert [p["total"] for p in curve] == [510, 511]
    assert curve[0]["on"] == "2027-01-28"


def test_every_department_says_when_it_last_supplied_data(member: Phone, a: Builders, clock: Clock) -> None:
    for code, days in (("OLD", 40), ("NEW", 1)):
        a.source(code)
        with transaction():
            db.session.get_one(Source, code).last_import_at = clock.now - timedelta(days=days)
    told = [(s["source"], s["words"]) for s in member.get("/v1/me/points").json["sources"]]
    assert told == [("测试来源 NEW", "昨天"), ("测试来源 OLD", "2026-10-11")]
