"""Placing the named residents and keeping them where they belong as days go by.

Their records are counted from today, and so the day on which they were made soon lies behind. Whenever the demo city is
looked after, dates that nobody else has touched are set again from the new today; what a visitor has changed stays.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from haihe.demo.composing import points_of
from haihe.demo.named import Named
from haihe.demo.storing_named import OPENID, RECORD_NO, CastWrong, store_named
from haihe.domain.records import RecordState
from haihe.domain.rulebook import Rulebook
from haihe.storage.db import db
from haihe.storage.records import RecordRow
from haihe.storage.residents import Account
from haihe.usecases.context import Context, day_of
from haihe.usecases.rescore import CORRECTED, DISPUTED, REPAIRED, Touched, bring_up_to_date, rescore

CAUSE_OF = {
    RecordState.REPAIRED: REPAIRED,
    RecordState.DISPUTED: DISPUTED,
    RecordState.WITHDRAWN: CORRECTED,
}


@dataclass(frozen=True, slots=True)
class Placed:
    """A named resident as stored."""

    named: Named
    resident_id: int


def place_named(ctx: Context, cast: Sequence[Named], at: datetime, strict: bool) -> list[Placed]:
    """Store those who are not there yet and bring the others to today; call it inside a transaction.

    One who would not come to the promised points is left out, or, where `strict`, CastWrong is raised.
    """
    today = day_of(at)
    rulebook = ctx.rules.up_to_date().rulebook(today)
    held = _held(ctx, cast)
    placed, new = [], []
    for place, named in enumerate(cast):
        resident_id = held.get(named.key)
        if resident_id is None:
            if not _comes_true(named, rulebook, at, strict):
                continue
            resident_id = store_named(ctx, named, place, at)
            new.append(Placed(named, resident_id))
        placed.append(Placed(named, resident_id))
    _tell_their_story(ctx, new, at)
    new_ids = {p.resident_id for p in new}
    old = [p for p in placed if p.resident_id not in new_ids]
    if old:
        _bring_dates_to_today(old, at)
        bring_up_to_date(ctx, [p.resident_id for p in old], at)
    return placed


def _held(ctx: Context, cast: Iterable[Named]) -> dict[str, int]:
    """Who is there already, found by the first record or the account that only they can have."""
    keys = {ctx.vault.index(OPENID + n.key, "openid"): n.key for n in cast}
    accounts = db.session.execute(
        select(Account.openid_index, Account.resident_id).where(
            Account.openid_index.in_(keys), Account.resident_id.is_not(None)
        )
    )
    found = {keys[index]: resident_id for index, resident_id in accounts}
    firsts = {RECORD_NO.format(key=n.key, n=1): n.key for n in cast}
    records = db.session.execute(
        select(RecordRow.record_no, RecordRow.resident_id).where(RecordRow.record_no.in_(firsts))
    )
    return found | {firsts[record_no]: resident_id for record_no, resident_id in records}


def _comes_true(named: Named, rulebook: Rulebook, at: datetime, strict: bool) -> bool:
    if named.points is None:
        return True
    points = points_of(named.pieces, rulebook, day_of(at), frozenset(named.sensitive))
    if points != named.points and strict:
        raise CastWrong(
            f"示例居民 {named.key} 应为 {named.points} 分，按规则集 {rulebook.version} 实为 {points} 分"
        )
    return points == named.points


def _tell_their_story(ctx: Context, new: Sequence[Placed], at: datetime) -> None:
    """Score the new ones as they were, then let happen what has happened, so that the ledger shows both."""
    if not new:
        return
    db.session.flush()
    rescore(ctx, {p.resident_id: Touched() for p in new}, at)
    touched: dict[int, Touched] = {}
    for one in new:
        for n, piece in enumerate(one.named.pieces, 1):
            if piece.state is RecordState.EFFECTIVE:
                continue
            row = _stored(RECORD_NO.format(key=one.named.key, n=n))
            row.state = piece.state
            what = touched.setdefault(one.resident_id, Touched())
            what.add(piece.code, CAUSE_OF[piece.state], row.id)
    db.session.flush()
    rescore(ctx, touched, at)


def _bring_dates_to_today(placed: Sequence[Placed], at: datetime) -> None:
    """Set dates that are still as we made them from the new today; a record that a source has changed is left alone."""
    today = day_of(at)
    pieces = {
        RECORD_NO.format(key=one.named.key, n=n): piece
        for one in placed
        for n, piece in enumerate(one.named.pieces, 1)
    }
    rows = db.session.execute(
        select(RecordRow).where(RecordRow.record_no.in_(pieces), RecordRow.version == 1)
    ).scalars()
    for row in rows:
        piece = pieces[row.record_no]
        if row.state == piece.state:
            row.occurred_on, row.valid_to = piece.occurred_on(today), piece.valid_to(today)
    db.session.flush()


def _stored(record_no: str) -> RecordRow:
    return db.session.execute(select(RecordRow).where(RecordRow.record_no == record_no)).scalar_one()
