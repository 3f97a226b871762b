"""The database session and the one way to change anything: inside `transaction()`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import ARRAY, BigInteger, ColumnElement, MetaData, any_, literal, text
from sqlalchemy.orm import DeclarativeBase, InstrumentedAttribute

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(DeclarativeBase):
    """Constraint names are fixed so that migrations can speak of them."""

    metadata = MetaData(naming_convention=NAMING)


db = SQLAlchemy(model_class=Base)


def among(column: InstrumentedAttribute[int], ids: Iterable[int]) -> ColumnElement[bool]:
    """The column is one of these ids, as one array: a list of thousands of parameters would be written out each time."""
    return column == any_(literal(list(ids), ARRAY(BigInteger)))


@contextmanager
def committed() -> Iterator[None]:
    """Inside the block `db.session` is another session: it sees what is committed, and nothing of what the deed around it
    has written so far and may still take back."""
    outside = db.session()
    db.session.registry.set(db.session.session_factory())
    try:
        yield
    finally:
        db.session().close()
        db.session.registry.set(outside)


@contextmanager
def transaction() -> Iterator[None]:
    """One deed, one transaction: committed when the block ends well, rolled back whole when it does not.

    Waiting for a lock ends after four seconds with an error rather than with a hanging phone.
    """
    session = db.session
    try:
        session.execute(text("SET LOCAL lock_timeout = '4s'"))
        yield
        session.commit()
    except BaseException:
        session.rollback()
        raise
