"""Telling Redis of a change before it is committed, and what to do when Redis does not answer.

Old copies and ended passes are taken out of Redis before the commit. Where that fails, PostgreSQL notes it, so that the
keeper does not vouch for Redis until it has been done; and the deed is confirmed only when every voucher given before
has ended. So nothing that has been confirmed is ever contradicted by an answer that is given later.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from haihe.cache.copies import VOUCHED_MS, CacheDown
from haihe.storage.copies import mark_stale
from haihe.storage.db import db
from haihe.storage.passes import mark_untold
from haihe.storage.trust import seconds_redis_decides
from haihe.usecases.context import Context


def forget_copies(ctx: Context, versions: Sequence[tuple[int, int]]) -> bool:
    """Before the commit: put these residents' copies out of use and on the keeper's list; False if Redis was not told."""
    try:
        ctx.copies.forget(versions)
        told = True
    except CacheDown:
        told = False
    mark_stale(versions, forgotten=told)
    return told


def end_passes_in_redis(ctx: Context, code_hashes: Sequence[bytes]) -> bool:
    """Before the commit: take these passes, ended in this transaction, out of Redis; False if Redis was not told."""
    try:
        ctx.copies.end_passes(code_hashes)
    except CacheDown:
        mark_untold(code_hashes)
        return False
    return True


def outlast_vouchers(told: bool) -> None:
    """After the commit: where Redis was not told, wait until no voucher from before the commit can be believed."""
    if told:
        return
    left = seconds_redis_decides()
    db.session.rollback()
    time.sleep(min(max(left, 0.0), VOUCHED_MS / 1000))
