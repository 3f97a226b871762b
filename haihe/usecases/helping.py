"""亲情代办: a resident invites a relative by name, the relative accepts with the code, and either ends it at once.

The code alone opens nothing: whoever accepts must be verified under the very name that the resident wrote. So a code that was
coaxed out of somebody over the telephone is worthless to the stranger who coaxed it.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from sqlalchemy import Select, func, or_, select

from haihe.domain.errors import Conflict, Forbidden, NotFound, TooOften
from haihe.domain.helping import (
    CODE_DIGITS,
    INVITED_FOR,
    MOST_HELPED,
    MOST_HELPERS,
    RELATION_WORDS,
    EndedBy,
    Relation,
    Scope,
    check_last_day,
    read_scopes,
    scopes_in_words,
)
from haihe.domain.reports import masked_name
from haihe.storage.audit import AuditEntry, write_audit
from haihe.storage.copies import lock_residents
from haihe.storage.db import db, transaction
from haihe.storage.helping import Helping
from haihe.storage.notifications import notify
from haihe.storage.reading import JOIN
from haihe.storage.residents import Resident
from haihe.usecases.consent_texts import helping_text
from haihe.usecases.consents import consents_in_force, not_joined, require_age
from haihe.usecases.context import TIANJIN, Context, day_of

NAME_PURPOSE, CODE_PURPOSE = "helper_name", "helper_code"
REFUSED = "helping_refused"
TRIES_A_DAY = 5


@dataclass(frozen=True, slots=True)
class Wish:
    """What the resident has in mind: whom, who that is to them, what they may do, and the last day."""

    name: str
    relation: Relation
    scopes: Iterable[str]
    until: date
    text_version: str


@dataclass(frozen=True, slots=True)
class ShownHelping:
    """One side of it: `other` is the masked name of the other person, empty while nobody has accepted."""

    id: int
    other: str
    relation_words: str
    scopes: tuple[str, ...]
    scopes_words: str
    given_at: datetime
    accepted_at: datetime | None
    last_day: date


@dataclass(frozen=True, slots=True)
class Invitation:
    """What the resident shows or reads out to the relative; the code is told this once."""

    code: str
    expires_at: datetime
    helping: ShownHelping


def invite_helper(ctx: Context, resident_id: int, wish: Wish, at: datetime) -> Invitation:
    """Give the consent, in the version that was read; it takes effect when the relative accepts. An invitation that nobody has
    accepted gives way to the new one."""
    text = helping_text()
    if wish.text_version != text.version:
        raise Conflict("CONSENT_TEXT_CHANGED", f"授权书已更新为 {text.version} 版，请阅读后再同意", "version")
    scopes = read_scopes(wish.scopes)
    check_last_day(wish.until, day_of(at))
    with transaction():
        lock_residents([resident_id])
        require_age(db.session.get_one(Resident, resident_id), at)
        if JOIN not in consents_in_force(resident_id):
            raise not_joined()
        held = _in_force(at).where(Helping.resident_id == resident_id).with_only_columns(func.count())
        if db.session.execute(held).scalar_one() >= MOST_HELPERS:
            raise Conflict("HELPERS_FULL", f"最多请 {MOST_HELPERS} 位亲友代办，请先结束其中一位")
        waiting = select(Helping).where(
            Helping.resident_id == resident_id, Helping.accepted_at.is_(None), Helping.ended_at.is_(None)
        )
        for old in db.session.execute(waiting).scalars():
            old.ended_at, old.ended_by = at, EndedBy.HELPED
        code = _draw_code(ctx, at)
        helping = Helping(
            resident_id=resident_id,
            relation=wish.relation,
            scopes=sorted(scopes),
            text_version=text.version,
            text_sha256=text.sha256,
            name_index=_name_index(ctx, wish.name),
            code_index=ctx.vault.index(code, CODE_PURPOSE),
            given_at=at,
            code_expires_at=at + INVITED_FOR,
            expires_at=_end_of(wish.until),
        )
        db.session.add(helping)
        db.session.flush()
        _trace(at, resident_id, "invite_helper", helping, version=text.version, scopes=sorted(scopes))
        shown = _shown(ctx, helping, None)
    return Invitation(code, helping.code_expires_at, shown)


def look_at_invitation(ctx: Context, helper_id: int, code: str, at: datetime) -> ShownHelping:
    """What accepting would mean, for whoever it is meant for; for anybody else there is no such invitation."""
    helping = _find(ctx, helper_id, code, at)
    if helping is None:
        raise _refused(helper_id, at)
    return _shown(ctx, helping, helping.resident_id)


def accept_invitation(ctx: Context, helper_id: int, code: str, at: datetime) -> ShownHelping:
    """Become the helper; both are told. One that helps the same person already takes the new terms in the old ones' place."""
    with transaction():
        found = _find(ctx, helper_id, code, at)
        if found is not None:
            lock_residents(sorted([found.resident_id, helper_id]))
            db.session.refresh(found)
            accepted = _accept(ctx, helper_id, found, at)
            if accepted is not None:
                return accepted
    raise _refused(helper_id, at)


def _accept(ctx: Context, helper_id: int, helping: Helping, at: datetime) -> ShownHelping | None:
    """None where somebody else was quicker, or the resident took it back meanwhile."""
    if helping.accepted_at is not None or helping.ended_at is not None:
        return None
    require_age(db.session.get_one(Resident, helper_id), at)
    for old in db.session.execute(
        select(Helping).where(
            Helping.resident_id == helping.resident_id,
            Helping.helper_id == helper_id,
            Helping.ended_at.is_(None),
        )
    ).scalars():
        old.ended_at, old.ended_by = at, EndedBy.HELPED
    db.session.flush()
    helped = _in_force(at).where(Helping.helper_id == helper_id).with_only_columns(func.count())
    if db.session.execute(helped).scalar_one() >= MOST_HELPED:
        raise Conflict("HELPING_FULL", f"一个人最多为 {MOST_HELPED} 位家人代办，请先结束其中一位")
    helping.helper_id, helping.accepted_at = helper_id, at
    db.session.flush()
    _trace(at, helper_id, "accept_helping", helping)
    _tell(helping.resident_id, "HELPER_ACCEPTED", helping, at)
    return _shown(ctx, helping, helping.resident_id)


def end_helping(resident_id: int, helping_id: int, at: datetime) -> None:
    """Either of the two ends it, at once; the other is told. Again is no error."""
    with transaction():
        helping = db.session.execute(
            select(Helping)
            .where(
                Helping.id == helping_id,
                or_(Helping.resident_id == resident_id, Helping.helper_id == resident_id),
            )
            .with_for_update()
        ).scalar_one_or_none()
        if helping is None:
            raise NotFound("HELPING_NOT_FOUND", "没有找到这项代办")
        if helping.ended_at is not None:
            return
        by_helped = helping.resident_id == resident_id
        helping.ended_at, helping.ended_by = at, EndedBy.HELPED if by_helped else EndedBy.HELPER
        _trace(at, resident_id, "end_helping", helping)
        other = helping.helper_id if by_helped else helping.resident_id
        if other is not None:
            _tell(other, "HELPING_ENDED", helping, at)


def helpers_of(ctx: Context, resident_id: int, at: datetime) -> list[ShownHelping]:
    """Who may act for this resident now, and whom they have invited a moment ago."""
    invited = (Helping.accepted_at.is_(None)) & (Helping.code_expires_at > at)
    rows = db.session.execute(
        select(Helping)
        .where(Helping.resident_id == resident_id, Helping.ended_at.is_(None), Helping.expires_at > at)
        .where(Helping.accepted_at.is_not(None) | invited)
        .order_by(Helping.id)
    ).scalars()
    return [_shown(ctx, helping, helping.helper_id) for helping in rows]


def helped_by(ctx: Context, helper_id: int, at: datetime) -> list[ShownHelping]:
    """For whom this resident may act now."""
    rows = db.session.execute(
        _in_force(at).where(Helping.helper_id == helper_id).order_by(Helping.id)
    ).scalars()
    return [_shown(ctx, helping, helping.resident_id) for helping in rows]


def name_of(ctx: Context, resident_id: int) -> str:
    """王**: how one relative is named to the other."""
    resident = db.session.get_one(Resident, resident_id)
    return masked_name(ctx.vault.open(resident.key_id, resident.name_sealed, "name"))


def _in_force(at: datetime) -> Select[tuple[Helping]]:
    return select(Helping).where(
        Helping.accepted_at.is_not(None), Helping.ended_at.is_(None), Helping.expires_at > at
    )


def _find(ctx: Context, helper_id: int, code: str, at: datetime) -> Helping | None:
    """The open invitation with this code that is meant for this person; the tries are counted."""
    tries = select(func.count()).where(
        AuditEntry.subject == f"resident:{helper_id}",
        AuditEntry.deed == REFUSED,
        AuditEntry.at > at - timedelta(days=1),
    )
    if db.session.execute(tries).scalar_one() >= TRIES_A_DAY:
        raise TooOften("HELPING_TRIES", "今天输错的次数较多，请明天再试", retry_after=86400)
    digits = "".join(code.split())
    found = db.session.execute(
        _open(at).where(Helping.code_index == ctx.vault.index(digits, CODE_PURPOSE))
    ).scalar_one_or_none()
    if found is None or found.resident_id == helper_id:
        return None
    resident = db.session.get_one(Resident, helper_id)
    name = ctx.vault.open(resident.key_id, resident.name_sealed, "name")
    return found if found.name_index == _name_index(ctx, name) else None


def _open(at: datetime) -> Select[tuple[Helping]]:
    return select(Helping).where(
        Helping.accepted_at.is_(None), Helping.ended_at.is_(None), Helping.code_expires_at > at
    )


def _refused(helper_id: int, at: datetime) -> Forbidden:
    """What does not open, is counted; why is not told, or codes and names could be tried out."""
    with transaction():
        write_audit(at, f"resident:{helper_id}", REFUSED, f"resident:{helper_id}")
    return Forbidden(
        "HELPING_CODE_INVALID",
        "邀请码不对或已过期，或者邀请的不是您（须与您的实名一致）；请家人重新生成一个",
        "code",
    )


def _draw_code(ctx: Context, at: datetime) -> str:
    while True:
        code = "".join(secrets.choice("0123456789") for _ in range(CODE_DIGITS))
        taken = _open(at).where(Helping.code_index == ctx.vault.index(code, CODE_PURPOSE))
        if db.session.execute(taken).first() is None:
            return code


def _name_index(ctx: Context, name: str) -> bytes:
    return ctx.vault.index("".join(name.split()), NAME_PURPOSE)


def _end_of(day: date) -> datetime:
    return datetime.combine(day + timedelta(days=1), time(), TIANJIN)


def _shown(ctx: Context, helping: Helping, other: int | None) -> ShownHelping:
    scopes = tuple(s for s in Scope if s in helping.scopes)
    return ShownHelping(
        id=helping.id,
        other=name_of(ctx, other) if other is not None else "",
        relation_words=RELATION_WORDS[Relation(helping.relation)],
        scopes=scopes,
        scopes_words=scopes_in_words(scopes),
        given_at=helping.given_at,
        accepted_at=helping.accepted_at,
        last_day=day_of(helping.expires_at - timedelta(seconds=1)),
    )


def _tell(resident_id: int, kind: str, helping: Helping, at: datetime) -> None:
    notify(resident_id, f"{kind}.{helping.id}", kind, {"helping": helping.id}, at)


def _trace(at: datetime, actor: int, deed: str, helping: Helping, **detail: object) -> None:
    write_audit(
        at, f"resident:{actor}", deed, f"resident:{helping.resident_id}", helping_no=helping.id, **detail
    )
