"""Take over scores that were computed for everybody at once, batch by batch, wherever nothing has happened since."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from psycopg.errors import DeadlockDetected, LockNotAvailable
from sqlalchemy import select
from sqlalchemy.exc import DBAPIError

from haihe.domain.errors import HaiheError
from haihe.domain.rulebook import Rulebook
from haihe.storage.copies import lock_residents
from haihe.storage.db import db, transaction
from haihe.storage.office import write_audit
from haihe.storage.residents import Resident
from haihe.usecases.context import Context, day_of
from haihe.usecases.rescore import Computed, bring_up_to_date, write_what_differs

ATTEMPTS = 5


class CannotAdopt(Exception):
    """The scores cannot be taken over any further; what has been committed stays, and a new run does the rest."""


@dataclass(frozen=True, slots=True)
class Found:
    """What one resident came to, None for nobody's points, and the version they had when that was read."""

    version: int
    computed: Computed | None


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


def adopt_scores(ctx: Context, rulebook: Rulebook, on: date, found: Mapping[int, Found]) -> Adopted:
    """Write one batch in one transaction. Whoever has a newer version than was read is computed from their records.

    A deed that holds one of these residents just now is waited for, and a batch that had to wait too long is tried again.
    """
    for attempt in range(1, ATTEMPTS + 1):
        try:
            with transaction():
                adopted = _adopt(ctx, rulebook, on, found, ctx.now())
            # What the batch loaded is let go of, so that memory stays that of one batch.
            db.session.expunge_all()
            return adopted
        except DBAPIError as error:
            if attempt == ATTEMPTS or not isinstance(error.orig, LockNotAvailable | DeadlockDetected):
                raise _went_away(error) from error
        except HaiheError as error:
            raise CannotAdopt(error.detail) from error
    raise AssertionError("the last attempt either returns or raises")


def _adopt(ctx: Context, rulebook: Rulebook, on: date, found: Mapping[int, Found], at: datetime) -> Adopted:
    if day_of(at) != on:
        raise CannotAdopt(f"已经是 {day_of(at)}，{on} 的结果不再写入")
    if ctx.rules.up_to_date().rulebook(on).version != rulebook.version:
        raise CannotAdopt(f"计算期间另有规则集生效，按 {rulebook.version} 算出的结果不再写入")
    lock_residents(found)
    rows = db.session.execute(select(Resident.id, Resident.version).where(Resident.id.in_(list(found))))
    # Somebody of whom nothing is left has no row, and nothing is written of them.
    versions = {row.id: row.version for row in rows}
    unchanged = {r: found[r].computed for r, version in versions.items() if version == found[r].version}
    overtaken = [r for r in versions if r not in unchanged]
    moved = write_what_differs(ctx, rulebook, unchanged, at)
    if overtaken:
        moved += bring_up_to_date(ctx, overtaken, at)
    return Adopted(moved, len(overtaken))


def _went_away(error: DBAPIError) -> CannotAdopt:
    if isinstance(error.orig, LockNotAvailable | DeadlockDetected):
        return CannotAdopt("有居民长时间被其他操作占用")
    return CannotAdopt(f"数据库没有应答或拒绝写入：{str(error.orig).splitlines()[0]}")
