"""A member of the staff at the console, without a browser: through the login page as in life, and forms sent as a page sends them."""

from __future__ import annotations

import re
from collections.abc import Iterable

import pyotp
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from haihe.usecases.context import Context
from haihe.usecases.staff_login import Role, create_staff
from tests.web.admin.staff import PASSWORD, SECRET

TOKEN = re.compile(r'name="form_token" value="([0-9a-f]+)"')


class Desk:
    """Somebody's browser on the console."""

    def __init__(self, client: FlaskClient) -> None:
        self.client = client

    def get(self, path: str) -> TestResponse:
        """A page."""
        return self.client.get(path)

    def send(self, path: str, data: dict[str, str] | None = None, page: str = "/console") -> TestResponse:
        """A form of the page, sent to `path`."""
        token = TOKEN.search(self.client.get(page).text)
        assert token is not None
        return self.client.post(path, data={"form_token": token[1], **(data or {})})


def desk(app: Flask, ctx: Context, role: Role, username: str = "", districts: Iterable[str] = ()) -> Desk:
    """Open an account with this role (its name is the role's unless another is given) and log in."""
    name = username or role.value
    create_staff(ctx, name, PASSWORD, SECRET, role, list(districts), ctx.now(), "operator:test")
    found = Desk(app.test_client())
    code = pyotp.TOTP(SECRET).generate_otp(int(ctx.now().timestamp()) // 30)
    answer = found.send(
        "/console/login", {"username": name, "password": PASSWORD, "totp": code}, "/console/login"
    )
    assert answer.status_code == 303
    return found
