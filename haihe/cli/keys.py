"""`flask keys …`: signing keys and data keys."""

from __future__ import annotations

import click
from flask.cli import AppGroup

from haihe.cli.rules import OPERATOR
from haihe.domain.errors import HaiheError
from haihe.usecases.oauth_clients import revoke_client
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
