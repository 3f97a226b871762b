"""`flask staff …`: the first accounts of an office that has none yet; all others are opened and confirmed at the console."""

from __future__ import annotations

import click
import pyotp
from flask.cli import AppGroup

from haihe.cli.rules import OPERATOR
from haihe.domain.errors import HaiheError
from haihe.usecases.staff_accounts import draw_password
from haihe.usecases.staff_login import Role, create_staff
from haihe.web.context import context

group = AppGroup("staff", help="管理人员账号")


@group.command("open")
@click.argument("username")
@click.option("--role", type=click.Choice([r.value for r in Role]), required=True, help="岗位")
def open_account(username: str, role: str) -> None:
    """开立一个立即可用的全市账号，印出密码与动态口令密钥（只此一次）。建站时用它开立系统管理员与安全管理员各一名。"""
    ctx = context()
    password, secret = draw_password(), pyotp.random_base32()
    try:
        create_staff(ctx, username, password, secret, role, [], ctx.now(), OPERATOR, first=True)
    except HaiheError as error:
        raise click.ClickException(error.detail) from error
    click.echo(f"用户名 {username}\n首次密码 {password}（登录后须先修改）\n动态口令密钥 {secret}")
