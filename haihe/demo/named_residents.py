"""Storing the named residents, keeping them where they belong as days go by, and telling what they have now.

Their records are counted from today, and so the day on which they were made soon lies behind. Whenever the demo city is
looked after, dates that nobody else has touched are set again from the new today; what a visitor has changed stays.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from sqlalchemy import select

from haihe.demo.births import RESERVED_SEQUENCE, id_number
from haihe.demo.cast import Named
from haihe.demo.composing import Piece, points_of
from haihe.demo.departments import DEPARTMENTS
from haihe.demo.habits import HABITS, NEGATIVE
from haihe.demo.loading import CHANNEL
from haihe.demo.orders import open_orders
from haihe.demo.plan import districts
from haihe.domain.records import RecordState
from haihe.domain.rulebook import Rulebook
from haihe.storage.db import db
from haihe.storage.reading import JOIN, SENSITIVE
from haihe.storage.records import RecordRow
from haihe.storage.residents import Account, Consent, Resident
from haihe.usecases.consent_texts import present_text
from haihe.usecases.context import Context, day_of
from haihe.usecases.rescore import CORRECTED, DISPUTED, REPAIRED, Touched, bring_up_to_date, rescore

OPENID = "demo-openid-"
RECORD_NO = "NAMED-{key}-{n:02d}"
JOINED_DAYS = 100
SOURCE_OF = {h.code: h.source for h in HABITS} | {"C12": "utilities", "C13": "culture"}
NAME_OF_SOURCE = {d.code: d.name for d in DEPARTMENTS}
CAUSE_OF = {
    RecordState.REPAIRED: REPAIRED,
    RecordState.DISPUTED: DISPUTED,
    RecordState.WITHDRAWN: CORRECTED,
}


class CastWrong(Exception):
    """A named resident does not come to the points that their note promises."""


@dataclass(frozen=True, slots=True)
class Placed:
    """A named resident as stored."""

    named: Named
    resident_id: int


def display_name(place: int) -> str:
    """The name of the n-th named resident; the districts take turns."""
    return f"{districts().short_names[_district(place)]}示例{place + 1:04d}"


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
            resident_id = _store(ctx, named, place, at)
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


def _store(ctx: Context, named: Named, place: int, at: datetime) -> int:
    number = _free_number(ctx, named, at)
    sealed, name = ctx.vault.seal(number, "id_number"), ctx.vault.seal(display_name(place), "name")
    resident = Resident(
        id_type=named.id_type,
        key_id=sealed.key_id,
        id_number_sealed=sealed.ciphertext,
        id_number_index=ctx.vault.index(f"{named.id_type}:{number}", "id_number"),
        name_sealed=name.ciphertext,
        birth_date=named.birth_date(day_of(at)),
        district=districts().codes[_district(place)],
        created_at=at,
    )
    db.session.add(resident)
    db.session.flush()
    joined_days = min(JOINED_DAYS, max(named.born[1], 1)) if named.born[0] <= 18 else JOINED_DAYS
    purposes = [JOIN] * (named.joined or named.left) + [SENSITIVE + s for s in named.sensitive]
    for purpose in purposes:
        db.session.add(
            Consent(
                resident_id=resident.id,
                purpose=purpose,
                text_version=present_text(purpose).version,
                text_sha256=present_text(purpose).sha256,
                channel=CHANNEL,
                given_at=at - timedelta(days=joined_days),
                withdrawn_at=at - timedelta(days=9) if named.left else None,
            )
        )
    for n, piece in enumerate(named.pieces, 1):
        db.session.add(_row(named, n, piece, resident.id, at))
    if named.account:
        index = ctx.vault.index(OPENID + named.key, "openid")
        db.session.add(
            Account(openid_index=index, resident_id=resident.id, realname_level="L3", created_at=at)
        )
    open_orders(named.orders, named.key, resident.id, ctx.rules, at)
    return resident.id


def _row(named: Named, n: int, piece: Piece, resident_id: int, at: datetime) -> RecordRow:
    """A record as it was before anything happened to it: what was repaired or disputed counted until then."""
    today = day_of(at)
    source = SOURCE_OF[piece.code]
    negative = piece.code in NEGATIVE or piece.severity is not None
    occurred = piece.occurred_on(today)
    return RecordRow(
        source=source,
        record_no=RECORD_NO.format(key=named.key, n=n),
        resident_id=resident_id,
        indicator=piece.code,
        occurred_on=occurred,
        document_no=f"示范〔{occurred.year}〕{named.key}-{n}号" if negative else None,
        issuer=NAME_OF_SOURCE[source],
        quantity=Decimal(piece.quantity),
        level=piece.level,
        severity=piece.severity,
        valid_to=piece.valid_to(today),
        state=RecordState.EFFECTIVE,
        received_at=at,
    )


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


def _free_number(ctx: Context, named: Named, at: datetime) -> str:
    """A number of the birth date that nobody has: those made by hand are counted down from the last sequence."""
    birth = named.birth_date(day_of(at))
    for sequence in range(999, RESERVED_SEQUENCE, -1):
        number = id_number(named.area, birth, sequence)
        index = ctx.vault.index(f"{named.id_type}:{number}", "id_number")
        if db.session.execute(select(Resident.id).where(Resident.id_number_index == index)).scalar() is None:
            return number
    raise CastWrong(f"{birth.isoformat()} 出生的示例居民太多，没有空闲的证件号码")


def _district(place: int) -> int:
    return place % len(districts().codes)
