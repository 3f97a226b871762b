"""The report says of every group what plain SQL says, tells of no small one, and can be read on any screen without a network."""

from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from html.parser import HTMLParser
from pathlib import Path

import pytest
import redis
from flask import Flask
from playwright.sync_api import sync_playwright
from sqlalchemy import select, text

from haihe.demo.city import create_city
from haihe.storage.audit import AuditEntry
from haihe.storage.db import db
from haihe.web.context import EXTENSION
from tests.conftest import KEPT_TABLES, NOON, Clock
from tests.pages.conftest import CHROMIUM, PHONE, faults_of_access, overflow, picture

RESIDENTS = 2_000


class Tables(HTMLParser):
    """The rows of every figure's table, by the figure's id, and the headline figures."""

    def __init__(self) -> None:
        super().__init__()
        self.figure, self.rows, self.heads, self.headline = "", {}, {}, ""
        self.inside = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Where we are."""
        known = dict(attrs)
        if tag in ("figure", "section"):
            self.figure = str(known.get("id"))
        elif tag == "tr":
            self.rows.setdefault(self.figure, []).append([])
        self.inside = tag in ("td", "th") or (self.inside and tag != "svg")
        self.headline = str(known.get("data-figure") or "")

    def handle_endtag(self, tag: str) -> None:
        """A cell ends."""
        if tag in ("td", "th"):
            self.inside = False

    def handle_data(self, data: str) -> None:
        """What a cell says."""
        if self.headline:
            self.heads[self.headline], self.headline = data, ""
        elif self.inside:
            self.rows[self.figure][-1].append(data)

    def table(self, figure: str) -> dict[str, list[str]]:
        """The rows below the heads, by their first cell."""
        return {row[0]: row[1:] for row in self.rows[figure][1:]}


@pytest.fixture(scope="module")
def city(served_app: Flask, session_clock: Clock, redis_client: redis.Redis) -> Iterator[Flask]:
    """A demo city, and nothing asked of it yet."""
    session_clock.now = NOON
    redis_client.flushall()
    with served_app.app_context():
        tables = [t.name for t in db.metadata.sorted_tables if t.name not in KEPT_TABLES]
        db.session.execute(text(f"TRUNCATE {', '.join(tables)} RESTART IDENTITY CASCADE"))
        db.session.commit()
        create_city(served_app.extensions[EXTENSION], RESIDENTS, 2026, NOON, lambda _done: None)
        yield served_app
        db.session.rollback()


def run(city: Flask, out: Path, *more: str) -> str:
    result = city.test_cli_runner().invoke(args=["city", "report", "--out", str(out), *more])
    assert result.exit_code == 0, result.output
    return out.read_text("utf-8")


@pytest.fixture(scope="module")
def page(city: Flask, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The first report, and what it says."""
    return run(city, tmp_path_factory.mktemp("report") / "first.html")


@pytest.fixture(scope="module")
def told(page: str) -> Tables:
    """Its numbers."""
    tables = Tables()
    tables.feed(page)
    return tables


def number(cell: str) -> int | None:
    return None if cell == "—" else int(cell.replace(",", ""))


def counted(query: str) -> dict[str, int]:
    return {str(name): people for name, people in db.session.execute(text(query))}


def test_the_headline_is_what_the_database_says(told: Tables) -> None:
    residents, joined, scored = db.session.execute(
        text(
            "SELECT (SELECT count(*) FROM residents), (SELECT count(*) FROM consents WHERE purpose = 'JOIN'"
            " AND withdrawn_at IS NULL), (SELECT count(*) FROM scores)"
        )
    ).one()
    assert number(told.heads["residents"]) == residents
    assert number(told.heads["joined"]) == joined
    assert number(told.heads["scored"]) in (None, scored)


def test_grades_and_points_are_counted_as_plain_sql_counts_them(told: Tables) -> None:
    grades = counted("SELECT grade, count(*) FROM scores GROUP BY 1")
    shown = {name.split()[0]: number(row[0]) for name, row in told.table("grades-all").items()}
    assert all(people in (None, grades.get(code, 0)) for code, people in shown.items())
    assert sum(p is not None and p > 100 for p in shown.values()) >= 2
    points = 0
    for name, (cell,) in told.table("points-all").items():
        low, high = map(int, re.findall(r"\d+", name))
        between = text("SELECT count(*) FROM scores WHERE total BETWEEN :low AND :high")
        right = db.session.execute(between, {"low": low, "high": high}).scalar_one()
        assert number(cell) in (None, right)
        points += right
    assert points == sum(grades.values())


def test_each_district_is_counted_and_in_the_official_order(told: Tables) -> None:
    from haihe.domain.districts import DISTRICTS

    people = counted("SELECT district, count(*) FROM scores JOIN residents ON id = resident_id GROUP BY 1")
    living = counted("SELECT district, count(*) FROM residents GROUP BY 1")
    middle = counted(
        "SELECT district, percentile_disc(0.5) WITHIN GROUP (ORDER BY total)"
        " FROM scores JOIN residents ON id = resident_id GROUP BY 1"
    )
    rows = told.table("points-district")
    assert [n for n in rows if n in DISTRICTS.values()] == list(DISTRICTS.values())
    compared = 0
    for code, name in DISTRICTS.items():
        shown, _, half, _ = map(number, rows[name])
        assert shown in (None, people[code])
        assert half in (None, middle[code])
        assert number(told.table("grades-district")[name][0]) in (None, living[code])
        compared += half is not None
    assert compared > 8


def test_the_reach_of_a_scenario_that_asks_for_points_is_what_plain_sql_counts(told: Tables) -> None:
    reached = counted(
        "SELECT district, count(*) FROM scores JOIN residents ON id = resident_id WHERE total >= 600 GROUP BY 1"
    )
    rows = told.table("reach-XYZ-05")
    assert number(rows["全市"][0]) == sum(reached.values())
    assert number(rows["滨海新区"][0]) in (None, reached["120116"])
    assert any(number(row[0]) for name, row in rows.items() if name.endswith("区"))


def test_no_count_of_a_few_is_told(told: Tables) -> None:
    cells = [c for rows in told.rows.values() for row in rows[1:] for c in row[1:]]
    figures = [int(c.replace(",", "")) for c in cells if re.fullmatch(r"[\d,]+", c)]
    people = [
        number(c)
        for name, rows in told.rows.items()
        if name.startswith(("grades", "reach", "coverage"))
        for row in rows[1:]
        for c in row[1:]
        if re.fullmatch(r"[\d,]+", c)
    ]
    assert len(figures) > 300
    assert not [p for p in people if p is not None and 0 < p < 20]
    assert "—" in cells


def test_missing_data_is_told_by_indicator_and_sources_with_their_age(told: Tables) -> None:
    known = counted("SELECT 'n', count(*) FROM scores WHERE (parts ->> 'D01')::int <> 0")["n"]
    row = next(row for name, row in told.table("coverage-all").items() if name.startswith("D01 "))
    assert number(row[1]) in (None, known)
    names = counted("SELECT name, 1 FROM sources")
    assert set(told.table("sources")) == set(names)


def test_a_later_report_compares_itself_with_the_one_before(city: Flask, page: str, tmp_path: Path) -> None:
    assert "这是第一份报告" in page
    later = Tables()
    again = run(city, tmp_path / "later.html", "--on", "2026-11-25")
    later.feed(again)
    first = Tables()
    first.feed(page)
    assert "上一份报告截至 2026-11-20（5 天前）" in again
    was = {name: row[0] for name, row in later.table("drift-grades").items()}
    assert was == {name: row[0] for name, row in first.table("grades-all").items()}
    deeds = db.session.execute(select(AuditEntry.detail).where(AuditEntry.deed == "ask_city")).scalars()
    assert {(d["kind"], d["on"]) for d in deeds} == {("REPORT", "2026-11-20"), ("REPORT", "2026-11-25")}


def test_it_asks_nothing_of_a_network_and_runs_no_script(page: str) -> None:
    assert "<script" not in page
    assert not re.findall(r"(?:src|href)=\"(?!#)|url\(|@import|https?://", page)


@pytest.mark.browser
def test_it_is_readable_by_everybody_on_every_screen(page: str, tmp_path: Path) -> None:
    # In a thread of its own, for another browser may be driven from this one.
    with ThreadPoolExecutor(1) as pool:
        pool.submit(_look, page, tmp_path).result()


def _look(page: str, tmp_path: Path) -> None:
    if not CHROMIUM.exists():
        pytest.skip("没有 Chromium（/usr/bin/chromium）")
    file = tmp_path / "report.html"
    file.write_text(page, "utf-8")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        for name, size, scheme in (
            ("desktop", {"width": 1280, "height": 900}, "light"),
            ("phone", PHONE, "dark"),
        ):
            seen = browser.new_page(viewport=size, color_scheme=scheme)
            seen.context.set_offline(True)
            seen.goto(file.as_uri())
            assert overflow(seen) <= 0
            assert faults_of_access(seen) == []
            assert seen.locator("figure svg").count() == seen.locator("figure details table").count() > 20
            picture(seen, f"report-{name}")
            seen.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
            assert overflow(seen) <= 0
        browser.close()
