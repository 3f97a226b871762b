"""Writing everybody's copies at once, a whole bucket in one step, while copies are renewed and questions asked beside it.

A copy that is older than the one held gives way, as always. But a Redis that loses its memory meanwhile loses those
newer copies too, and would then take older ones in their place for good. So before anything is read that these copies
are made of, a sign is set in every shard; a bucket is taken only where the sign still stands, in the same step.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from haihe.cache import keys, scripts
from haihe.cache.lines import FAILURES, CacheDown, Lines, all_well


class MemoryLost(Exception):
    """Redis was emptied since this run began; what it was going to write must be read anew."""


@dataclass(frozen=True, slots=True)
class Bucket:
    """Copies of one bucket: `rows` holds those of one length, each behind its field in one byte; `others` any others."""

    name: str
    rows: bytes
    others: Sequence[tuple[int, bytes]] = ()


class Filling:
    """One run, from `begin` to `end`, all in one thread. Every method raises CacheDown when Redis does not answer."""

    PATIENCE = 10.0
    # A run that was killed leaves its signs behind for so long.
    SIGN_STANDS_MS = 6 * 3_600_000

    def __init__(self, lines: Lines) -> None:
        self._lines = lines
        self._run = secrets.token_hex(8)
        self._signs = [keys.sign(shard, self._run) for shard in range(keys.SHARDS)]

    def begin(self) -> None:
        """Set the signs: what is read from here on may be written."""
        self._say([(sign, ("SET", sign, "1", "PX", self.SIGN_STANDS_MS)) for sign in self._signs])

    def fill(self, buckets: Sequence[tuple[int, Bucket]], length: int) -> int:
        """Write buckets, each with its shard; `length` is that of a copy in `rows`. Returns how many were taken."""
        runs = [
            (
                (bucket.name, self._signs[shard]),
                (length, bucket.rows, *(word for pair in bucket.others for word in pair)),
            )
            for shard, bucket in buckets
        ]
        try:
            taken = self._lines.run_all(scripts.FILL, runs, unbroken=True)
        except FAILURES as error:
            raise CacheDown(str(error)) from error
        if min(taken, default=0) < 0:
            raise MemoryLost
        return sum(taken)

    def end(self) -> None:
        """Take the signs away."""
        self._say([(sign, ("DEL", sign)) for sign in self._signs])

    def _say(self, commands: Sequence[tuple[str, tuple[object, ...]]]) -> None:
        try:
            all_well(self._lines.say_all(commands))
        except FAILURES as error:
            raise CacheDown(str(error)) from error
