"""亲情代办: a relative does what was named, until the day that was named, in the sight of whom it is done for, and no more."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from haihe.domain.helping import Scope
from haihe.storage.audit import AuditEntry
from haihe.storage.db import db
from haihe.storage.helping import Helping
from haihe.usecases.consent_texts import helping_text
from haihe.usecases.context import Context
from haihe.web.resident.acting import AS_ONESELF, DOORS
from tests.builders import Builders
from tests.conftest import Clock
from tests.web.resident.phone import Phone
from tests.web.resident.test_orders import order_for

Find = Callable[[Phone], int]
ALL = [s.value for s in Scope]
HELPER_CODES = {"HELPER_MAY_NOT", "HELPER_SCOPE", "HELPING_ENDED"}
COOKIE = "haihe_page"


def invite(member: Phone, scopes: list[str] = ALL, name: str = "王芳", until: str = "2027-03-31") -> Any:
    body = {
        "name": name,
        "relation": "CHILD",
        "scopes": scopes,
        "until": until,
        "version": helping_text().version,
    }
    return member.post("/v1/me/helpers", body)


def help_out(member: Phone, helper: Phone, scopes: list[str] = ALL) -> int:
    """Invited, accepted, and the helper's phone turned to the resident."""
    code = invite(member, scopes).json["code"]
    accepted = helper.post("/v1/me/helping", {"code": code})
    assert accepted.status_code == 201, accepted.json
    number = int(accepted.json["id"])
    assert helper.put("/v1/me/acting", {"helping": number}).status_code == 200
    return number


def test_a_relative_sees_what_was_named_and_goes_back_to_oneself(member: Phone, stranger: Phone) -> None:
    before = stranger.get("/v1/me/ledger").json
    number = help_out(member, stranger)
    assert stranger.get("/v1/me/acting").json == {"helping": number, "name": "李*", "scopes": ALL}
    assert stranger.get("/v1/me/ledger").json == member.get("/v1/me/ledger").json
    assert stranger.delete("/v1/me/acting").status_code == 204
    assert stranger.get("/v1/me/ledger").json == before


def test_what_is_accepted_is_seen_before_and_by_both_afterwards(member: Phone, stranger: Phone) -> None:
    code = invite(member, ["PASS"]).json["code"]
    looked = stranger.post("/v1/me/helping/look", {"code": f"{code[:4]} {code[4:]}"}).json
    assert (looked["other"], looked["scopes"], looked["last_day"]) == ("李*", ["PASS"], "2027-03-31")
    stranger.post("/v1/me/helping", {"code": code})
    assert [h["other"] for h in member.get("/v1/me/helpers").json["helpers"]] == ["王*"]
    assert [h["other"] for h in stranger.get("/v1/me/helpers").json["helping"]] == ["李*"]
    assert stranger.post("/v1/me/helping", {"code": code}).json["code"] == "HELPING_CODE_INVALID"


def test_every_deed_bears_both_names_and_is_told_to_whom_it_was_done_for(
    member: Phone, stranger: Phone, resident_of: Find
) -> None:
    number = help_out(member, stranger)
    assert stranger.post("/v1/me/passes", {"scenario": "XYZ-15"}).status_code == 201
    helped, helper = resident_of(member), resident_of(stranger)
    (trace,) = db.session.execute(select(AuditEntry).where(AuditEntry.deed == "issue_pass")).scalars()
    assert (trace.actor, trace.subject) == (f"resident:{helper}", f"resident:{helped}")
    assert (trace.detail["helping"], trace.detail["for"]) == (number, f"resident:{helped}")
    told = [n["title"] for n in member.get("/v1/me/notifications").json["notifications"]]
    assert any("王*（子女）代您出示了" in title for title in told), told
    assert any("王*（子女）开始为您办理" in title for title in told), told


def test_the_same_deed_is_told_once_a_day_and_the_day_is_the_residents(
    member: Phone, stranger: Phone, clock: Clock
) -> None:
    help_out(member, stranger)

    def told() -> int:
        titles = [n["title"] for n in member.get("/v1/me/notifications").json["notifications"]]
        return sum("代您出示了" in title for title in titles)

    for _ in range(2):
        stranger.post("/v1/me/passes", {"scenario": "XYZ-15"})
        clock.forward(minutes=2)
    assert told() == 1
    # Noon and the next morning at seven: one day in Greenwich, two in Tianjin.
    clock.forward(hours=19)
    stranger.log_in()
    stranger.put("/v1/me/acting", {"helping": 1})
    stranger.post("/v1/me/passes", {"scenario": "XYZ-15"})
    member.log_in()
    assert told() == 2


def test_what_a_relative_does_with_an_order_is_told_in_its_own_words(
    ctx: Context, a: Builders, member: Phone, stranger: Phone, resident_of: Find
) -> None:
    order_id = order_for(ctx, a, resident_of(member), state="CREATED", unconfirmed=True)
    help_out(member, stranger)
    path = f"/v1/me/orders/{order_id}"
    assert stranger.post(f"{path}/confirm", {}).status_code == 200
    assert stranger.post(f"{path}/dispute", {"reason": "RETURNED"}).status_code == 200
    assert stranger.delete(f"{path}/dispute").status_code == 200

    told = "".join(n["title"] for n in member.get("/v1/me/notifications").json["notifications"])
    for deed in ("确认了", "提出了争议", "撤回了"):
        assert deed in told
    assert "办理了一件事" not in told


@pytest.mark.parametrize("who", ["helped", "helper"])
def test_either_ends_it_and_the_next_request_is_refused_without_falling_back_to_oneself(
    member: Phone, stranger: Phone, who: str
) -> None:
    number = help_out(member, stranger)
    if who == "helper":
        stranger.delete("/v1/me/acting")
        stranger.delete(f"/v1/me/helpers/{number}")
        assert stranger.put("/v1/me/acting", {"helping": number}).status_code == 404
    else:
        assert member.delete(f"/v1/me/helpers/{number}").status_code == 204
        answer = stranger.get("/v1/me/points")
        assert (answer.status_code, answer.json["code"]) == (403, "HELPING_ENDED")
        stranger.delete("/v1/me/acting")
    assert stranger.get("/v1/me/points").status_code == 200
    assert member.get("/v1/me/helpers").json["helpers"] == []


def test_it_ends_by_itself_on_its_last_day(member: Phone, stranger: Phone, clock: Clock) -> None:
    code = invite(member, until=clock.today.isoformat()).json["code"]
    number = stranger.post("/v1/me/helping", {"code": code}).json["id"]
    stranger.put("/v1/me/acting", {"helping": number})
    clock.forward(hours=11)
    assert stranger.get("/v1/me/points").status_code == 200
    clock.forward(hours=1.5)
    assert stranger.get("/v1/me/points").json["code"] == "HELPING_ENDED"


def test_leaving_ends_it(member: Phone, stranger: Phone) -> None:
    help_out(member, stranger)
    member.delete("/v1/me/consents/JOIN")
    assert stranger.get("/v1/me/points").json["code"] == "HELPING_ENDED"


def test_the_code_is_worth_nothing_to_anybody_else_and_trying_is_counted(
    member: Phone, stranger: Phone, clock: Clock
) -> None:
    code = invite(member, name="王小芳").json["code"]
    assert stranger.post("/v1/me/helping", {"code": code}).json["code"] == "HELPING_CODE_INVALID"
    for _ in range(4):
        assert stranger.post("/v1/me/helping/look", {"code": "00000000"}).status_code == 403
    refused = stranger.post("/v1/me/helping", {"code": code})
    assert (refused.status_code, refused.json["code"]) == (429, "HELPING_TRIES")
    late = invite(member).json["code"]
    clock.forward(days=1, minutes=11)
    assert stranger.post("/v1/me/helping", {"code": late}).json["code"] == "HELPING_CODE_INVALID"


def test_nobody_helps_oneself(member: Phone) -> None:
    code = invite(member, name="李华").json["code"]
    assert member.post("/v1/me/helping", {"code": code}).json["code"] == "HELPING_CODE_INVALID"


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"scopes": ["EVERYTHING"]}, "SCOPES_INVALID"),
        ({"scopes": []}, "REQUEST_INVALID"),
        ({"until": "2027-11-21"}, "UNTIL_INVALID"),
        ({"until": "2026-11-19"}, "UNTIL_INVALID"),
        ({"until": "soon"}, "REQUEST_INVALID"),
        ({"relation": "FRIEND"}, "REQUEST_INVALID"),
        ({"version": "2020-1"}, "CONSENT_TEXT_CHANGED"),
    ],
)
def test_what_cannot_be_given_is_refused(member: Phone, changed: dict[str, Any], code: str) -> None:
    body = {
        "name": "王芳",
        "relation": "CHILD",
        "scopes": ["VIEW"],
        "until": date(2027, 11, 20).isoformat(),
        "version": helping_text().version,
    }
    assert member.post("/v1/me/helpers", body).status_code == 201
    answer = member.post("/v1/me/helpers", {**body, **changed})
    assert answer.json["code"] == code
    assert answer.status_code in (409, 422)


def test_a_strangers_help_does_not_exist(member: Phone, stranger: Phone, a: Builders) -> None:
    number = invite(member).json["helping"]["id"]
    assert stranger.delete(f"/v1/me/helpers/{number}").status_code == 404
    assert stranger.put("/v1/me/acting", {"helping": number}).status_code == 404
    assert db.session.get_one(Helping, number).ended_at is None


def own_doors(app: Flask) -> list[tuple[str, str, str]]:
    """Every door of a resident: method, path and the name of its route."""
    found = []
    for rule in app.url_map.iter_rules():
        if rule.rule.startswith(("/v1/me/", "/m/")) or rule.rule == "/m":
            path = re.sub("<[^>]+>", "XYZ-15", re.sub("<int:[^>]+>", "1", rule.rule))
            found += [(m, path, rule.endpoint) for m in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})]
    return found


def test_every_door_of_the_table_is_there(app: Flask) -> None:
    endpoints = {endpoint for _method, _path, endpoint in own_doors(app)} | {"resident_login.logout"}
    assert set(DOORS) <= endpoints
    assert endpoints >= AS_ONESELF


@pytest.mark.parametrize("scope", ALL)
def test_a_relative_goes_through_the_doors_that_were_named_and_no_others(
    app: Flask, member: Phone, stranger: Phone, scope: str
) -> None:
    help_out(member, stranger, [scope])
    stranger.client.set_cookie(COOKIE, stranger.token)
    # Where one comes in, one comes in as oneself.
    open_views = {"m_entrance", "resident_page_entry_page"}
    wrong = []
    for method, path, endpoint in own_doors(app):
        if endpoint in AS_ONESELF or endpoint.partition(".")[0] in open_views:
            continue
        answer = stranger.client.open(path, method=method, headers=stranger.headers)
        text = answer.data.decode(errors="replace")
        refused = answer.status_code == 403 and any(code in text for code in HELPER_CODES)
        # A form of a page is refused for want of its token before anything else is looked at, or by the lock.
        if (Scope(scope) in DOORS.get(endpoint, ())) == refused:
            wrong.append((method, path, endpoint, answer.status_code))
    assert wrong == []
