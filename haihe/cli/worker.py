"""`flask worker`: keeps Redis in step with PostgreSQL and takes over the journal of decisions."""

from __future__ import annotations

import logging
import re
import signal
import threading

import click
from flask.cli import with_appcontext
from sqlalchemy.exc import SQLAlchemyError

from haihe.usecases.keep_copies import Keeper
from haihe.web.context import context

TURN_SECONDS = 0.25
LONGEST_TROUBLE = 300
# Ports of our own side, process numbers and times differ at every try, and say nothing new.
PASSING = re.compile(r"\d+")
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
    told = ""
    while not stop.is_set():
        try:
            keeper.turn(ctx.now())
        except SQLAlchemyError as error:
            # The database is away or a statement failed; nothing is vouched for until a turn succeeds. A night without
            # the database is one line, not a hundred thousand.
            trouble = in_one_line(error)
            if PASSING.sub("", trouble) != PASSING.sub("", told):
                log.error("本轮没有完成，将不断重试：%s", trouble)
            told = trouble
        else:
            if told:
                log.warning("已恢复正常")
            told = ""
        stop.wait(TURN_SECONDS)
    click.echo("worker 已停止")


def in_one_line(error: SQLAlchemyError) -> str:
    """What went wrong, without the statement and without the data in it."""
    cause = getattr(error, "orig", None) or error
    lines = str(cause).strip().splitlines() or [""]
    return f"{type(cause).__name__}: {lines[0]}"[:LONGEST_TROUBLE]
