"""What may go wrong with a command, told to the operator in a sentence."""

from __future__ import annotations

import errno
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import click
from sqlalchemy.exc import SQLAlchemyError

from haihe.cache.copies import CacheDown
from haihe.city.failing import CityFailed
from haihe.domain.errors import HaiheError
from haihe.storage.db import db

LONGEST_TROUBLE = 300


@contextmanager
def told_plainly() -> Iterator[None]:
    """For the whole city's commands: nothing of theirs is left half done, and so each may be run again.

    Being told to end (SIGTERM, as a timer does) is like Ctrl-C: files that were only needed meanwhile are taken away.
    """
    with _ended_as_by_hand():
        try:
            with _letting_go():
                yield
        except HaiheError as error:
            raise click.ClickException(error.detail) from error
        except CityFailed as error:
            raise click.ClickException(str(error)) from error
        except CacheDown as error:
            raise click.ClickException(f"Redis 没有应答，已中断；恢复后请再次运行。（{error}）") from error
        except SQLAlchemyError as error:
            why = in_one_line(error)
            raise click.ClickException(f"数据库没有应答或拒绝了请求；恢复后请再次运行。（{why}）") from error
        except OSError as error:
            why = "磁盘已满" if error.errno == errno.ENOSPC else str(error)
            raise click.ClickException(f"无法读写文件，已中断；改正后请再次运行：{why}") from error
        except KeyboardInterrupt as error:
            raise click.ClickException("已中断，没有留下写了一半的内容；再次运行即可") from error


@contextmanager
def _letting_go() -> Iterator[None]:
    """After a failure the connection to the database is dropped: it may be a broken one, which cannot even be rolled back."""
    try:
        yield
    except BaseException:
        db.session().invalidate()
        raise


@contextmanager
def _ended_as_by_hand() -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def in_one_line(error: SQLAlchemyError) -> str:
    """What went wrong, without the statement and without the data in it."""
    cause = getattr(error, "orig", None) or error
    lines = str(cause).strip().splitlines() or [""]
    return f"{type(cause).__name__}: {lines[0]}"[:LONGEST_TROUBLE]
