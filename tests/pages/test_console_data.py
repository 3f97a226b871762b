"""数据页 in a real browser, at a desk and on a phone."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from haihe.storage.db import db, transaction
from haihe.storage.records import Source
from haihe.usecases.context import Context
from haihe.usecases.staff_login import Role
from haihe.usecases.uploads import load_uploads
from haihe.usecases.withdraw_file import carry_out_withdrawals
from tests.builders import Builders
from tests.pages.conftest import Opener
from tests.pages.official import official, sound
from tests.usecases.test_import_records import LI, WANG, csv_of, line
from tests.usecases.test_quarantine import WRONG, load

pytestmark = pytest.mark.browser


@pytest.fixture
def held(ctx: Context, a: Builders) -> int:
    """A file with one good line and two that are not, of a source that is late."""
    with transaction():
        db.session.add(Source(code="late", name="市水务局", indicators=[], expected_days=7))
    good = line("R1", number=LI)
    wrong = [line("R2", number=WRONG), line("R3", occurred_on="昨天")]
    return load(ctx, csv_of(good, *wrong), a.source()).import_id


def test_every_page_is_sound(open_page: Opener, ctx: Context, held: int) -> None:
    page = official(open_page, ctx, Role.DATA_CLERK)
    paths = {
        "data": "",
        "sources": "/sources",
        "source-new": "/sources/new",
        "source": "/sources/late",
        "import": f"/imports/{held}",
        "line": f"/imports/{held}/lines/3",
        "uploads": "/uploads",
        "withdrawals": "/withdrawals",
        "withdrawal-new": f"/imports/{held}/withdrawal",
        "records": "/records",
        "record": "/records/1",
    }
    for name, path in paths.items():
        page.goto(f"/console/data{path}")
        sound(page, name)


def test_a_clerk_puts_a_line_right_with_the_keyboard(open_page: Opener, ctx: Context, held: int) -> None:
    page = official(open_page, ctx, Role.DATA_CLERK)
    page.goto(f"/console/data/imports/{held}")
    page.get_by_role("link", name="3", exact=True).click()
    page.get_by_label("证件号码").fill(WANG)
    page.get_by_label("证件号码").press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("请写明依据")
    expect(page.get_by_label("证件号码")).to_have_value(WANG)
    sound(page, "line-wrong")
    page.get_by_label("依据").fill("来源部门 11 月 20 日复函")
    page.get_by_role("button", name="核对无误，入库").click()
    expect(page.get_by_role("status")).to_contain_text("1 行入库")
    expect(page.get_by_text("新增 2，变更 0，未变 0，退回 1")).to_be_visible()


def test_a_secret_is_shown_once(open_page: Opener, ctx: Context, held: int) -> None:
    page = official(open_page, ctx, Role.DATA_CLERK)
    page.goto("/console/data/sources/late")
    page.get_by_role("button", name="生成新凭据").click()
    expect(page.get_by_text("只在这里显示这一次")).to_be_visible()
    sound(page, "secret")
    secret = page.locator("#secret").inner_text()
    page.goto("/console/data/sources/late")
    expect(page.get_by_text(secret)).to_have_count(0)


def test_a_file_goes_in_and_comes_out_again(open_page: Opener, ctx: Context, held: int) -> None:
    page = official(open_page, ctx, Role.DATA_CLERK)
    page.goto("/console/data/uploads")
    page.get_by_label("来源").select_option("late")
    page.get_by_label("文件", exact=True).set_input_files(
        {"name": "补报.csv", "mimeType": "text/csv", "buffer": csv_of(line("U1"))}
    )
    page.get_by_role("button", name="上传").click()
    expect(page.get_by_role("status")).to_contain_text("等待导入")
    sound(page, "upload")
    load_uploads(ctx, ctx.now)
    page.get_by_role("link", name="看导入结果").click()
    page.get_by_role("link", name="提出整份撤回").click()
    page.get_by_label("为什么撤回").fill("报错了年份")
    page.get_by_role("button", name="提出撤回").click()
    expect(page.get_by_text("须由另一位同事批准")).to_be_visible()
    approver = official(open_page, ctx, Role.APPROVER)
    approver.get_by_role("link", name="份文件待批准撤回").click()
    sound(approver, "withdrawals-waiting")
    approver.get_by_role("link", name="文件 2").click()
    sound(approver, "withdrawal")
    approver.get_by_role("button", name="批准撤回").click()
    expect(approver.get_by_role("status")).to_contain_text("已处理 0 条")
    sound(approver, "withdrawal-under-way")
    carry_out_withdrawals(ctx, ctx.now)
    expect(approver.get_by_text("1 条不再有效")).to_be_visible()
    sound(approver, "withdrawal-done")
