"""`flask city warm`: a Redis that has lost everything is filled again, while serving goes on."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import click
from flask.cli import with_appcontext

from haihe.cli.trouble import told_plainly
from haihe.cli.watching import watch
from haihe.web.context import context


@click.command("warm")
@with_appcontext
@click.option(
    "--temporary",
    type=click.Path(exists=True, file_okay=False, writable=True, path_type=Path),
    default=Path(tempfile.gettempdir()),
    help="中间文件放在哪个目录下（一千四百万人约需 4 GB，用完即删）",
)
def warm_command(temporary: Path) -> None:
    """预热：把全体已加入居民的副本写入 Redis；期间照常核验，随时可以中断，再次运行即可。"""
    # The web workers import this file with the whole command line; columns are of no use to them.
    from haihe.city.warm import warm

    begun = time.monotonic()
    with told_plainly():
        warmed = warm(context(), temporary, _watch)
    newer = warmed.made - warmed.taken
    kept = f"；其中 {newer:,} 份在 Redis 中已有更新的，予以保留" if newer else ""
    click.echo(f"已预热 {warmed.made:,} 位居民，共用 {time.monotonic() - begun:.1f} 秒{kept}")


def _watch(stage: str, length: int) -> AbstractContextManager[Callable[[int], None]]:
    return watch(stage, length, "条")
