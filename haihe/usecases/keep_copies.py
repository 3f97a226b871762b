"""The keeper: keeps Redis in step with PostgreSQL, and vouches for it only while it is.

Redis is believed for one second at a time. Before each vouching the keeper makes sure that every change whose old copy
could not be put out of use has been copied since, and that this Redis is the one it knows: after an outage or a restart
it first tells Redis of every live pass. So a Redis that was away costs speed, never a wrong or stale yes.
"""

from __future__ import annotations

import logging
from datetime import datetime

from haihe.cache.copies import VOUCHED_MS, CacheDown
from haihe.domain.passes import ANSWER_HOLDS, HeldPass
from haihe.storage.copies import any_unforgotten, copies_renewed, generation, stale_copies
from haihe.storage.db import db, transaction
from haihe.storage.passes import live_passes
from haihe.usecases.context import Context
from haihe.usecases.gather_facts import renew_copies
from haihe.usecases.journal import READER, take_over_journal

RENEWED_AT_ONCE = 2000
ADOPTED_AFTER_MS = 5000
log = logging.getLogger(__name__)


class Keeper:
    """One turn is a few milliseconds of work; `flask worker` takes one every quarter of a second."""

    def __init__(self, ctx: Context) -> None:
        self.ctx = ctx
        self.known_servers: frozenset[str] = frozenset()

    def turn(self, at: datetime) -> bool:
        """Renew, take over, vouch; False if Redis does not answer. Safe to run beside another keeper."""
        try:
            self._meet_redis(at)
            # The generation is read before the copies are looked at: what changes meanwhile waits for the next turn.
            number = generation()
            self._renew_stale(at)
            take_over_journal(self.ctx)
            if not any_unforgotten():
                self.ctx.copies.vouch(number, VOUCHED_MS)
        except CacheDown:
            self.known_servers = frozenset()
            return False
        finally:
            db.session.remove()
        return True

    def _meet_redis(self, at: datetime) -> None:
        """A Redis not seen before (or after an outage) learns of the reader group and of every live pass."""
        servers = self.ctx.copies.servers()
        if servers == self.known_servers:
            return
        self.ctx.copies.open_journal()
        self.ctx.copies.adopt_journal(READER, ADOPTED_AFTER_MS)
        take_over_journal(self.ctx)
        ended = []
        for state in live_passes(since=at - ANSWER_HOLDS):
            if state.ended:
                ended.append(state.code_hash)
            else:
                self.ctx.copies.store_pass(state.code_hash, state.held, keep_pass_ms(state.held, at))
        self.ctx.copies.end_passes(ended)
        self.known_servers = servers

    def _renew_stale(self, at: datetime) -> None:
        versions = stale_copies(RENEWED_AT_ONCE)
        if not versions:
            return
        renew_copies(self.ctx, [resident_id for resident_id, _version in versions], at)
        with transaction():
            copies_renewed(versions)


def keep_pass_ms(held: HeldPass, at: datetime) -> int:
    """For how long Redis holds a pass: while it may be shown, and while the answer to it holds."""
    shown_ms = max(held.expires_ms - int(at.timestamp() * 1000), 0)
    return shown_ms + int(ANSWER_HOLDS.total_seconds() * 1000)
