"""异议: an officer's day at a browser, from the first page to the letter; and an auditor who follows a line to its file."""

from __future__ import annotations

import io

import pytest
from playwright.sync_api import expect

from haihe.storage.db import db
from haihe.storage.residents import Resident
from haihe.usecases.context import Context
from haihe.usecases.import_records import import_records
from haihe.usecases.objections import file_objection
from haihe.usecases.staff_login import Role
from tests.builders import Builders, id_number
from tests.conftest import Clock
from tests.pages.conftest import Opener, picture
from tests.pages.official import official, sound

pytestmark = pytest.mark.browser


@pytest.fixture
def objection(ctx: Context, a: Builders, clock: Clock) -> int:
    """One that is about to be overdue, and one of today."""
    resident = a.resident()
    record = a.record(resident, "D03", level="区级", document_no="津文明〔2026〕12号", issuer="市文明办")
    filed = file_objection(ctx, resident, record, "应为市级道德模范。\n证书号 2026-08。", ctx.now()).id
    clock.forward(days=6)
    other = a.record(resident, "B14", document_no="津罚1号", severity="一般")
    file_objection(ctx, resident, other, "这张罚单不是我的", ctx.now())
    return filed


def test_an_officer_answers_an_objection_in_time(open_page: Opener, ctx: Context, objection: int) -> None:
    officer = official(open_page, ctx, Role.OBJECTION_OFFICER)
    sound(officer, "home-officer")
    officer.get_by_role("link", name="项异议时间已过八成").click()
    sound(officer, "cases-urgent")
    officer.get_by_role("link", name="全部在办").click()
    sound(officer, "cases")
    officer.get_by_role("link", name=f"第 {objection} 号").click()
    officer.get_by_role("button", name="由我经办").click()
    officer.get_by_label("向来源部门询问").fill("请核对评定级别与证书号。")
    officer.get_by_role("button", name="发给").click()
    officer.get_by_label("部门来函的内容").fill("经核对，确为市级。")
    officer.get_by_label("来函文号").fill("津文函〔2026〕8号")
    officer.get_by_role("button", name="记下回复").click()
    sound(officer, "case")
    officer.get_by_label("更正：").check()
    officer.get_by_label("理由", exact=True).fill("经向来源部门核实，应为市级。")
    officer.get_by_role("button", name="提交决定").click()
    expect(officer.get_by_text("请写明更正后的内容")).to_be_visible()
    expect(officer.get_by_label("理由", exact=True)).to_have_value("经向来源部门核实，应为市级。")
    sound(officer, "case-wrong")
    officer.get_by_label("级别").select_option("市级")
    officer.get_by_role("button", name="提交决定").click()
    expect(officer.get_by_role("heading", name="决定", exact=True)).to_be_visible()
    sound(officer, "case-answered")
    officer.get_by_role("link", name="给居民的答复函").click()
    sound(officer, "case-letter")
    officer.get_by_label("为什么需要").fill("居民要求纸面答复")
    officer.get_by_role("button", name="显示全名").click()
    expect(officer.get_by_text("测试居民1")).to_be_visible()
    officer.emulate_media(media="print")
    picture(officer, "console-case-letter-print")


def test_an_auditor_follows_a_line_to_the_file_it_came_from(
    open_page: Opener, ctx: Context, a: Builders
) -> None:
    resident = a.resident()
    header = "record_no,indicator,id_type,id_number,name,occurred_on,quantity\n"
    line = f"R1,D01,RESIDENT,{id_number(1)},测试居民1,2026-10-01,20\n"
    db.session.get_one(Resident, resident).id_number_index = ctx.vault.index(
        f"RESIDENT:{id_number(1)}", "id_number"
    )
    db.session.commit()
    file = io.BytesIO((header + line).encode())
    import_records(ctx, a.source("volunteers"), "志愿服务-2026-10.csv", file, ctx.now(), "t")
    auditor = official(open_page, ctx, Role.AUDITOR)
    auditor.get_by_role("link", name="居民").click()
    sound(auditor, "people")
    auditor.get_by_label("用途").select_option(label="审计检查")
    auditor.get_by_label("依据").fill("审计通知〔2026〕3 号")
    auditor.get_by_label("证件号码").fill("120100199005040015")
    auditor.get_by_role("button", name="查看").click()
    expect(auditor.get_by_label("依据")).to_have_value("审计通知〔2026〕3 号")
    sound(auditor, "people-wrong")
    auditor.get_by_label("证件号码").fill(id_number(1))
    auditor.get_by_role("button", name="查看").click()
    expect(auditor.get_by_text("志愿服务-2026-10.csv 第 2 行")).to_be_visible()
    sound(auditor, "person")
    auditor.get_by_role("link", name="R1").first.click()
    expect(auditor.get_by_text("志愿服务-2026-10.csv")).to_be_visible()


def test_an_auditor_reads_the_trail_and_verifies_it(open_page: Opener, ctx: Context, objection: int) -> None:
    officer = official(open_page, ctx, Role.OBJECTION_OFFICER)
    officer.goto(f"/console/cases/{objection}")
    officer.get_by_role("button", name="由我经办").click()
    auditor = official(open_page, ctx, Role.AUDITOR)
    auditor.get_by_role("link", name="审计", exact=True).click()
    auditor.get_by_label("对谁、对什么").fill(f"objection:{objection}")
    auditor.get_by_role("button", name="查阅").click()
    auditor.get_by_text("展开").first.click()
    sound(auditor, "audit")
    auditor.get_by_role("button", name="校验审计链").click()
    expect(auditor.get_by_text("全部相符")).to_be_visible()
    sound(auditor, "audit-verified")
