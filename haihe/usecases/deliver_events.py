"""投递: events go to the merchants that wait for them, at least once, those of one order in their order.

A worker leases what is due, sends from many threads, and puts down how it went. A worker that dies leaves leases that
run out; whatever it had sent without putting it down is sent again.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select

from haihe.domain.blotting import blotted
from haihe.domain.errors import InvalidInput
from haihe.domain.webhooks import next_attempt, read_webhook_url
from haihe.storage.db import among, db, transaction
from haihe.storage.deliveries import Taken, mark_endpoints, postpone_behind, take_due
from haihe.storage.notices import Delivery, DeliveryAttempt
from haihe.usecases.context import Context, Sent
from haihe.usecases.notice_keys import Signer, notice_signer
from haihe.usecases.notice_message import message
from haihe.usecases.webhook_endpoints import host_allowed

SENDERS = 96
# One merchant has at most so many under way, so two dozen slow ones do not fill the house; those that fail, one each,
# and all of them together no more than half.
EACH = 4
SLOW_LANE = SENDERS // 2
LEASE = timedelta(seconds=30)
# An attempt begins only while enough of the lease is left for it to end within.
LATEST_START_SECONDS = 20.0
# Once one has ended, others soon will: they are put down together, for every commit waits for the disk.
GATHER_SECONDS = 0.02
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an attempt went, and when it began; `sent` is None where it was too late to begin."""

    taken: Taken
    at: datetime
    sent: Sent | None


class Deliverer:
    """One worker. Only the thread that calls it speaks to the database."""

    def __init__(self, ctx: Context, senders: int = SENDERS) -> None:
        self._ctx = ctx
        self._senders = senders
        self._pool = ThreadPoolExecutor(senders, thread_name_prefix="notice")
        self._under_way: dict[Future[Outcome], Taken] = {}

    def turn(self) -> int:
        """Put down what has ended, take and send what is due; returns how much was done."""
        ended = [future for future in self._under_way if future.done()]
        settle(self._ctx, [future.result() for future in ended])
        for future in ended:
            del self._under_way[future]
        return len(ended) + self._begin()

    @property
    def busy(self) -> bool:
        """Is anything under way?"""
        return bool(self._under_way)

    def rest(self, seconds: float) -> None:
        """Wait until something that is under way has ended, or the time is up."""
        if self._under_way:
            wait(self._under_way, seconds, FIRST_COMPLETED)
            time.sleep(GATHER_SECONDS)
        else:
            time.sleep(seconds)

    def finish(self) -> None:
        """Begin nothing more, and put down what was under way."""
        wait(self._under_way)
        settle(self._ctx, [future.result() for future in self._under_way])
        self._under_way.clear()
        self._pool.shutdown()

    def _begin(self) -> int:
        free = self._senders - len(self._under_way)
        if free == 0:
            return 0
        slow = sum(taken.slow for taken in self._under_way.values())
        at = self._ctx.now()
        with transaction():
            batch = take_due(at, at + LEASE, free, EACH, max(0, min(SLOW_LANE, self._senders // 2) - slow))
        if batch:
            signer, leased = notice_signer(self._ctx, at), time.monotonic()
            db.session.rollback()
            for taken in batch:
                self._under_way[self._pool.submit(attempt, self._ctx, signer, taken, leased)] = taken
        return len(batch)


def attempt(ctx: Context, signer: Signer, taken: Taken, leased: float) -> Outcome:
    """Try once to deliver. Runs in a thread of its own and touches no database."""
    at = ctx.now()
    if time.monotonic() - leased > LATEST_START_SECONDS:
        return Outcome(taken, at, None)
    try:
        url = read_webhook_url(taken.url, ctx.messenger.local_allowed)
        if not host_allowed(url, frozenset(taken.hosts), ctx.messenger.local_allowed):
            return Outcome(taken, at, Sent(None, "HOST_NOT_REGISTERED", 0, b""))
        headers, body = message(taken, url, signer, at)
        return Outcome(taken, at, ctx.messenger.send(url, headers, body))
    except InvalidInput:
        return Outcome(taken, at, Sent(None, "HOST_NOT_REGISTERED", 0, b""))
    except Exception:
        # One notice that cannot be made must not stop all the others; it is tried again like any other.
        log.exception("notice %s could not be sent", taken.event_id)
        return Outcome(taken, at, Sent(None, "OUR_FAULT", 0, b""))


def settle(ctx: Context, outcomes: Sequence[Outcome]) -> None:
    """Put down how these attempts went, and when each is to be tried again."""
    if not outcomes:
        return
    with transaction():
        ids = [outcome.taken.delivery_id for outcome in outcomes]
        query = select(Delivery).where(among(Delivery.id, ids)).order_by(Delivery.id).with_for_update()
        rows = {
            row.id: row
            for row in db.session.execute(query.execution_options(populate_existing=True)).scalars()
        }
        well, failing = set(), set()
        for outcome in outcomes:
            row = rows[outcome.taken.delivery_id]
            if row.leased_until == outcome.taken.leased_until:
                row.leased_until = None
            if outcome.sent is None:
                continue
            (well if outcome.sent.arrived else failing).add(row.endpoint_id)
            _put_down(row, outcome.at, outcome.sent, ctx.now())
        db.session.flush()
        if failing:
            postpone_behind(ids)
        mark_endpoints(well, failing, ctx.now())


def _put_down(row: Delivery, began: datetime, sent: Sent, at: datetime) -> None:
    row.attempts += 1
    row.first_at = row.first_at or began
    db.session.add(
        DeliveryAttempt(
            delivery_id=row.id,
            number=row.attempts,
            at=began,
            status=sent.status,
            failure=sent.failure,
            took_ms=sent.took_ms,
            excerpt=blotted(sent.excerpt),
        )
    )
    if row.state != "WAITING":
        # Dropped meanwhile, or delivered by another worker after our lease had run out.
        return
    due = None if sent.arrived else next_attempt(row.attempts, row.first_at, at)
    if due is not None:
        row.due_at = due
    else:
        row.state, row.settled_at = ("DELIVERED" if sent.arrived else "GIVEN_UP"), at
