"""A member of the staff of any role, logged in as in life."""

from __future__ import annotations

import pyotp
from flask.testing import FlaskClient

from haihe.usecases.context import Context
from haihe.usecases.staff_login import Role, create_staff
from tests.conftest import Clock

SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
PASSWORD = "correct horse battery"


def logged_in(ctx: Context, client: FlaskClient, clock: Clock, role: Role) -> dict[str, str]:
    """The headers of somebody with this role for the whole city; their name is the role's."""
    create_staff(ctx, role.value, PASSWORD, SECRET, role, [], ctx.now(), "operator:test")
    code = pyotp.TOTP(SECRET).generate_otp(int(clock.now.timestamp()) // 30)
    body = {"username": role.value, "password": PASSWORD, "totp": code}
    return {"Authorization": f"Bearer {client.post('/v1/admin/login', json=body).json['token']}"}
