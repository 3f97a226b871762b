"""`flask city worker`: answers administrators' questions about the whole city, one at a time."""

from __future__ import annotations

import logging
import signal
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

import click
from flask.cli import with_appcontext
from sqlalchemy.exc import SQLAlchemyError

from haihe.config import read_settings
from haihe.storage.db import db
from haihe.web.context import context

TURN_SECONDS = 1.0
log = logging.getLogger(__name__)


@click.command("worker")
@with_appcontext
def worker_command() -> None:
    """逐个计算管理人员提出的全市任务（试算、报告）；Ctrl-C 或 SIGTERM 结束，没有算完的任务由下一个接着算。"""
    # The web workers import this file with the whole command line; columns are of no use to them.
    from haihe.city.working import KeptSnapshot, do_one_job

    stop = threading.Event()

    def end(*_: object) -> None:
        # Whatever is being computed is of no use half done; the next worker begins it anew.
        stop.set()
        raise KeyboardInterrupt

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    ctx, engine = context(), read_settings().city_engine
    try:
        with tempfile.TemporaryDirectory(prefix="haihe-city-worker-") as home:
            snapshots = KeptSnapshot(ctx, Path(home))
            while not stop.is_set():
                if not _turn(lambda: do_one_job(ctx, engine, Path(home), snapshots)):
                    stop.wait(TURN_SECONDS)
    except KeyboardInterrupt:
        click.echo("全市 worker 已停止")


def _turn(do: Callable[[], bool]) -> bool:
    """One job, if there is one. A database that is away is waited for."""
    try:
        return do()
    except SQLAlchemyError as error:
        log.error("没有完成，将重试：%s", type(error).__name__)
        return False
    finally:
        db.session.remove()
