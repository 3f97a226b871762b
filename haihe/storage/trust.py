"""Who decides about a pass, Redis or PostgreSQL: never both at once, and this row says which."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert as upsert

from haihe.storage.db import db
from haihe.storage.office import Trust

PASSES = "passes"


def database_time() -> datetime:
    """The moment by PostgreSQL's own clock, whatever the transaction's age."""
    return db.session.execute(select(func.clock_timestamp())).scalar_one()


def let_redis_decide(until: datetime) -> None:
    """From the commit until that moment passes are claimed in Redis alone. Waits for claims that are being made here."""
    statement = upsert(Trust).values(name=PASSES, until=until)
    db.session.execute(
        statement.on_conflict_do_update(index_elements=[Trust.name], set_={"until": statement.excluded.until})
    )


def seconds_redis_decides(hold: bool = False) -> float:
    """For how long Redis still decides; zero or less when PostgreSQL does.

    With `hold` the keeper cannot begin anew before the transaction has ended: whoever is to claim a pass here asks so.
    """
    query = select(func.extract("epoch", Trust.until - func.clock_timestamp())).where(Trust.name == PASSES)
    left = db.session.execute(query.with_for_update(read=True) if hold else query).scalar()
    return 0.0 if left is None else float(left)
