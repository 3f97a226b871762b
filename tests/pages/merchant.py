"""A merchant's person at a browser: an account with both factors, and the way through the login page."""

from __future__ import annotations

from datetime import datetime

import pyotp
from playwright.sync_api import Page

from haihe.usecases.context import Context
from haihe.usecases.merchant_people import NewPerson, open_person

PASSWORD, SECRET = "correct horse battery", "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"


def person(ctx: Context, merchant_id: int, role: str = "manager", username: str = "dian-zhang") -> str:
    """Open an account; everybody has the same password and second factor."""
    open_person(ctx, merchant_id, NewPerson(username, PASSWORD, SECRET, role), ctx.now(), "operator:test")
    return username


def code_at(at: datetime, secret: str = SECRET) -> str:
    """What the authenticator app shows."""
    return pyotp.TOTP(secret).at(at)


def log_in(page: Page, ctx: Context, username: str = "dian-zhang", path: str = "/merchant") -> None:
    """Through the login page to wherever one wanted to go."""
    page.goto(path)
    page.get_by_label("用户名").fill(username)
    page.get_by_label("密码").fill(PASSWORD)
    page.get_by_label("动态口令").fill(code_at(ctx.now()))
    page.get_by_role("button", name="登录").click()
    page.wait_for_url(lambda url: "/login" not in url)
