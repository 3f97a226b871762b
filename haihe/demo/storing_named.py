"""Storing one named resident: sealed number and name, consents, records as they were at first, account and orders."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

from sqlalchemy import select

from haihe.demo.births import RESERVED_SEQUENCE, id_number
from haihe.demo.composing import Piece
from haihe.demo.departments import DEPARTMENTS
from haihe.demo.habits import HABITS
from haihe.demo.loading import CHANNEL
from haihe.demo.named import Named
from haihe.demo.orders import open_orders
from haihe.demo.plan import districts
from haihe.domain.records import RecordState
from haihe.storage.db import db
from haihe.storage.reading import JOIN, SENSITIVE
from haihe.storage.records import RecordRow
from haihe.storage.residents import Account, Consent, Resident
from haihe.usecases.consent_texts import present_text
from haihe.usecases.context import Context, day_of

OPENID = "demo-openid-"
RECORD_NO = "NAMED-{key}-{n:02d}"
JOINED_DAYS = 100
SOURCE_OF = {h.code: h.source for h in HABITS} | {"C12": "utilities", "C13": "culture"}
NAME_OF_SOURCE = {d.code: d.name for d in DEPARTMENTS}


class CastWrong(Exception):
    """A named resident does not come to the points that their note promises."""


def store_named(ctx: Context, named: Named, place: int, at: datetime) -> int:
    """Store somebody who is not there yet; returns their id. `place` decides on name and district."""
    number = _free_number(ctx, named, at)
    sealed, name = ctx.vault.seal(number, "id_number"), ctx.vault.seal(_display_name(place), "name")
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
    occurred = piece.occurred_on(today)
    return RecordRow(
        source=source,
        record_no=RECORD_NO.format(key=named.key, n=n),
        resident_id=resident_id,
        indicator=piece.code,
        occurred_on=occurred,
        document_no=f"示范〔{occurred.year}〕{named.key}-{n}号" if piece.severity else None,
        issuer=NAME_OF_SOURCE[source],
        quantity=Decimal(piece.quantity),
        level=piece.level,
        severity=piece.severity,
        valid_to=piece.valid_to(today),
        state=RecordState.EFFECTIVE,
        received_at=at,
    )


def _free_number(ctx: Context, named: Named, at: datetime) -> str:
    """A number of the birth date that nobody has: those made by hand are counted down from the last sequence."""
    birth = named.birth_date(day_of(at))
    for sequence in range(999, RESERVED_SEQUENCE, -1):
        number = id_number(named.area, birth, sequence)
        index = ctx.vault.index(f"{named.id_type}:{number}", "id_number")
        if db.session.execute(select(Resident.id).where(Resident.id_number_index == index)).scalar() is None:
            return number
    raise CastWrong(f"{birth.isoformat()} 出生的示例居民太多，没有空闲的证件号码")


def _display_name(place: int) -> str:
    """The name of the n-th named resident; the districts take turns."""
    return f"{districts().short_names[_district(place)]}示例{place + 1:04d}"


def _district(place: int) -> int:
    return place % len(districts().codes)
