"""`flask webhooks …`: the worker that delivers notices, the hosts they may go to, and the key that signs them."""

from __future__ import annotations

import logging
import signal
import threading
from datetime import timedelta

import click
from flask.cli import AppGroup
from sqlalchemy.exc import SQLAlchemyError

from haihe.cli.rules import OPERATOR
from haihe.cli.trouble import in_one_line
from haihe.cli.worker import PASSING
from haihe.domain.errors import HaiheError
from haihe.usecases.context import day_of
from haihe.usecases.deliver_events import Deliverer
from haihe.usecases.delivery_log import forget_old_deliveries
from haihe.usecases.make_statements import make_statements
from haihe.usecases.notice_keys import SETTLES, rotate_notice_key
from haihe.usecases.webhook_endpoints import register_webhook_host, withdraw_webhook_host
from haihe.web.context import context

REST_SECONDS = 0.2
TROUBLED_SECONDS = 1.0
# What was begun before midnight has been committed by then.
STATEMENTS_AFTER = timedelta(minutes=10)
log = logging.getLogger(__name__)
group = AppGroup("webhooks", help="商户通知")


@group.command("deliver")
def deliver() -> None:
    """把订单的变化通知商户，每天凌晨生成对账单；可同时运行多个，Ctrl-C 或 SIGTERM 结束。"""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    ctx = context()
    deliverer, stated = Deliverer(ctx), None
    told = ""
    while not stop.is_set():
        try:
            yesterday = day_of(ctx.now() - STATEMENTS_AFTER) - timedelta(days=1)
            if yesterday != stated:
                make_statements(ctx, yesterday, ctx.now())
                while forget_old_deliveries(ctx.now()) and not stop.is_set():
                    pass
                stated = yesterday
            if deliverer.turn() == 0:
                deliverer.rest(REST_SECONDS)
        except SQLAlchemyError as error:
            trouble = in_one_line(error)
            if PASSING.sub("", trouble) != PASSING.sub("", told):
                log.error("本轮没有完成，将不断重试：%s", trouble)
            told = trouble
            stop.wait(TROUBLED_SECONDS)
        else:
            if told:
                log.warning("已恢复正常")
            told = ""
    deliverer.finish()
    click.echo("商户通知进程已停止")


@group.command("allow-host")
@click.argument("merchant_id", type=int)
@click.argument("host")
def allow_host(merchant_id: int, host: str) -> None:
    """允许把某商户的通知发往 HOST（域名，或 域名:端口）。"""
    try:
        kept = register_webhook_host(merchant_id, host, OPERATOR, context().now())
    except HaiheError as error:
        raise click.ClickException(error.detail) from error
    click.echo(f"商户 {merchant_id} 的通知可以发往 {kept}。")


@group.command("forbid-host")
@click.argument("merchant_id", type=int)
@click.argument("host")
def forbid_host(merchant_id: int, host: str) -> None:
    """不再把某商户的通知发往 HOST，从下一次尝试起生效。"""
    withdraw_webhook_host(merchant_id, host, OPERATOR, context().now())
    click.echo(f"商户 {merchant_id} 的通知不再发往 {host}。")


@group.command("rotate-key")
def rotate_key() -> None:
    """更换通知与对账单的签名密钥；旧公钥一直公布，以便核对旧的签名。"""
    ctx = context()
    kid = rotate_notice_key(ctx, ctx.now(), OPERATOR)
    click.echo(f"新的签名密钥 {kid} 已公布在 /v1/notice-keys，{int(SETTLES.total_seconds())} 秒后开始签名。")
