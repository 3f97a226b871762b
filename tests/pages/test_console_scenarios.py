"""场景 as officials open them: two people with two roles, from an empty form to a merchant's yes."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from haihe.city.working import KeptSnapshot, do_one_job
from haihe.storage.db import db
from haihe.storage.drafts import Draft
from haihe.usecases.city_jobs import tell_progress
from haihe.usecases.context import Context
from haihe.usecases.staff_login import Role
from tests.builders import Builders
from tests.pages.conftest import Opener, picture
from tests.pages.merchant import log_in as log_in_shop
from tests.pages.merchant import person
from tests.pages.official import official, sound

pytestmark = [
    pytest.mark.browser,
    pytest.mark.usefixtures("rules_as_shipped"),
    pytest.mark.filterwarnings("ignore:fetch_(arrow_table|record_batch)\\(\\) is deprecated"),
]
CASE = """name: 有 650 分的成年人可以免押租借
scenario: XYZ-18
day: 2026-12-01
facts: {points: 650}
outcome: 可以
merchant_code: OK
offer: 免押租借讲解器
"""


def fill(editor: Page, **fields: str) -> None:
    for label, said in fields.items():
        editor.get_by_label(label.replace("_", "，"), exact=True).fill(said)


def begin(editor: Page, code: str = "XYZ-18") -> None:
    editor.goto("/console/scenarios")
    editor.get_by_label("新场景的代码").fill(code)
    editor.get_by_role("button", name="起草新场景").click()
    expect(editor.get_by_role("heading", name=f"起草 {code}")).to_be_visible()


def write(editor: Page, points: str = "600") -> None:
    fill(
        editor,
        名称="信易游·景区免押租借",
        牵头部门="市文化和旅游局",
        商户类别="景区",
        给什么="免押租借讲解器",
        开始日期="2026-11-01",
        法律依据="只给优惠，不设惩戒。",
        个人信息保护影响评估编号="PIA-2026-18",
        不用积分时怎样办="交纳押金后即可租借，归还时退还。",
    )
    editor.get_by_label("单笔最高（元）").fill("199.50")
    editor.get_by_label("领域").select_option("旅游")
    editor.get_by_label("优惠类型").select_option("DEPOSIT_WAIVER")
    if not editor.get_by_label("海河分不低于", exact=True).count():
        editor.get_by_label("要加的条件").first.select_option("points_at_least")
        editor.get_by_role("button", name="加一条", exact=True).first.click()
    editor.get_by_label("海河分不低于", exact=True).fill(points)


def press(page: Page, button: str) -> None:
    page.get_by_role("button", name=button, exact=True).click()


def test_a_new_benefit_from_an_empty_form_to_a_merchants_yes(
    open_page: Opener, ctx: Context, a: Builders, tmp_path: Path
) -> None:
    visitor = a.resident()
    for indicator, more in (("A01", {"level": "L3"}), ("D01", {"quantity": 80}), ("D02", {"level": "市级"})):
        a.record(visitor, indicator, **more)
    for _ in range(25):
        a.resident()
    merchant_id = a.merchant("XYZ-18").merchant_id
    person(ctx, merchant_id, "cashier", "dian-yuan")

    editor = official(open_page, ctx, Role.SCENARIO_EDITOR)
    editor.goto("/console/golden-cases")
    editor.get_by_label("案例（YAML）").fill(CASE)
    press(editor, "保存案例")
    expect(editor.get_by_role("cell", name="有 650 分的成年人可以免押租借")).to_be_visible()
    sound(editor, "golden-cases")

    begin(editor)
    sound(editor, "scenario-empty")
    fill(editor, 名称="急诊优先·免排队")
    editor.get_by_label("单笔最高（元）").fill("很多")
    press(editor, "保存并提交审批")
    expect(editor.get_by_role("alert")).to_contain_text("处需要修改")
    expect(editor.get_by_label("单笔最高（元）")).to_have_value("很多")
    expect(editor.get_by_label("名称", exact=True)).to_have_value("急诊优先·免排队")
    sound(editor, "scenario-refused")
    write(editor)
    press(editor, "保存")
    expect(editor.get_by_text("海河分不低于 600 分")).to_be_visible()
    sound(editor, "scenario-written")

    press(editor, "保存并在全市试算")
    expect(editor.get_by_role("status")).to_contain_text("等待计算")
    job = db.session.query(Draft).one().city_job_id
    assert job is not None
    tell_progress(job, 0.4, "计算每个人的积分")
    editor.reload()
    expect(editor.get_by_role("status")).to_contain_text("40%")
    picture(editor, "console-trial-running")
    assert do_one_job(ctx, "duckdb", tmp_path, KeptSnapshot(ctx, tmp_path)) is True
    expect(editor.get_by_text("人新增")).to_be_visible()
    sound(editor, "trial-done")
    editor.get_by_role("link", name="回到草稿").click()
    press(editor, "保存并提交审批")
    expect(editor.get_by_text("待审批")).to_be_visible()

    approver = official(open_page, ctx, Role.APPROVER)
    approver.get_by_role("link", name="份草稿待您审批").click()
    sound(approver, "scenarios")
    approver.get_by_role("link", name="XYZ-18 信易游").click()
    expect(approver.get_by_text("标准案例全部相符")).to_be_visible()
    approver.get_by_label("积分").fill("590")
    approver.get_by_role("button", name="试一试").click()
    expect(approver.get_by_text("还差 10 分")).to_be_visible()
    sound(approver, "draft-review")
    press(approver, "批准")
    expect(approver.get_by_text("已发布")).to_be_visible()
    approver.goto("/console/scenarios/XYZ-18")
    sound(approver, "scenario")

    counter = open_page()
    log_in_shop(counter, ctx, "dian-yuan")
    counter.get_by_label("或输入信用码").fill(a.shown_pass(visitor, "XYZ-18"))
    press(counter, "核验")
    expect(counter.get_by_role("heading", name="可以")).to_be_visible()


def test_criteria_are_built_by_keyboard_without_script_and_read_back(open_page: Opener, ctx: Context) -> None:
    editor = official(open_page, ctx, Role.SCENARIO_EDITOR, java_script_enabled=False)
    begin(editor)

    def add(kind: str, place: int = -1) -> None:
        adders = editor.get_by_label("要加的条件")
        chosen = adders.nth(place) if place >= 0 else adders.last
        chosen.focus()
        chosen.select_option(label=kind)
        editor.keyboard.press("Tab")
        editor.keyboard.press("Enter")

    add("海河分不低于")
    add("以下满足任一")
    add("年龄在…之间", 0)
    add("已核实的资格", 0)
    nest = editor.get_by_label("套进哪种组")
    nest.last.focus()
    nest.last.select_option(label="不属于以下情形")
    editor.keyboard.press("Tab")
    editor.keyboard.press("Enter")
    expect(editor.get_by_role("status")).to_contain_text("海河分不低于 600 分")
    expect(editor.get_by_role("status")).to_contain_text("不属于")
    picture(editor, "console-criteria")
    # axe needs scripts of its own; the same page is looked at in a browser that has them.
    other = official(open_page, ctx, Role.SCENARIO_EDITOR, "another-editor")
    other.goto("/console/drafts/1")
    sound(other, "criteria")
    held = db.session.query(Draft).one().written["criteria"]["all"]
    assert [next(iter(one)) for one in held] == ["points_at_least", "any"]
    assert [next(iter(one)) for one in held[1]["any"]] == ["age_between", "not"]


def test_of_two_who_edit_at_once_the_second_sees_both_and_decides(open_page: Opener, ctx: Context) -> None:
    first = official(open_page, ctx, Role.SCENARIO_EDITOR)
    second = official(open_page, ctx, Role.SCENARIO_EDITOR, "another-editor")
    begin(first)
    write(first)
    press(first, "保存")
    second.goto("/console/scenarios")
    second.get_by_role("link", name="XYZ-18 信易游").click()
    first.get_by_label("海河分不低于", exact=True).fill("620")
    press(first, "保存")
    expect(first.get_by_text("海河分不低于 620 分")).to_be_visible()
    second.get_by_label("海河分不低于", exact=True).fill("580")
    press(second, "保存")
    expect(second.get_by_role("alert")).to_contain_text("也改动了这份草稿")
    expect(second.get_by_role("region", name="逐项对照")).to_contain_text("海河分不低于 620 分")
    sound(second, "conflict")
    press(second, "保存")
    expect(second.get_by_text("海河分不低于 580 分")).to_be_visible()
    first.reload()
    expect(first.get_by_label("海河分不低于", exact=True)).to_have_value("580")


def test_a_rulebook_change_is_stopped_by_a_case_mended_approved_and_announced(
    open_page: Opener, ctx: Context, a: Builders
) -> None:
    editor = official(open_page, ctx, Role.SCENARIO_EDITOR)
    approver = official(open_page, ctx, Role.APPROVER)
    editor.goto("/console/golden-cases")
    editor.get_by_label("案例（YAML）").fill(
        "name: 实名得十分\nrecords:\n- {indicator: A01, occurred_on: 2026-01-10, level: L3}\n"
        "days:\n- {day: 2026-06-15, total: 510, grade: 一般, lines: {A01: 10}}\n"
    )
    press(editor, "保存案例")
    editor.get_by_role("link", name="规则集").click()
    editor.get_by_label("新规则集的版本号").fill("HH-2027.1")
    press(editor, "起草新规则集")
    box = editor.get_by_label("规则集内容（YAML）")
    good = box.input_value().replace("in_force_from: '2026-01-01'", "in_force_from: '2027-01-01'")
    box.fill(good.replace("L3: 10", "L3: 十"))
    press(editor, "保存并提交审批")
    expect(editor.get_by_role("alert")).to_contain_text("第 ")
    sound(editor, "rulebook-refused")
    box.fill(good.replace("L3: 10", "L3: 8"))
    press(editor, "保存并提交审批")
    expect(editor.get_by_text("待审批")).to_be_visible()

    approver.goto("/console/rulebooks")
    approver.get_by_role("link", name="HH-2027.1").click()
    expect(approver.get_by_role("alert")).to_contain_text("1 个不符")
    expect(approver.get_by_role("region", name="不符之处")).to_contain_text("+8")
    expect(approver.get_by_text("+      L3: 8")).to_be_visible()
    expect(approver.get_by_role("button", name="批准", exact=True)).to_have_count(0)
    sound(approver, "rulebook-stopped")
    approver.get_by_label("退回的理由").fill("实名认证仍应得十分")
    press(approver, "退回修改")
    expect(approver.get_by_text("已退回")).to_be_visible()

    editor.goto("/console")
    editor.get_by_role("link", name="份草稿被退回").click()
    editor.goto("/console/rulebooks")
    editor.get_by_role("link", name="HH-2027.1").click()
    expect(editor.get_by_text("实名认证仍应得十分")).to_be_visible()
    box.fill(good)
    press(editor, "保存并提交审批")
    expect(editor.get_by_text("待审批")).to_be_visible()
    approver.reload()
    press(approver, "批准")
    expect(approver.get_by_text("已批准，待生效")).to_be_visible()
    approver.goto("/console/rulebooks")
    expect(approver.get_by_text("居民首页已预告")).to_be_visible()
    sound(approver, "rulebooks")
