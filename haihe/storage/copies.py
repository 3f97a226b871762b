"""Keeping PostgreSQL and the copies in step: versions of residents, copies to renew, the configuration's generation."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import delete, select, text, tuple_, update
from sqlalchemy.dialects.postgresql import insert as upsert

from haihe.storage.db import among, db
from haihe.storage.office import Generation, StaleCopy
from haihe.storage.residents import Resident

CONFIG = "config"
# One statement over arrays, however many residents a deed has changed.
MARK = text(
    "INSERT INTO stale_copies (resident_id, version, forgotten)"
    " SELECT *, :forgotten FROM unnest(CAST(:ids AS bigint[]), CAST(:versions AS bigint[]))"
    " ON CONFLICT (resident_id) DO UPDATE SET version = excluded.version, renewed_at = NULL,"
    " forgotten = stale_copies.forgotten AND excluded.forgotten"
)


def lock_residents(ids: Iterable[int]) -> None:
    """Make everybody else who would change these residents wait; always in the same order, so nobody waits in a ring."""
    db.session.execute(
        select(Resident.id).where(among(Resident.id, sorted(ids))).order_by(Resident.id).with_for_update()
    ).all()


def next_versions(ids: Iterable[int]) -> list[tuple[int, int]]:
    """Give each of these residents their next version: (id, version)."""
    rows = db.session.execute(
        update(Resident)
        .where(among(Resident.id, ids))
        .values(version=Resident.version + 1)
        .returning(Resident.id, Resident.version)
        .execution_options(synchronize_session=False)
    )
    return [(row.id, row.version) for row in rows]


def mark_stale(versions: Sequence[tuple[int, int]], forgotten: bool) -> None:
    """Note that these copies must be made anew. One that could not be forgotten stays so until it has been."""
    if not versions:
        return
    ids, numbers = zip(*sorted(versions), strict=True)
    db.session.execute(MARK, {"ids": list(ids), "versions": list(numbers), "forgotten": forgotten})


def stale_copies(most: int, unforgotten_only: bool = False) -> list[tuple[int, int]]:
    """Copies to renew, those still in use first: (resident, version)."""
    query = select(StaleCopy.resident_id, StaleCopy.version).where(StaleCopy.renewed_at.is_(None))
    if unforgotten_only:
        query = query.where(~StaleCopy.forgotten)
    rows = db.session.execute(query.order_by(StaleCopy.forgotten).limit(most))
    return [(row.resident_id, row.version) for row in rows]


def copies_renewed(versions: Sequence[tuple[int, int]], at: datetime) -> None:
    """These copies are in place; a resident who has changed again meanwhile, or is changing now, stays to be renewed."""
    if not versions:
        return
    # Rows that somebody is changing are passed over, so that the keeper never waits and is never waited for in a ring.
    unchanged = db.session.execute(
        select(StaleCopy.resident_id)
        .where(tuple_(StaleCopy.resident_id, StaleCopy.version).in_(list(versions)))
        .with_for_update(skip_locked=True)
    ).scalars()
    db.session.execute(
        update(StaleCopy)
        .where(among(StaleCopy.resident_id, unchanged))
        .values(forgotten=True, renewed_at=at)
        .execution_options(synchronize_session=False)
    )


def let_go_of_renewed(before: datetime) -> None:
    """Copies renewed before then are safe in Redis even if it crashes now."""
    db.session.execute(delete(StaleCopy).where(StaleCopy.renewed_at < before))


def renew_all_again() -> None:
    """A Redis that was restarted may have lost what it was told last."""
    db.session.execute(update(StaleCopy).where(StaleCopy.renewed_at.is_not(None)).values(renewed_at=None))


def generation() -> int:
    """The present generation of the configuration."""
    found = db.session.execute(select(Generation.number).where(Generation.name == CONFIG)).scalar()
    return found or 0


def next_generation() -> int:
    """Something that workers hold in memory changes: call inside the deed's transaction."""
    statement = upsert(Generation).values(name=CONFIG, number=1)
    return db.session.execute(
        statement.on_conflict_do_update(
            index_elements=[Generation.name], set_={"number": Generation.number + 1}
        ).returning(Generation.number)
    ).scalar_one()
