"""Officials at a browser: an account with both factors, and the way through the login page."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, expect

from haihe.usecases.context import Context
from haihe.usecases.staff_login import Role, create_staff
from tests.pages.conftest import PICTURES, Opener, faults_of_access, overflow, picture, small_targets
from tests.pages.merchant import PASSWORD, SECRET, code_at

# What docs/console-guide.md shows: which picture, and how much of the page from the top.
GUIDE = {
    "scenario-refused": 1150,
    "scenario-written": 1150,
    "trial-done": 1200,
    "draft-review": 2200,
    "cases": 900,
    "case": 1500,
    "case-answered": 1100,
    "partners": 900,
    "partner-applied": 1300,
    "partner-active": 1100,
}
GUIDE_PICTURES = Path(__file__).parents[2] / "docs" / "pictures"
DESK = {"width": 1280, "height": 900}


def for_guide(name: str) -> None:
    """Keep a picture small enough to be read in the guide: made anew by HAIHE_GUIDE=1 make test ARGS="tests/pages/test_console_…"."""
    GUIDE_PICTURES.mkdir(exist_ok=True)
    with Image.open(PICTURES / f"console-{name}.png") as whole:
        top = whole.crop((0, 0, whole.width, min(whole.height, GUIDE[name]))).convert("RGB")
    small = top.resize((960, top.height * 960 // top.width), Image.Resampling.LANCZOS)
    small.quantize(48).save(GUIDE_PICTURES / f"{name}.png", optimize=True)


def official(
    open_page: Opener,
    ctx: Context,
    role: Role,
    username: str = "",
    districts: Iterable[str] = (),
    **options: object,
) -> Page:
    """A browser in which somebody with this role has just logged in; their name is the role's unless another is given."""
    name = username or role.value
    create_staff(ctx, name, PASSWORD, SECRET, role, list(districts), ctx.now(), "operator:test")
    page = open_page(**{"viewport": DESK, **options})
    log_in(page, ctx, name, PASSWORD, SECRET)
    return page


def log_in(page: Page, ctx: Context, username: str, password: str = PASSWORD, secret: str = SECRET) -> None:
    """Through the login page to the first page of the console."""
    page.goto("/console/login")
    page.get_by_label("用户名").fill(username)
    page.get_by_label("密码").fill(password)
    page.get_by_label("动态口令").fill(code_at(ctx.now(), secret))
    page.get_by_role("button", name="登录").click()
    page.wait_for_url(lambda url: "/login" not in url)


def sound(page: Page, name: str = "") -> None:
    """Nothing of the page keeps anybody out, on a desk or on a narrow screen; with a name a picture of it is kept."""
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    assert faults_of_access(page) == []
    assert small_targets(page) == []
    assert overflow(page) <= 0
    if name:
        picture(page, f"console-{name}")
        if name in GUIDE and os.environ.get("HAIHE_GUIDE"):
            for_guide(name)
    wide = page.viewport_size
    page.set_viewport_size({"width": 320, "height": 800})
    assert overflow(page) <= 0
    assert small_targets(page) == []
    assert faults_of_access(page) == []
    if name:
        picture(page, f"console-{name}-320")
    assert wide is not None
    page.set_viewport_size(wide)
