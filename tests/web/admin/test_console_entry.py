"""Into the console and out of it."""

from __future__ import annotations

from flask import Flask

from haihe.usecases.context import Context
from haihe.usecases.staff_login import Role
from tests.conftest import Clock
from tests.web.admin.console import Desk, desk


def test_a_page_that_is_none_is_told_within_the_console(app: Flask, ctx: Context) -> None:
    answer = desk(app, ctx, Role.AUDITOR).get("/console/no-such-page")
    assert answer.status_code == 404
    assert "没有这个页面" in answer.text
    assert "退出" in answer.text


def test_a_stranger_comes_back_to_the_page_that_was_wanted(app: Flask) -> None:
    stranger = Desk(app.test_client())
    answer = stranger.get("/console/scenarios?q=a")
    assert answer.location == "/console/login?next=%2Fconsole%2Fscenarios%3Fq%3Da"
    assert 'value="/console/scenarios?q=a"' in stranger.get(answer.location).text
    assert 'value="/console"' in stranger.get("/console/login?next=//evil.example").text


def test_work_keeps_the_session_and_half_an_hour_away_ends_it(app: Flask, ctx: Context, clock: Clock) -> None:
    person = desk(app, ctx, Role.APPROVER)
    for _ in range(3):
        clock.forward(minutes=29)
        assert person.get("/console").status_code == 200
    clock.forward(minutes=31)
    assert person.get("/console").status_code == 303


def test_nobody_stays_longer_than_a_working_day(app: Flask, ctx: Context, clock: Clock) -> None:
    person = desk(app, ctx, Role.APPROVER)
    for _ in range(28):
        clock.forward(minutes=25)
        person.get("/console")
    clock.forward(minutes=25)
    assert person.get("/console").status_code == 303


def test_logging_out_ends_the_session_itself(app: Flask, ctx: Context) -> None:
    person = desk(app, ctx, Role.APPROVER)
    cookie = person.client.get_cookie("haihe_console")
    assert cookie is not None
    person.send("/console/logout")
    person.client.set_cookie("haihe_console", cookie.value)
    assert person.get("/console").status_code == 303


def test_a_form_of_another_site_is_refused(app: Flask, ctx: Context) -> None:
    person = desk(app, ctx, Role.APPROVER)
    answer = person.client.post("/console/logout", data={"form_token": "0" * 64})
    assert (answer.status_code, "FORM_FOREIGN" in answer.text) == (403, True)
    assert person.get("/console").status_code == 200
