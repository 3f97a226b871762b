"""关联授权: a resident lets an online merchant ask about some scenarios without a pass, until they take it back.

A link is part of what Redis holds of the resident (cache/copy.py), and is put out of use with that copy before a change of
it is committed; so one that was withdrawn a moment ago serves nobody any more.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select, update

from haihe.domain.errors import Forbidden, NotFound
from haihe.storage.audit import write_audit
from haihe.storage.copies import lock_residents
from haihe.storage.db import db, transaction
from haihe.storage.links import Link
from haihe.storage.partners import Merchant
from haihe.storage.reading import JOIN
from haihe.storage.residents import Resident
from haihe.usecases.consent_texts import ConsentText
from haihe.usecases.consents import consents_in_force, not_joined
from haihe.usecases.context import Context
from haihe.usecases.pairwise import draw_pairwise_id
from haihe.usecases.rescore import Rescored, Touched, hold_copies, rescore

LINK_LASTS = timedelta(days=365)


@dataclass(frozen=True, slots=True)
class LinkedResident:
    """The resident whom a merchant calls by a pairwise id, and the scenarios it may ask about."""

    link_id: int
    resident_id: int
    scenarios: frozenset[str]


@dataclass(frozen=True, slots=True)
class HeldLink:
    """A link in force, as the resident sees it."""

    merchant_id: int
    merchant_name: str
    scenarios: tuple[str, ...]
    text_version: str
    given_at: datetime
    expires_at: datetime


def linked_resident(merchant_id: int, pairwise_id: str, at: datetime) -> LinkedResident | None:
    """Whom this merchant means; None for an id that is unknown, another merchant's, withdrawn or run out."""
    return linked_residents(merchant_id, [pairwise_id], at).get(pairwise_id)


def linked_residents(
    merchant_id: int, pairwise_ids: Iterable[str], at: datetime
) -> dict[str, LinkedResident]:
    """Whom this merchant means by each of these ids, in one query; ids that mean nobody are left out."""
    asked = [i for i in set(pairwise_ids) if i.isascii() and i.isprintable()]
    if not asked:
        return {}
    rows = db.session.execute(
        select(Link.pairwise_id, Link.id, Link.resident_id, Link.scenarios).where(
            Link.pairwise_id.in_(asked),
            Link.merchant_id == merchant_id,
            Link.withdrawn_at.is_(None),
            Link.expires_at > at,
        )
    )
    return {r.pairwise_id: LinkedResident(r.id, r.resident_id, frozenset(r.scenarios)) for r in rows}


def link_stands(merchant_id: int, resident_id: int, scenario: str, at: datetime) -> bool:
    """Whether this merchant may ask about this resident and scenario now, without a pass."""
    query = select(Link.id).where(
        Link.merchant_id == merchant_id,
        Link.resident_id == resident_id,
        Link.withdrawn_at.is_(None),
        Link.expires_at > at,
        Link.scenarios.contains([scenario]),
    )
    return db.session.execute(query).first() is not None


def whose_page(ctx: Context, resident_id: int | None) -> tuple[str, bool]:
    """What a page may say of who is sitting in front of it: the family name, and whether they have joined."""
    resident = None if resident_id is None else db.session.get(Resident, resident_id)
    if resident is None:
        return "", False
    name = ctx.vault.open(resident.key_id, resident.name_sealed, "name")
    return name[:1] + "＊" * (len(name) - 1), JOIN in consents_in_force(resident.id)


def give_link(
    ctx: Context,
    resident_id: int,
    merchant_id: int,
    scenarios: Iterable[str],
    text: ConsentText,
    at: datetime,
) -> Link:
    """Link the resident to the merchant; call inside the deed's transaction. Conflict NOT_JOINED before joining.

    A new consent takes the place of the one in force, with all tokens that rest on it, and keeps its pairwise id.
    """
    merchant = db.session.get(Merchant, merchant_id)
    if merchant is None or merchant.sandbox_of is not None:
        raise Forbidden("SANDBOX_ONLY", "这是商户的沙箱，只供测试，不能绑定真实的居民")
    lock_residents([resident_id])
    if JOIN not in consents_in_force(resident_id):
        raise not_joined()
    held = db.session.execute(
        select(Link).where(
            Link.resident_id == resident_id, Link.merchant_id == merchant_id, Link.withdrawn_at.is_(None)
        )
    ).scalar_one_or_none()
    pairwise_id = held.pairwise_id if held else draw_pairwise_id(ctx, resident_id, merchant_id)
    if held is not None:
        held.withdrawn_at = at
        db.session.flush()
    link = Link(
        merchant_id=merchant_id,
        resident_id=resident_id,
        pairwise_id=pairwise_id,
        scenarios=sorted(set(scenarios)),
        text_version=text.version,
        text_sha256=text.sha256,
        given_at=at,
        expires_at=at + LINK_LASTS,
    )
    db.session.add(link)
    db.session.flush()
    _trace(resident_id, "give_link", merchant_id, at, version=text.version)
    # The copy from before the link is put out of use; the next question, or the keeper, makes it anew.
    rescore(ctx, {resident_id: Touched()}, at)
    return link


def links_of(resident_id: int, at: datetime) -> list[HeldLink]:
    """The merchants that may ask about this resident now, the latest first."""
    rows = db.session.execute(
        select(Link, Merchant.name)
        .join(Merchant, Merchant.id == Link.merchant_id)
        .where(Link.resident_id == resident_id, Link.withdrawn_at.is_(None), Link.expires_at > at)
        .order_by(Link.given_at.desc(), Link.id.desc())
    )
    return [
        HeldLink(
            link.merchant_id, name, tuple(link.scenarios), link.text_version, link.given_at, link.expires_at
        )
        for link, name in rows
    ]


def withdraw_link(ctx: Context, resident_id: int, merchant_id: int, at: datetime) -> None:
    """Take the consent back: the merchant's very next request about this resident is refused. Again is no error."""
    rescored = Rescored()
    with transaction():
        lock_residents([resident_id])
        known = select(Link.id).where(Link.resident_id == resident_id, Link.merchant_id == merchant_id)
        if db.session.execute(known).first() is None:
            raise NotFound("CONSENT_UNKNOWN", "没有这项授权，请在“授权与退出”中选择")
        ended = db.session.execute(
            update(Link)
            .where(
                Link.resident_id == resident_id, Link.merchant_id == merchant_id, Link.withdrawn_at.is_(None)
            )
            .values(withdrawn_at=at)
            .returning(Link.id)
        ).all()
        if ended:
            _trace(resident_id, "withdraw_link", merchant_id, at)
            rescored = rescore(ctx, {resident_id: Touched()}, at)
    hold_copies(ctx, rescored)


def _trace(resident_id: int, deed: str, merchant_id: int, at: datetime, **detail: str) -> None:
    write_audit(
        at, f"resident:{resident_id}", deed, f"resident:{resident_id}", merchant=merchant_id, **detail
    )
