"""`flask worker`: keeps Redis in step with PostgreSQL, takes over the journal of decisions, and looks after orders."""

from __future__ import annotations

import logging
import re
import signal
import threading
from collections.abc import Callable
from functools import partial

import click
from flask import Flask, current_app
from flask.cli import with_appcontext
from sqlalchemy.exc import SQLAlchemyError

from haihe.cache.copies import CacheDown
from haihe.cli.trouble import in_one_line
from haihe.domain.errors import HaiheError
from haihe.storage.db import db
from haihe.usecases.batch_journal import open_batches, take_over_batches
from haihe.usecases.dashboards import count_questions
from haihe.usecases.keep_copies import Keeper
from haihe.usecases.look_after_orders import look_after_orders
from haihe.usecases.partner_health import count_uses
from haihe.usecases.reports import forget_reports
from haihe.usecases.reviewing import publish_due
from haihe.usecases.uploads import load_uploads
from haihe.usecases.withdraw_file import carry_out_withdrawals
from haihe.web.context import context

TURN_SECONDS = 0.25
ORDERS_SECONDS = 15.0
BATCHES_SECONDS = 1.0
FILES_SECONDS = 1.0
# Ports of our own side, process numbers and times differ at every try, and say nothing new.
PASSING = re.compile(r"\d+")
log = logging.getLogger(__name__)


@click.command("worker")
@with_appcontext
def worker_command() -> None:
    """保持 Redis 与数据库一致，把判定记录写入数据库，照看订单的时限；Ctrl-C 或 SIGTERM 结束。"""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    ctx = context()
    keeper = Keeper(ctx)
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
    # In a thread of its own: the keeper's quarter of a second must not wait for anybody's order.
    orders = threading.Thread(target=_look_after_orders, args=(app, stop), name="orders")
    orders.start()
    # Nor for batches: however many are waiting, the vouchers are in time.
    batches = threading.Thread(target=_take_over_batches, args=(app, stop), name="batches")
    batches.start()
    files = threading.Thread(target=_look_after_files, args=(app, stop), name="files")
    files.start()
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
    orders.join()
    batches.join()
    files.join()
    click.echo("worker 已停止")


def _look_after_orders(app: Flask, stop: threading.Event) -> None:
    """Holds that run out, reminders, records, rules whose day has come, reports kept long enough; failures are tried again."""
    with app.app_context():
        while not stop.is_set():
            try:
                ctx = context()
                look_after_orders(ctx, ctx.now(), stop=stop.is_set)
                forget_reports(ctx.now())
                publish_due(ctx, ctx.now())
            except SQLAlchemyError as error:
                log.error("订单的时限这一轮没有照看完，将重试：%s", in_one_line(error))
            except HaiheError as error:
                log.error("订单的时限这一轮没有照看完，将重试：%s", error.detail)
            finally:
                db.session.remove()
            stop.wait(ORDERS_SECONDS)


def _look_after_files(app: Flask, stop: threading.Event) -> None:
    """Files that clerks handed in, files that are withdrawn, the counts of the day; what is cut off goes on where it was."""
    with app.app_context():
        while not stop.is_set():
            ctx = context()
            _try("报送的文件", partial(load_uploads, ctx, ctx.now, stop.is_set))
            _try("文件的撤回", partial(carry_out_withdrawals, ctx, ctx.now, stop.is_set))
            _try("场景使用的统计", partial(count_uses, ctx.now()))
            _try("询问次数的统计", partial(count_questions, ctx.now()))
            stop.wait(FILES_SECONDS)


def _try(what: str, step: Callable[[], object]) -> None:
    """One step of a round. What fails is tried again at the next, and does not hold up the steps after it."""
    try:
        step()
    except SQLAlchemyError as error:
        log.error("%s这一轮没有处理完，将重试：%s", what, in_one_line(error))
    except HaiheError as error:
        log.error("%s这一轮没有处理完，将重试：%s", what, error.detail)
    finally:
        db.session.remove()


def _take_over_batches(app: Flask, stop: threading.Event) -> None:
    """Batches of decisions on their way from Redis to PostgreSQL; whatever fails is tried again at the next turn."""
    with app.app_context():
        ready = False
        while not stop.is_set():
            try:
                if not ready:
                    open_batches(context())
                ready = True
                take_over_batches(context(), BATCHES_SECONDS)
            except CacheDown:
                ready = False
            except SQLAlchemyError as error:
                log.error("成批核验的记录这一轮没有写完，将重试：%s", in_one_line(error))
            finally:
                db.session.remove()
            stop.wait(TURN_SECONDS)
