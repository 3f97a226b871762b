"""为家人办理: a helper's own session turns to the resident and back again; whether it may, is asked at every request anew."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select, update

from haihe.domain.errors import Forbidden, NotFound
from haihe.domain.helping import RELATION_WORDS, Relation, Scope
from haihe.storage.audit import Hand, act_by, write_audit
from haihe.storage.db import db, transaction
from haihe.storage.helping import Helping
from haihe.storage.notifications import notify
from haihe.storage.residents import Session
from haihe.usecases.context import Context, day_of
from haihe.usecases.helping import name_of
from haihe.usecases.sessions import hash_of_token


@dataclass(frozen=True, slots=True)
class Acting:
    """For whom somebody is acting at this moment, and in what."""

    helping_id: int
    helper_id: int
    helped_id: int
    helped_name: str
    relation_words: str
    scopes: frozenset[Scope]


def start_acting(ctx: Context, token: str, helper_id: int, helping_id: int, at: datetime) -> Acting:
    """From here on this session is the resident's, as far as was agreed; the resident is told, once a day."""
    with transaction():
        helping = _in_force(helper_id, helping_id, at)
        if helping is None:
            raise NotFound("HELPING_NOT_FOUND", "没有找到这项代办，或它已经结束")
        _turn(token, helping_id)
        helper, helped = f"resident:{helper_id}", f"resident:{helping.resident_id}"
        write_audit(at, helper, "start_helping", helped, helping_no=helping_id)
        about = f"HELPER_STARTED.{helping_id}.{day_of(at):%Y%m%d}"
        notify(helping.resident_id, about, "HELPER_STARTED", {"helping": helping_id}, at)
        return _acting(ctx, helping)


def stop_acting(token: str, helper_id: int, at: datetime) -> None:
    """Back to oneself. Again is no error."""
    with transaction():
        if _turn(token, None):
            write_audit(at, f"resident:{helper_id}", "stop_helping", f"resident:{helper_id}")


def acting_now(ctx: Context, helper_id: int | None, helping_id: int, at: datetime) -> Acting:
    """For whom the session acts; Forbidden HELPING_ENDED once that is over. It never falls back to oneself in silence: a deed
    meant for one person must not be done to another."""
    helping = _in_force(helper_id, helping_id, at) if helper_id is not None else None
    if helping is None:
        raise Forbidden("HELPING_ENDED", "这项代办已经结束，请回到您自己")
    return _acting(ctx, helping)


def act_through(acting: Acting | None) -> None:
    """Let the traces of this request say who does it, and for whom; None: everybody does their own."""
    act_by(
        Hand(acting.helping_id, f"resident:{acting.helper_id}", f"resident:{acting.helped_id}")
        if acting
        else None
    )


def _turn(token: str, helping_id: int | None) -> bool:
    turned = (
        update(Session)
        .where(Session.token_hash == hash_of_token(token), Session.helping_id.is_distinct_from(helping_id))
        .values(helping_id=helping_id)
        .returning(Session.account_id)
    )
    return db.session.execute(turned).first() is not None


def _in_force(helper_id: int, helping_id: int, at: datetime) -> Helping | None:
    return db.session.execute(
        select(Helping).where(
            Helping.id == helping_id,
            Helping.helper_id == helper_id,
            Helping.ended_at.is_(None),
            Helping.expires_at > at,
        )
    ).scalar_one_or_none()


def _acting(ctx: Context, helping: Helping) -> Acting:
    return Acting(
        helping_id=helping.id,
        helper_id=helping.helper_id or 0,
        helped_id=helping.resident_id,
        helped_name=name_of(ctx, helping.resident_id),
        relation_words=RELATION_WORDS[Relation(helping.relation)],
        scopes=frozenset(Scope(s) for s in helping.scopes),
    )
