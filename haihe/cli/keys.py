"""`flask keys …`: signing keys and data keys."""

from __future__ import annotations

import sys

import click
from flask.cli import AppGroup

from haihe.cli.rules import OPERATOR
from haihe.domain.errors import HaiheError
from haihe.usecases.oauth_clients import revoke_client
from haihe.usecases.rotate_data_keys import KEPT, Kept, left_to_rotate, rotate_data_keys
from haihe.usecases.signing_keys import rotate_signing_key
from haihe.usecases.token_keys import SETTLES
from haihe.web.context import context

group = AppGroup("keys", help="密钥")


@group.command("rotate")
def rotate() -> None:
    """更换访问令牌的签名密钥；已发出的令牌在到期前照常有效。"""
    ctx = context()
    kid = rotate_signing_key(ctx, ctx.now(), OPERATOR)
    seconds = int(SETTLES.total_seconds())
    click.echo(f"新的签名密钥 {kid} 已公布在 /oauth/jwks，{seconds} 秒后开始签发令牌。")


@group.command("revoke-client")
@click.argument("client_id")
def revoke(client_id: str) -> None:
    """吊销一个 OAuth 客户端；它手里的令牌从下一次请求起作废。"""
    ctx = context()
    try:
        done = revoke_client(ctx, client_id, ctx.now(), OPERATOR)
    except HaiheError as error:
        raise click.ClickException(error.detail) from error
    click.echo(f"客户端 {client_id}{'已吊销' if done else '此前已吊销，未变'}。")


@group.command("rotate-data")
def rotate_data() -> None:
    """以当前数据密钥重新加密全部个人信息；可随时中断，再次运行即继续。完成后方可停用旧密钥。"""
    ctx = context()
    length = sum(left_to_rotate(ctx, kept) for kept in KEPT)
    with click.progressbar(length=length, label="重新加密", file=sys.stderr) as bar:

        def progress(_kept: Kept, rows: int) -> None:
            bar.update(rows)

        try:
            done = rotate_data_keys(ctx, ctx.now(), OPERATOR, progress)
        except HaiheError as error:
            raise click.ClickException(error.detail) from error
    told = "，".join(f"{name} {rows} 条" for name, rows in done.items())
    click.echo(f"已全部改由密钥 {ctx.vault.current} 加密：{told}。")
