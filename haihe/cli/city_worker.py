"""`flask city worker`: rescores everybody every day, and answers administrators' questions about the whole city."""

from __future__ import annotations

import logging
import signal
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import click
from flask import current_app
from flask.cli import with_appcontext
from sqlalchemy.exc import SQLAlchemyError

from haihe.city.failing import CityFailed
from haihe.config import read_settings
from haihe.domain.errors import HaiheError
from haihe.storage.db import db
from haihe.web.context import context

TURN_SECONDS = 1.0
# After a rescore that failed; questions are answered meanwhile.
REST_SECONDS = 60
log = logging.getLogger(__name__)


@click.command("worker")
@with_appcontext
def worker_command() -> None:
    """每天零点之后、或另一部规则集生效时重算全市；其余时间逐个计算管理人员提出的全市任务（试算、报告）。

    Ctrl-C 或 SIGTERM 结束，没有算完的由下一个接着算。
    """
    # The web workers import this file with the whole command line; columns are of no use to them.
    from haihe.city.working import KeptSnapshot, do_one_job, rescore_if_due

    stop = threading.Event()

    def end(*_: object) -> None:
        # Whatever is being computed is of no use half done; the next worker begins it anew.
        stop.set()
        raise KeyboardInterrupt

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    ctx, engine = context(), read_settings().city_engine
    apart = current_app._get_current_object().app_context  # type: ignore[attr-defined]
    rested = 0.0
    try:
        with tempfile.TemporaryDirectory(prefix="haihe-city-worker-") as home:
            snapshots = KeptSnapshot(ctx, Path(home))
            while not stop.is_set():
                busy = False
                if time.monotonic() >= rested:
                    try:
                        busy = _turn(lambda: rescore_if_due(ctx, engine, Path(home), apart))
                    except (CityFailed, HaiheError) as error:
                        log.error("每日重算没有完成，%d 秒后重试：%s", REST_SECONDS, error)
                        rested = time.monotonic() + REST_SECONDS
                if not _turn(lambda: do_one_job(ctx, engine, Path(home), snapshots)) and not busy:
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
