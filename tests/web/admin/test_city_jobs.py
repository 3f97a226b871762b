"""An administrator asks about everybody: refused at once where the draft is wrong, else answered by a worker elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select, text

from haihe.city.working import KeptSnapshot, do_one_job
from haihe.storage.audit import AuditEntry
from haihe.storage.city_jobs import CityJob, one_job_held
from haihe.storage.db import db
from haihe.usecases.city_jobs import take_job
from haihe.usecases.context import Context
from haihe.usecases.staff_login import Role
from tests.builders import Builders
from tests.conftest import Clock
from tests.domain.published import RULEBOOK_FILE, SCENARIO_FILES
from tests.web.admin.staff import logged_in

DRAFT = SCENARIO_FILES[4].read_text("utf-8")
LOWER = DRAFT.replace("points_at_least: 600", "points_at_least: 510")

pytestmark = pytest.mark.filterwarnings("ignore:fetch_(arrow_table|record_batch)\\(\\) is deprecated")


@pytest.fixture
def editor(ctx: Context, client: FlaskClient, clock: Clock) -> dict[str, str]:
    return logged_in(ctx, client, clock, Role.SCENARIO_EDITOR)


@pytest.fixture
def work(ctx: Context, tmp_path: Path) -> Any:
    """A worker's turn."""
    snapshots = KeptSnapshot(ctx, tmp_path)
    return lambda: do_one_job(ctx, "duckdb", tmp_path, snapshots)


def people(a: Builders) -> None:
    """Sixty who would gain by a lower threshold, and forty who would not."""
    for n in range(100):
        resident = a.resident()
        if n < 60:
            a.record(resident, "D01", quantity=60)


def ask(client: FlaskClient, who: dict[str, str], **body: Any) -> Any:
    return client.post("/v1/admin/city-jobs", json=body, headers=who)


def test_a_lowered_threshold_is_counted_as_plain_sql_counts_it(
    client: FlaskClient, editor: dict[str, str], a: Builders, work: Any
) -> None:
    people(a)
    asked = ask(client, editor, kind="TRY_SCENARIO", draft=LOWER)
    assert asked.status_code == 202
    assert (asked.json["state"], asked.json["progress"], asked.json["result"]) == ("WAITING", 0, None)

    assert work() is True
    assert work() is False

    told = client.get(f"/v1/admin/city-jobs/{asked.json['id']}", headers=editor).json
    gain = db.session.execute(text("SELECT count(*) FROM scores WHERE total BETWEEN 510 AND 599")).scalar()
    assert gain == 60
    assert (told["state"], told["progress"], told["on"]) == ("DONE", 1, "2026-11-20")
    assert (told["result"]["whole"]["gain"], told["result"]["whole"]["people"]) == (gain, 100)
    assert told["result"]["scenario"] == "XYZ-05"


def test_the_report_and_a_rulebook_are_answered_too(
    client: FlaskClient, editor: dict[str, str], a: Builders, work: Any
) -> None:
    people(a)
    book = RULEBOOK_FILE.read_text("utf-8").replace("version: HH-2026.1", "version: HH-T", 1)
    ids = [
        ask(client, editor, kind="TRY_RULEBOOK", draft=book).json["id"],
        ask(client, editor, kind="REPORT").json["id"],
    ]
    assert [work(), work()] == [True, True]
    rulebook, report = (client.get(f"/v1/admin/city-jobs/{i}", headers=editor).json for i in ids)
    assert (rulebook["state"], rulebook["result"]["whole"]["people"]) == ("DONE", 100)
    assert (report["state"], report["result"]["residents"], report["result"]["joined"]) == ("DONE", 100, 100)


def test_a_wrong_draft_is_refused_at_once_with_line_and_reason(
    client: FlaskClient, editor: dict[str, str]
) -> None:
    wrong = DRAFT.replace("points_at_least: 600", "points_at_least: abc")
    line = next(n for n, one in enumerate(wrong.splitlines(), 1) if "abc" in one)
    answer = ask(client, editor, kind="TRY_SCENARIO", draft=wrong)
    assert (answer.status_code, answer.json["code"]) == (422, "SCENARIO_INVALID")
    assert [(f["line"], f["detail"]) for f in answer.json["lines"]] == [(line, "应为整数")]
    assert ask(client, editor, kind="TRY_SCENARIO", draft="a: [").json["code"] == "NOT_YAML"
    assert ask(client, editor, kind="TRY_SCENARIO").json["code"] == "DRAFT_MISSING"
    assert ask(client, editor, kind="REPORT", draft=DRAFT).json["code"] == "DRAFT_NOT_WANTED"
    assert ask(client, editor, kind="GUESS").json["code"] == "REQUEST_INVALID"
    assert db.session.execute(select(CityJob)).first() is None


def test_whoever_tried_what_is_on_the_record(
    client: FlaskClient, editor: dict[str, str], work: Any, a: Builders
) -> None:
    a.resident()
    job = ask(client, editor, kind="TRY_SCENARIO", draft=LOWER).json["id"]
    work()
    trace = db.session.execute(
        select(AuditEntry).where(AuditEntry.subject == f"city_job:{job}").order_by(AuditEntry.id)
    ).scalars()
    asked, answered = trace
    assert (asked.actor, asked.deed) == ("staff:scenario_editor", "ask_city")
    assert (asked.detail["kind"], asked.detail["tried"]) == ("TRY_SCENARIO", "XYZ-05")
    assert len(asked.detail["draft_sha256"]) == 64
    assert (answered.actor, answered.deed) == ("worker:city", "answer_city")


def test_each_role_asks_what_is_its_own(ctx: Context, client: FlaskClient, clock: Clock) -> None:
    allowed = {Role.SCENARIO_EDITOR: (202, 202), Role.APPROVER: (202, 202), Role.AUDITOR: (403, 202)}
    allowed |= {Role.SYSTEM_ADMIN: (403, 202), Role.DATA_CLERK: (403, 403), Role.PARTNER_MANAGER: (403, 403)}
    for role, statuses in allowed.items():
        who = logged_in(ctx, client, clock, role)
        told = (ask(client, who, kind="TRY_SCENARIO", draft=DRAFT), ask(client, who, kind="REPORT"))
        assert tuple(t.status_code for t in told) == statuses, role


def test_nobody_queues_more_than_five(client: FlaskClient, editor: dict[str, str]) -> None:
    told = [ask(client, editor, kind="REPORT") for _ in range(6)]
    assert [t.status_code for t in told] == [202] * 5 + [429]
    assert told[-1].headers["Retry-After"] == "30"


def test_a_job_that_is_not_there_is_not_found(client: FlaskClient, editor: dict[str, str]) -> None:
    for job in (1, 2**63 - 1, 2**63, 10**30):
        assert client.get(f"/v1/admin/city-jobs/{job}", headers=editor).status_code == 404


def test_a_job_that_somebody_works_on_is_left_alone_until_they_are_gone(
    ctx: Context, client: FlaskClient, editor: dict[str, str], a: Builders, work: Any
) -> None:
    people(a)
    job = ask(client, editor, kind="REPORT").json["id"]
    with one_job_held() as held:
        assert held == job
        assert take_job(job, ctx.now()) is not None
        assert client.get(f"/v1/admin/city-jobs/{job}", headers=editor).json["state"] == "RUNNING"
        assert work() is False
    assert work() is True
    assert client.get(f"/v1/admin/city-jobs/{job}", headers=editor).json["state"] == "DONE"


def test_a_job_that_brings_down_one_worker_after_another_is_given_up(
    ctx: Context, client: FlaskClient, editor: dict[str, str], work: Any
) -> None:
    job = ask(client, editor, kind="REPORT").json["id"]
    for _ in range(3):
        assert take_job(job, ctx.now()) is not None
    assert work() is True
    told = client.get(f"/v1/admin/city-jobs/{job}", headers=editor).json
    assert (told["state"], told["error_code"]) == ("FAILED", "CITY_JOB_GIVEN_UP")


def test_a_draft_that_is_wrong_by_the_time_it_is_tried_fails_with_its_reason(
    client: FlaskClient, editor: dict[str, str], work: Any
) -> None:
    job = ask(client, editor, kind="TRY_SCENARIO", draft=DRAFT).json["id"]
    db.session.execute(text("UPDATE city_jobs SET draft = 'code: 7'"))
    db.session.commit()
    work()
    told = client.get(f"/v1/admin/city-jobs/{job}", headers=editor).json
    assert (told["state"], told["error_code"]) == ("FAILED", "SCENARIO_INVALID")
