"""The keeper: keeps Redis in step with PostgreSQL, and vouches for it only while it is.

Redis is believed for one second at a time, counted from the beginning of the keeper's turn. In between the keeper lets
Redis decide about passes (see storage/trust.py) and makes good whatever Redis could not be told of; only then does it
vouch. So a Redis that was away, stood still or was restarted costs speed, never a wrong or stale yes.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from haihe.cache.copies import VOUCHED_MS, CacheDown
from haihe.domain.passes import ANSWER_HOLDS, HeldPass
from haihe.storage.copies import copies_renewed, generation, let_go_of_renewed, renew_all_again, stale_copies
from haihe.storage.db import db, transaction
from haihe.storage.passes import mark_told, tell_all_again, untold_passes
from haihe.storage.trust import database_time, let_redis_decide
from haihe.usecases.context import Context
from haihe.usecases.gather_facts import renew_copies
from haihe.usecases.journal import READER, take_over_journal

AT_ONCE = 2000
ADOPTED_AFTER_MS = 5000
# Redis writes what it is told to disk within a second; twice that and more is safe.
SAFE_AFTER = timedelta(seconds=5)


class Keeper:
    """One turn is a few milliseconds of work; `flask worker` takes one every quarter of a second."""

    def __init__(self, ctx: Context) -> None:
        self.ctx = ctx
        self.known_servers: frozenset[str] = frozenset()

    def turn(self, at: datetime) -> bool:
        """Make good, vouch, take over, renew; False if Redis does not answer. Safe to run beside another keeper."""
        try:
            # Both clocks are read before anything else: the voucher ends a second after this, and the time for which
            # Redis decides ends no sooner.
            until_ms = self.ctx.copies.now_ms() + VOUCHED_MS
            until = database_time() + timedelta(milliseconds=VOUCHED_MS)
            self._meet_redis(at)
            number = generation()
            with transaction():
                let_redis_decide(until)
            # Whoever was claiming a pass in PostgreSQL has done so by now, and nobody begins to: Redis is told.
            if self._make_good(at):
                self.ctx.copies.vouch(number, until_ms)
            take_over_journal(self.ctx)
            self._renew(stale_copies(AT_ONCE), at)
            with transaction():
                let_go_of_renewed(at - SAFE_AFTER)
        except CacheDown:
            self.known_servers = frozenset()
            return False
        finally:
            db.session.remove()
        return True

    def _meet_redis(self, at: datetime) -> None:
        """A Redis not seen before, or seen again after an outage, is told once more what it may have forgotten."""
        servers = self.ctx.copies.servers()
        if servers == self.known_servers:
            return
        self.ctx.copies.open_journal()
        self.ctx.copies.adopt_journal(READER, ADOPTED_AFTER_MS)
        take_over_journal(self.ctx)
        with transaction():
            renew_all_again()
            tell_all_again(at - ANSWER_HOLDS)
        self.known_servers = servers

    def _make_good(self, at: datetime) -> bool:
        """Tell Redis of the changes that it could not be told of at the time; True when none are left."""
        unforgotten = stale_copies(AT_ONCE, unforgotten_only=True)
        self._renew(unforgotten, at)
        untold = untold_passes(AT_ONCE)
        for state in untold:
            if not state.ended:
                self.ctx.copies.store_pass(state.code_hash, state.held, keep_pass_ms(state.held, at))
        self.ctx.copies.end_passes([state.code_hash for state in untold if state.ended])
        if untold:
            with transaction():
                mark_told(untold)
        return len(unforgotten) < AT_ONCE and len(untold) < AT_ONCE

    def _renew(self, versions: list[tuple[int, int]], at: datetime) -> None:
        if not versions:
            return
        renew_copies(self.ctx, [resident_id for resident_id, _version in versions], at)
        with transaction():
            copies_renewed(versions, at)


def keep_pass_ms(held: HeldPass, at: datetime) -> int:
    """For how long Redis holds a pass: while it may be shown, and while the answer to it holds."""
    shown_ms = max(held.expires_ms - int(at.timestamp() * 1000), 0)
    return shown_ms + int(ANSWER_HOLDS.total_seconds() * 1000)
