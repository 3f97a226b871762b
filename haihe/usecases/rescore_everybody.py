"""重算全体: everybody's points for one day, batch by batch, from where an interrupted run stopped."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import func, select

from haihe.storage.audit import write_audit
from haihe.storage.db import db, transaction
from haihe.storage.residents import Resident
from haihe.storage.scores import RescoreRun
from haihe.usecases.context import Context, day_of
from haihe.usecases.rescore import bring_up_to_date

BATCH = 500


@dataclass(frozen=True, slots=True)
class RescoreReport:
    """How far a run has come: residents looked at, and how many totals moved."""

    done: int
    changed: int
    resumed_from: int


def rescore_everybody(
    ctx: Context, at: datetime, actor: str, on_progress: Callable[[int], None] = lambda _n: None
) -> RescoreReport:
    """Bring every stored score up to date with today. Memory holds one batch; each batch is one transaction.

    A run that was cut off goes on behind its last finished batch when it is started again on the same day under the
    same rulebook; a finished one is begun anew, which changes nothing if nothing has changed.
    """
    key, resumed_from = _begin(ctx, at, actor)
    on_progress(resumed_from)
    while True:
        with transaction():
            run = db.session.get_one(RescoreRun, key, with_for_update=True)
            ids = _next_ids(run.last_resident_id)
            if not ids:
                run.finished_at = ctx.now()
                report = RescoreReport(run.residents_done, run.residents_changed, resumed_from)
                break
            run.residents_changed += bring_up_to_date(ctx, ids, at)
            run.residents_done += len(ids)
            run.last_resident_id = ids[-1]
        # What the finished batch loaded is let go of, so that memory stays that of one batch.
        db.session.expunge_all()
        on_progress(len(ids))
    return report


def resident_count() -> int:
    """How many residents there are."""
    return db.session.execute(
        select(func.count()).select_from(Resident).where(Resident.sandbox_of.is_(None))
    ).scalar_one()


def _next_ids(behind: int) -> list[int]:
    query = (
        select(Resident.id)
        .where(Resident.id > behind, Resident.sandbox_of.is_(None))
        .order_by(Resident.id)
        .limit(BATCH)
    )
    return list(db.session.execute(query).scalars())


def _begin(ctx: Context, at: datetime, actor: str) -> tuple[tuple[date, str], int]:
    """The run of this day under this rulebook, and how many residents it has done already."""
    key = (day_of(at), ctx.rules.up_to_date().rulebook(day_of(at)).version)
    with transaction():
        run = db.session.get(RescoreRun, key, with_for_update=True)
        if run is not None and run.finished_at is None:
            return key, run.residents_done
        if run is not None:
            db.session.delete(run)
            db.session.flush()
        db.session.add(
            RescoreRun(
                on=key[0],
                rulebook=key[1],
                last_resident_id=0,
                residents_done=0,
                residents_changed=0,
                started_at=at,
            )
        )
        write_audit(at, actor, "rescore_everybody", key[1], on=key[0].isoformat())
    return key, 0
