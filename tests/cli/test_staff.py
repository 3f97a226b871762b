"""The first account of an office that has none yet."""

from __future__ import annotations

import re

import pyotp
from flask import Flask
from flask.testing import FlaskClient

from haihe.usecases.context import Context


def test_the_first_account_logs_in_and_must_change_its_password(
    app: Flask, ctx: Context, client: FlaskClient
) -> None:
    runner = app.test_cli_runner()
    made = runner.invoke(args=["staff", "open", "first", "--role", "system_admin"])
    assert made.exit_code == 0, made.output
    password, secret = re.findall(r"密码 (\S+?)（|密钥 (\S+)", made.output)
    body = {"username": "first", "password": password[0], "totp": pyotp.TOTP(secret[1]).at(ctx.now())}
    token = client.post("/v1/admin/login", json=body).json["token"]
    me = client.get("/v1/admin/me", headers={"Authorization": f"Bearer {token}"}).json
    assert (me["role"], me["must_change_password"]) == ("system_admin", True)
    assert runner.invoke(args=["staff", "open", "first", "--role", "auditor"]).exit_code == 1
