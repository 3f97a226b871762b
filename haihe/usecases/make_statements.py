"""日对账单: made once the day is over, for every merchant, one day after the other; making it twice changes nothing."""

from __future__ import annotations

import hashlib
from datetime import date, datetime, time, timedelta

from sqlalchemy import func, select

from haihe.domain.errors import Conflict, NotFound
from haihe.domain.statements import Happened, LineKind, Stated, statement_lines, to_csv, to_json
from haihe.storage.audit import write_audit
from haihe.storage.db import db, transaction
from haihe.storage.decisions import Order
from haihe.storage.orders import OrderEvent
from haihe.storage.partners import Merchant
from haihe.storage.statements import Statement, StatementLine
from haihe.usecases.context import TIANJIN, Context, day_of
from haihe.usecases.notice_keys import Signer, notice_signer
from haihe.usecases.rules_in_force import Partner

STATED = ("ACTIVE", "SUSPENDED")
ACTOR = "system:statements"
PAGE = 31


def make_statements(ctx: Context, day: date, at: datetime) -> int:
    """Make every merchant's statements up to this day in Tianjin, which must be over; returns how many were made.

    Days that were missed are made first, so that what belongs to one never slips into a later one.
    """
    if day >= day_of(at):
        raise Conflict("DAY_NOT_OVER", f"{day.isoformat()} 还没有过完，不能出对账单")
    signer, made = notice_signer(ctx, at), 0
    query = select(Merchant.id).where(Merchant.state.in_(STATED)).order_by(Merchant.id)
    merchants = list(db.session.execute(query).scalars())
    db.session.rollback()
    for merchant_id in merchants:
        due = _next_day(merchant_id)
        while due <= day:
            made += _make(signer, merchant_id, due, at)
            due += timedelta(days=1)
    return made


def statement_so_far(partner: Partner, at: datetime) -> bytes:
    """Today's statement (JSON) as it would be were the day over now. Nothing is kept, and it is not signed."""
    day = day_of(at)
    begins = datetime.combine(day, time.min, TIANJIN)
    events = _unstated(partner.merchant_id or 0, begins + timedelta(days=1))
    lines = statement_lines(day, begins, events, _stated({event.order_id for event in events}))
    return to_json(partner.merchant_name, day, lines)


def statements_of(partner: Partner, before: date | None = None) -> list[Statement]:
    """The merchant's statements, the newest first, at most PAGE; `before` is the day of the last one already seen."""
    query = select(Statement).where(Statement.merchant_id == partner.merchant_id)
    if before is not None:
        query = query.where(Statement.day < before)
    return list(db.session.execute(query.order_by(Statement.day.desc()).limit(PAGE)).scalars())


def find_statement(partner: Partner, day: date) -> Statement:
    """The merchant's statement of a day."""
    found = db.session.get(Statement, (partner.merchant_id, day))
    if found is None:
        raise NotFound("STATEMENT_NOT_FOUND", "没有这一天的对账单；对账单在次日凌晨生成")
    return found


def _next_day(merchant_id: int) -> date:
    last = select(func.max(Statement.day)).where(Statement.merchant_id == merchant_id)
    held = db.session.execute(last).scalar()
    begun = select(Merchant.created_at).where(Merchant.id == merchant_id)
    first = db.session.execute(begun).scalar_one()
    return held + timedelta(days=1) if held else day_of(first)


def _make(signer: Signer, merchant_id: int, day: date, at: datetime) -> bool:
    with transaction():
        locked = select(Merchant).where(Merchant.id == merchant_id).with_for_update()
        merchant = db.session.execute(locked).scalar_one()
        if db.session.get(Statement, (merchant_id, day)) is not None:
            return False
        begins = datetime.combine(day, time.min, TIANJIN)
        events = _unstated(merchant_id, begins + timedelta(days=1))
        lines = statement_lines(day, begins, events, _stated({event.order_id for event in events}))
        csv, json = to_csv(lines), to_json(merchant.name, day, lines)
        db.session.add(
            Statement(
                merchant_id=merchant_id,
                day=day,
                lines=len(lines),
                corrections=sum(line.kind is LineKind.CORRECTION for line in lines),
                change_fen=sum(line.change_fen for line in lines),
                csv=csv,
                csv_sha256=hashlib.sha256(csv).digest(),
                csv_jws=signer.sign_detached(csv),
                json=json,
                json_sha256=hashlib.sha256(json).digest(),
                json_jws=signer.sign_detached(json),
                made_at=at,
            )
        )
        db.session.flush()
        db.session.add_all(
            StatementLine(
                order_id=line.happened.order_id,
                sequence=line.happened.sequence,
                merchant_id=merchant_id,
                day=day,
                change_fen=line.change_fen,
            )
            for line in lines
        )
        write_audit(at, ACTOR, "make_statement", f"merchant:{merchant_id}", day=day.isoformat())
    return True


def _unstated(merchant_id: int, until: datetime) -> list[Happened]:
    """What happened before this moment and stands in no statement yet."""
    rows = db.session.execute(
        select(OrderEvent, Order.out_order_no, Order.scenario)
        .join(Order, Order.id == OrderEvent.order_id)
        .outerjoin(
            StatementLine,
            (StatementLine.order_id == OrderEvent.order_id) & (StatementLine.sequence == OrderEvent.sequence),
        )
        .where(OrderEvent.merchant_id == merchant_id, OrderEvent.at < until, StatementLine.order_id.is_(None))
    )
    return [
        Happened(
            order_id=event.order_id,
            sequence=event.sequence,
            out_order_no=out_order_no,
            scenario=scenario,
            what=event.what,
            state=event.state,
            total_fen=event.amounts.get("total_fen"),
            at=event.at.astimezone(TIANJIN),
        )
        for event, out_order_no, scenario in rows
    ]


def _stated(order_ids: set[int]) -> dict[int, Stated]:
    """What earlier statements say of these orders."""
    rows = db.session.execute(
        select(
            StatementLine.order_id,
            func.sum(StatementLine.change_fen),
            func.min(StatementLine.day).filter(StatementLine.change_fen != 0),
        )
        .where(StatementLine.order_id.in_(order_ids))
        .group_by(StatementLine.order_id)
    )
    return {order_id: Stated(int(total), first_day) for order_id, total, first_day in rows}
