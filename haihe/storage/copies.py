"""Keeping PostgreSQL and the copies in step: versions of residents, copies to renew, the configuration's generation."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy import delete, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert as upsert

from haihe.storage.db import db
from haihe.storage.office import Generation, StaleCopy
from haihe.storage.residents import Resident

CONFIG = "config"


def lock_residents(ids: Iterable[int]) -> None:
    """Make everybody else who would change these residents wait; always in the same order, so nobody waits in a ring."""
    db.session.execute(
        select(Resident.id).where(Resident.id.in_(sorted(ids))).order_by(Resident.id).with_for_update()
    ).all()


def next_versions(ids: Iterable[int]) -> list[tuple[int, int]]:
    """Give each of these residents their next version: (id, version)."""
    rows = db.session.execute(
        update(Resident)
        .where(Resident.id.in_(list(ids)))
        .values(version=Resident.version + 1)
        .returning(Resident.id, Resident.version)
        .execution_options(synchronize_session=False)
    )
    return [(row.id, row.version) for row in rows]


def mark_stale(versions: Sequence[tuple[int, int]], forgotten: bool) -> None:
    """Note that these copies must be made anew. One that could not be forgotten stays so until it has been."""
    if not versions:
        return
    statement = upsert(StaleCopy)
    statement = statement.on_conflict_do_update(
        index_elements=[StaleCopy.resident_id],
        set_={
            "version": statement.excluded.version,
            "forgotten": StaleCopy.forgotten & statement.excluded.forgotten,
        },
    )
    # The rows go in as parameters: a statement with the rows written into it would be compiled anew every time.
    db.session.execute(
        statement, [{"resident_id": r, "version": v, "forgotten": forgotten} for r, v in versions]
    )


def stale_copies(most: int) -> list[tuple[int, int]]:
    """Copies to renew, those still in use first: (resident, version)."""
    rows = db.session.execute(
        select(StaleCopy.resident_id, StaleCopy.version).order_by(StaleCopy.forgotten).limit(most)
    )
    return [(row.resident_id, row.version) for row in rows]


def any_unforgotten() -> bool:
    """Is there a changed resident whose old copy may still be in use?"""
    found = db.session.execute(select(StaleCopy.resident_id).where(~StaleCopy.forgotten).limit(1)).first()
    return found is not None


def copies_renewed(versions: Sequence[tuple[int, int]]) -> None:
    """These copies are in place; a resident who has changed again meanwhile stays on the list."""
    if versions:
        db.session.execute(
            delete(StaleCopy).where(tuple_(StaleCopy.resident_id, StaleCopy.version).in_(list(versions)))
        )


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
