"""Take over scores that were computed for everybody at once, batch by batch, wherever nothing has happened since."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TypeVar

import psycopg
from psycopg.errors import DeadlockDetected, LockNotAvailable
from sqlalchemy.exc import DBAPIError

from haihe.domain.errors import HaiheError
from haihe.domain.rulebook import Rulebook
from haihe.storage.adopting_scores import apply, lay_out, lock_and_leave_out_overtaken
from haihe.storage.audit import write_audit
from haihe.storage.db import db, transaction
from haihe.usecases.context import Context, day_of
from haihe.usecases.rescore import ACCRUED, CONSENT, EXPIRED, RULE_CHANGE, bring_up_to_date

ATTEMPTS = 5
# Why a score may move although nothing has come in: in pairs, for what was gained and for what was lost.
CAUSES = (CONSENT, CONSENT, ACCRUED, EXPIRED, RULE_CHANGE, RULE_CHANGE)
# So many of those who had changed meanwhile are computed from their records in one transaction.
ONE_BY_ONE = 500
NO_ANSWER = "数据库没有应答或拒绝写入："

T = TypeVar("T")


class CannotAdopt(Exception):
    """The scores cannot be taken over any further; what has been committed stays, and a new run does the rest."""


@dataclass(frozen=True, slots=True)
class Batch:
    """What some thousands of residents came to, as the database takes it in: see `haihe.storage.adopting_scores`.

    The parts in `moves` are numbered from one in the order of `parts`, its causes in that of CAUSES.
    """

    residents: int
    scores: bytes
    parts: Sequence[str]
    moves: bytes


@dataclass(frozen=True, slots=True)
class Adopted:
    """How many totals moved, and how many residents had changed meanwhile and were computed anew instead."""

    moved: int
    overtaken: int


def note_run(ctx: Context, actor: str, rulebook: Rulebook, on: date, differing: int, taken_at: str) -> None:
    """Leave the trace of a run that is about to write."""
    try:
        with transaction():
            write_audit(
                ctx.now(),
                actor,
                "rescore_city",
                rulebook.version,
                on=on.isoformat(),
                differing=differing,
                taken_at=taken_at,
            )
    except DBAPIError as error:
        raise _went_away(error) from error


def adopt_scores(ctx: Context, rulebook: Rulebook, on: date, batch: Batch) -> Adopted:
    """Write one batch in one transaction. Whoever has changed since they were read is computed from their records.

    A deed that holds one of these residents just now is waited for, and a batch that had to wait too long is tried again.
    """
    moved, overtaken = _until_done(lambda: _adopt(ctx, rulebook, on, batch))
    for first in range(0, len(overtaken), ONE_BY_ONE):
        some = overtaken[first : first + ONE_BY_ONE]
        moved += _until_done(lambda some=some: _anew(ctx, rulebook, on, some))
    return Adopted(moved, len(overtaken))


def _until_done(write: Callable[[], T]) -> T:
    for attempt in range(1, ATTEMPTS + 1):
        try:
            with transaction():
                written = write()
            # What the batch loaded is let go of, so that memory stays that of one batch.
            db.session.expunge_all()
            return written
        except DBAPIError as error:
            if attempt == ATTEMPTS or not isinstance(error.orig, LockNotAvailable | DeadlockDetected):
                raise _went_away(error) from error
        except psycopg.Error as error:
            # COPY speaks to the driver itself, whose errors nobody has wrapped.
            raise CannotAdopt(NO_ANSWER + str(error).splitlines()[0]) from error
        except HaiheError as error:
            raise CannotAdopt(error.detail) from error
    raise AssertionError("the last attempt either returns or raises")


def _adopt(ctx: Context, rulebook: Rulebook, on: date, batch: Batch) -> tuple[int, list[int]]:
    """Returns how many totals moved, and who has changed meanwhile."""
    at = _still_right(ctx, rulebook, on)
    lay_out(batch.scores, batch.moves)
    overtaken = lock_and_leave_out_overtaken()
    return apply(on, rulebook.version, at, batch.parts, CAUSES), overtaken


def _anew(ctx: Context, rulebook: Rulebook, on: date, residents: Sequence[int]) -> int:
    return bring_up_to_date(ctx, residents, _still_right(ctx, rulebook, on))


def _still_right(ctx: Context, rulebook: Rulebook, on: date) -> datetime:
    """The present moment, if it still is that day and the rulebook in force still is this one."""
    at = ctx.now()
    if day_of(at) != on:
        raise CannotAdopt(f"已经是 {day_of(at)}，{on} 的结果不再写入")
    if ctx.rules.up_to_date().rulebook(on).version != rulebook.version:
        raise CannotAdopt(f"计算期间另有规则集生效，按 {rulebook.version} 算出的结果不再写入")
    return at


def _went_away(error: DBAPIError) -> CannotAdopt:
    if isinstance(error.orig, LockNotAvailable | DeadlockDetected):
        return CannotAdopt("有居民长时间被其他操作占用")
    return CannotAdopt(NO_ANSWER + str(error.orig).splitlines()[0])
