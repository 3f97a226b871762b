"""看板: numbers that were counted before, with a picture in every table; small groups are not told."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import expect

from haihe.city.working import KeptSnapshot, do_one_job
from haihe.usecases.context import Context
from haihe.usecases.dashboards import count_questions
from haihe.usecases.staff_login import Role
from tests.builders import Builders
from tests.conftest import Clock
from tests.pages.conftest import Opener
from tests.pages.official import official, sound

pytestmark = [
    pytest.mark.browser,
    pytest.mark.filterwarnings("ignore:fetch_(arrow_table|record_batch)\\(\\) is deprecated"),
]


def test_the_report_is_asked_for_and_shown(
    open_page: Opener, ctx: Context, a: Builders, clock: Clock, tmp_path: Path
) -> None:
    for n in range(48):
        resident = a.resident(district="120103" if n < 40 else "120104")
        if n % 2:
            a.record(resident, "D01", quantity=60)
    a.source("city")
    auditor = official(open_page, ctx, Role.AUDITOR)
    auditor.get_by_role("link", name="看板").click()
    expect(auditor.get_by_text("还没有报告")).to_be_visible()
    sound(auditor, "dashboards-empty")
    auditor.get_by_role("button", name="重新生成报告").click()
    expect(auditor.get_by_role("status")).to_contain_text("等待计算")
    assert do_one_job(ctx, "duckdb", tmp_path, KeptSnapshot(ctx, tmp_path)) is True
    assert count_questions(ctx.now()) == 25
    assert count_questions(ctx.now()) == 0
    expect(auditor.get_by_role("region", name="各等级人数")).to_be_visible()
    expect(auditor.get_by_role("region", name="各区积分")).to_contain_text("少于 20")
    sound(auditor, "dashboards")
    auditor.get_by_role("region", name="各场景").get_by_role("link").first.click()
    expect(auditor.get_by_role("heading", name="各区")).to_be_visible()
    sound(auditor, "dashboard-scenario")
    with auditor.expect_download() as download:
        auditor.goto("/console/dashboards")
        auditor.get_by_role("link", name="导出分区与分年龄").click()
    assert "河西区" in download.value.path().read_text("utf-8-sig")


def test_whoever_may_not_ask_for_a_report_is_told_who_may(open_page: Opener, ctx: Context) -> None:
    clerk = official(open_page, ctx, Role.DATA_CLERK, java_script_enabled=False)
    clerk.goto("/console/dashboards")
    expect(clerk.get_by_text("请系统管理或审计岗位")).to_be_visible()
    expect(clerk.get_by_role("button", name="重新生成报告")).to_have_count(0)
    clerk.goto("/console/dashboards/XYZ-07")
    expect(clerk.get_by_text("最近的报告里没有这个场景")).to_be_visible()
