"""每日重算: points follow the calendar and the rulebook in force by themselves, once for each day and each rulebook."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import DBAPIError

from haihe.domain.rulebook import Rulebook
from haihe.storage.audit import write_audit
from haihe.storage.db import db, transaction
from haihe.storage.scores import RescoreRun
from haihe.usecases.adopt_scores import CannotAdopt
from haihe.usecases.context import Context, day_of


def rescore_due(ctx: Context, at: datetime) -> bool:
    """Whether everybody has still to be brought up to date with this day, under the rulebook that is in force on it."""
    on = day_of(at)
    run = db.session.get(
        RescoreRun, (on, ctx.rules.up_to_date().rulebook(on).version), populate_existing=True
    )
    due = run is None or run.finished_at is None
    db.session.rollback()
    return due


def note_rescored(
    rulebook: Rulebook, on: date, began: datetime, ended: datetime, actor: str, people: int, moved: int
) -> None:
    """Everybody has been brought up to date, whichever way it was started. Raises CannotAdopt."""
    run = {
        "as_of": on,
        "rulebook": rulebook.version,
        "last_resident_id": 0,
        "residents_done": people,
        "residents_changed": moved,
        "started_at": began,
        "finished_at": ended,
    }
    written = insert(RescoreRun.__table__).values(run)  # type: ignore[arg-type]
    again = {name: written.excluded[name] for name in run if name not in ("as_of", "rulebook")}
    try:
        with transaction():
            db.session.execute(
                written.on_conflict_do_update(index_elements=["as_of", "rulebook"], set_=again)
            )
            write_audit(ended, actor, "rescore_city_done", rulebook.version, on=on.isoformat(), moved=moved)
    except DBAPIError as error:
        raise CannotAdopt("全部写回之后数据库没有应答") from error
