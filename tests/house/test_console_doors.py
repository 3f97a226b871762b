"""The console's table of doors, walked: every page is in it, and whoever is not named for a page is refused on the record."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from flask import Flask
from sqlalchemy import func, select

from haihe.storage.audit import AuditEntry
from haihe.storage.db import db
from haihe.usecases.context import Context
from haihe.usecases.staff_login import Role
from haihe.web.admin.pages.doors import DOORS, OPEN_DOORS, SECTIONS
from tests.web.admin.console import desk


def routes(app: Flask) -> Iterator[str]:
    for rule in app.url_map.iter_rules():
        if rule.rule == "/console" or rule.rule.startswith("/console/"):
            yield from (f"{method} {rule.rule}" for method in (rule.methods or set()) - {"HEAD", "OPTIONS"})


def test_every_page_of_the_console_is_in_the_table_and_the_table_names_no_other(app: Flask) -> None:
    assert sorted(routes(app)) == sorted({*DOORS, *OPEN_DOORS})


def test_every_door_has_somebody_and_every_entry_of_the_navigation_is_named_once() -> None:
    assert [door for door, roles in DOORS.items() if not roles] == []
    assert len({s.path for s in SECTIONS}) == len(SECTIONS)


@pytest.mark.parametrize("role", list(Role))
def test_a_role_that_is_not_named_gets_a_page_that_says_so_and_leaves_a_trace(
    app: Flask, ctx: Context, role: Role
) -> None:
    person = desk(app, ctx, role)
    refused = [door for door, roles in DOORS.items() if role not in roles]
    for door in refused:
        method, route = door.split(" ", 1)
        answer = person.client.open(re.sub(r"<[^>]+>", "1", route), method=method)
        assert (answer.status_code, answer.mimetype) == (403, "text/html"), door
        assert "岗位没有这项权限" in answer.text
    traces = select(func.count()).where(AuditEntry.deed == "staff_refused")
    assert db.session.execute(traces).scalar_one() == len(refused)


@pytest.mark.parametrize("role", list(Role))
def test_whatever_the_navigation_offers_can_be_opened(app: Flask, ctx: Context, role: Role) -> None:
    person = desk(app, ctx, role)
    offered = re.findall(r'<a href="(/console[^"]*)"', person.get("/console").text)
    assert offered
    assert [path for path in offered if person.get(path).status_code != 200] == []
