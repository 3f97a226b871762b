"""A bar for work on the whole city: how far, how fast, how long yet."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click


@contextmanager
def watch(stage: str, length: int, unit: str) -> Iterator[Callable[[int], None]]:
    """A bar with the time left and the rate; of a stage that cannot be measured, only its name and how long it took."""
    begun = time.monotonic()
    if length <= 1:
        yield lambda _more: None
        click.echo(f"{stage}：{time.monotonic() - begun:.1f} 秒")
        return
    done = 0

    def rate(_item: object) -> str:
        return f"{done / max(time.monotonic() - begun, 0.001):,.0f} {unit}/秒"

    with click.progressbar(
        length=length, label=stage, show_eta=True, show_pos=True, item_show_func=rate
    ) as bar:

        def progress(more: int) -> None:
            nonlocal done
            done += more
            bar.update(more, stage)

        yield progress
    click.echo(f"{stage}：{done:,} {unit}，{rate(None)}")
