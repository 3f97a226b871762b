"""重算全体: everybody's points for one day, batch by batch, from where an interrupted run stopped."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select

from haihe.storage.db import db, transaction
from haihe.storage.office import write_audit
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
    run = _begin(ctx, at, actor)
    resumed_from = run.residents_done
    on_progress(resumed_from)
    while True:
        with transaction():
            run = db.session.get_one(RescoreRun, (run.on, run.rulebook), with_for_update=True)
            ids = list(
                db.session.execute(
                    select(Resident.id)
                    .where(Resident.id > run.last_resident_id)
                    .order_by(Resident.id)
                    .limit(BATCH)
                ).scalars()
            )
            if not ids:
                run.finished_at = ctx.now()
                break
            run.residents_changed += bring_up_to_date(ctx, ids, at)
            run.residents_done += len(ids)
            run.last_resident_id = ids[-1]
        # What the finished batch loaded is let go of, so that memory stays that of one batch.
        db.session.expunge_all()
        on_progress(len(ids))
    return RescoreReport(run.residents_done, run.residents_changed, resumed_from)


def resident_count() -> int:
    """How many residents there are."""
    return db.session.execute(select(func.count()).select_from(Resident)).scalar_one()


def _begin(ctx: Context, at: datetime, actor: str) -> RescoreRun:
    on = day_of(at)
    rulebook = ctx.rules.up_to_date().rulebook(on).version
    with transaction():
        run = db.session.get(RescoreRun, (on, rulebook), with_for_update=True)
        if run is None or run.finished_at is not None:
            if run is not None:
                db.session.delete(run)
                db.session.flush()
            run = RescoreRun(
                on=on,
                rulebook=rulebook,
                last_resident_id=0,
                residents_done=0,
                residents_changed=0,
                started_at=at,
            )
            db.session.add(run)
            write_audit(at, actor, "rescore_everybody", rulebook, on=on.isoformat())
    return run
