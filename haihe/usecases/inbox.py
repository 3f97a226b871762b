"""我的消息: what a resident is told without asking, in words, and what of it is new."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import select, tuple_

from haihe.domain.errors import InvalidInput
from haihe.domain.helping import RELATION_WORDS, Relation, scopes_in_words
from haihe.domain.objections import STATE_WORDS, ObjectionState
from haihe.storage.db import db, transaction
from haihe.storage.decisions import Order
from haihe.storage.helping import Helping
from haihe.storage.notifications import (
    Notification,
    Occasion,
    Teller,
    count_after,
    mark_read,
    occasions,
    read_until,
)
from haihe.storage.objections import Objection
from haihe.storage.orders import OrderEvent
from haihe.storage.partners import Merchant
from haihe.storage.scores import LedgerEntry
from haihe.usecases.context import Context
from haihe.usecases.helping import name_of
from haihe.usecases.inbox_words import (
    deed_words,
    helped_words,
    helping_words,
    notice_words,
    objection_words,
    points_words,
    question_words,
)
from haihe.usecases.show_points import shown_change
from haihe.usecases.who_asked import questions_of

ID_FORM = re.compile(r"([0-9]{1,17})-([ndpqo])-([0-9a-z.]{1,40})")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Told:
    """What there is to say about an occasion: the kind and its parts for programs, words for people, where to look."""

    kind: str
    parts: Mapping[str, Any]
    title: str
    text: str
    path: str


@dataclass(frozen=True, slots=True)
class Message:
    """One message. `id` is also the cursor that continues after it."""

    id: str
    at: datetime
    new: bool
    told: Told


def list_messages(
    ctx: Context, resident_id: int, before: str | None, limit: int
) -> tuple[list[Message], str | None]:
    """Messages newest first, and the cursor of the next page (None on the last)."""
    found = occasions(resident_id, _occasion(before) if before is not None else None, limit + 1)
    page = found[:limit]
    read, told = read_until(resident_id), _told(ctx, resident_id, page)
    messages = [Message(_id(o), o.at, read is None or o.at > read, told[o]) for o in page if o in told]
    return messages, _id(page[-1]) if len(found) > limit else None


def count_new(resident_id: int) -> int:
    """How many messages have not been read."""
    return count_after(resident_id, read_until(resident_id))


def read_messages(resident_id: int, until: datetime) -> None:
    """Everything told until then has been read; what comes in meanwhile stays new."""
    with transaction():
        mark_read(resident_id, until)


def _id(occasion: Occasion) -> str:
    return f"{(occasion.at - EPOCH) // MICROSECOND}-{occasion.teller}-{occasion.key}"


def _occasion(cursor: str) -> Occasion:
    form = ID_FORM.fullmatch(cursor)
    if form is None:
        raise InvalidInput("CURSOR_INVALID", "应为上一页给出的 next_before", "before")
    moment, teller, key = form.groups()
    return Occasion(EPOCH + int(moment) * MICROSECOND, teller, key)


def _told(ctx: Context, resident_id: int, page: Sequence[Occasion]) -> dict[Occasion, Told]:
    ctx.rules.up_to_date()
    told: dict[Occasion, Told] = {}
    for teller, tell in TELL.items():
        asked = {o.key: o for o in page if o.teller == teller}
        if asked:
            told |= {asked[key]: what for key, what in tell(ctx, resident_id, asked)}
    return told


Keyed = Iterable[tuple[str, Told]]


def _notices(ctx: Context, resident_id: int, asked: Mapping[str, Occasion]) -> Keyed:
    rows = select(Notification).where(Notification.id.in_(map(int, asked)))
    for row in db.session.execute(rows).scalars():
        if "helping" in row.parts:
            yield str(row.id), _about_helping(ctx, resident_id, row)
            continue
        title, text = notice_words(row.kind, row.parts, _name(ctx, row.parts.get("scenario")))
        path = f"/m/orders/{row.parts['order_id']}" if "order_id" in row.parts else "/m/ledger"
        yield str(row.id), Told(row.kind, row.parts, title, text, path)


def _about_helping(ctx: Context, resident_id: int, row: Notification) -> Told:
    """What a relative has done, and how it stands between the two. Names are read where they are sealed, never stored here."""
    helping = db.session.get_one(Helping, row.parts["helping"])
    other = helping.helper_id if helping.resident_id == resident_id else helping.resident_id
    name = name_of(ctx, other) if other is not None else "亲友"
    relation = RELATION_WORDS[Relation(helping.relation)]
    what = helped_words(row.parts.get("deed", ""), _name(ctx, row.parts.get("scenario")))
    title, text = helping_words(row.kind, name, relation, what, scopes_in_words(helping.scopes))
    return Told(row.kind, row.parts, title, text, _where(row))


def _where(row: Notification) -> str:
    """Where what was done can be seen."""
    kind, _colon, number = row.parts.get("subject", "").partition(":")
    if kind in ("order", "objection", "report"):
        return f"/m/{kind}s/{number}"
    return "/m/helping" if row.kind == "HELPING_ENDED" else "/m/helpers"


def _deeds(ctx: Context, resident_id: int, asked: Mapping[str, Occasion]) -> Keyed:
    keys = [tuple(map(int, key.split("."))) for key in asked]
    rows = db.session.execute(
        select(OrderEvent, Order, Merchant.name)
        .join(Order, Order.id == OrderEvent.order_id)
        .join(Merchant, Merchant.id == Order.merchant_id)
        .where(tuple_(OrderEvent.order_id, OrderEvent.sequence).in_(keys))
    )
    for event, order, merchant in rows:
        name = _name(ctx, order.scenario)
        title, text = deed_words(event.what, merchant, name, event.amounts)
        parts = {"order_id": order.id, "merchant": merchant, "scenario": name, **event.amounts}
        key = f"{event.order_id}.{event.sequence:04d}"
        yield key, Told(f"ORDER_{event.what.upper()}", parts, title, text, f"/m/orders/{order.id}")


def _points(ctx: Context, resident_id: int, asked: Mapping[str, Occasion]) -> Keyed:
    rows = db.session.execute(
        select(LedgerEntry)
        .where(LedgerEntry.resident_id == resident_id, LedgerEntry.at.in_([o.at for o in asked.values()]))
        .order_by(LedgerEntry.id)
    ).scalars()
    by_moment: dict[datetime, list[LedgerEntry]] = {}
    for row in rows:
        by_moment.setdefault(row.at, []).append(row)
    for entries in by_moment.values():
        # What moved the total most is what it is told by.
        change = shown_change(ctx, max(entries, key=lambda e: abs(e.delta)))
        before, after = entries[0].before, entries[-1].after
        parts = {
            "before": before,
            "after": after,
            "delta": after - before,
            "cause": change.cause,
            "part": change.part,
        }
        title, text = points_words(before, after, change.cause_words, change.part_name)
        yield str(entries[-1].id), Told("POINTS_CHANGED", parts, title, text, "/m/ledger")


def _questions(ctx: Context, resident_id: int, asked: Mapping[str, Occasion]) -> Keyed:
    for question in questions_of(ctx, resident_id, list(asked)):
        title, text = question_words(question.merchant, question.scenario_name, question.answer)
        parts = {
            "decision_id": question.decision_id,
            "merchant": question.merchant,
            "scenario": question.scenario_name,
            "eligible": question.eligible,
        }
        path = f"/m/questions/{question.decision_id}"
        yield question.decision_id, Told("QUESTION_ASKED", parts, title, text, path)


def _objections(ctx: Context, resident_id: int, asked: Mapping[str, Occasion]) -> Keyed:
    rows = select(Objection.id, Objection.state).where(Objection.id.in_(map(int, asked)))
    for objection_id, state in db.session.execute(rows):
        title, text = objection_words(STATE_WORDS[ObjectionState(state)])
        parts = {"objection_id": objection_id, "state": state}
        yield (
            str(objection_id),
            Told("OBJECTION_ANSWERED", parts, title, text, f"/m/objections/{objection_id}"),
        )


def _name(ctx: Context, scenario: str | None) -> str:
    """What the benefit is called; a name stays a name."""
    known = ctx.rules.scenario(scenario or "")
    return known.name if known is not None else scenario or "优惠"


TELL: Mapping[str, Callable[[Context, int, Mapping[str, Occasion]], Keyed]] = {
    Teller.NOTIFICATION: _notices,
    Teller.DEED: _deeds,
    Teller.POINTS: _points,
    Teller.QUESTION: _questions,
    Teller.OBJECTION: _objections,
}
