"""A member of the staff in a browser: through the login page as in life."""

from __future__ import annotations

import pyotp
from playwright.sync_api import Page
from sqlalchemy.orm import Session

from haihe.storage.db import db
from haihe.storage.office import Staff
from haihe.usecases.context import Context
from haihe.usecases.staff_login import Role, create_staff
from tests.web.admin.staff import PASSWORD, SECRET


def log_in(page: Page, ctx: Context, role: Role, path: str, username: str = "") -> None:
    """Open an account with this role, unless there is one of this name, log in and come to `path`."""
    name = username or role.value
    session: Session = db.session()
    if session.get(Staff, name) is None:
        create_staff(ctx, name, PASSWORD, SECRET, role, [], ctx.now(), "operator:test")
    page.goto(path)
    page.get_by_label("用户名").fill(name)
    page.get_by_label("密码").fill(PASSWORD)
    page.get_by_label("动态口令").fill(pyotp.TOTP(SECRET).at(ctx.now()))
    page.get_by_role("button", name="登录").click()
    page.wait_for_url(f"**{path}")
