"""`flask worker`: keeps Redis in step with PostgreSQL and takes over the journal of decisions."""

from __future__ import annotations

import logging
import signal
import threading

import click
from flask.cli import with_appcontext
from sqlalchemy.exc import SQLAlchemyError

from haihe.usecases.keep_copies import Keeper
from haihe.web.context import context

TURN_SECONDS = 0.25
log = logging.getLogger(__name__)


@click.command("worker")
@with_appcontext
def worker_command() -> None:
    """保持 Redis 与数据库一致，并把判定记录写入数据库；Ctrl-C 或 SIGTERM 结束。"""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    ctx = context()
    keeper = Keeper(ctx)
    while not stop.is_set():
        try:
            keeper.turn(ctx.now())
        except SQLAlchemyError:
            # The database is away or a statement failed; nothing is vouched for until a turn succeeds.
            log.exception("this turn failed; trying again")
        stop.wait(TURN_SECONDS)
    click.echo("worker 已停止")
