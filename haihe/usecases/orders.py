"""订单: opening one with a decision, completing it, cancelling it. The merchant's own number makes each safe to repeat."""

from __future__ import annotations

import re
import time
from contextlib import suppress
from datetime import datetime

from sqlalchemy import select

from haihe.cache.copies import CacheDown
from haihe.domain.eligibility import MerchantCode, decide
from haihe.domain.errors import Conflict, Forbidden, NotFound
from haihe.domain.orders import OrderState, next_state
from haihe.domain.passes import ANSWER_HOLDS
from haihe.domain.scenarios import Offer, Scenario
from haihe.storage.copies import lock_residents
from haihe.storage.db import db, transaction
from haihe.storage.decisions import DecisionRow, Order
from haihe.storage.office import write_audit
from haihe.storage.passes import end_pass_of_decision, lock_order_number, owner_of_pass
from haihe.usecases.context import Context, day_of
from haihe.usecases.gather_facts import gather_facts
from haihe.usecases.journal import take_over_journal
from haihe.usecases.rescore import Rescored, Touched, hold_copies, rescore
from haihe.usecases.rules_in_force import Partner
from haihe.usecases.telling_redis import end_passes_in_redis, outlast_vouchers

PATIENCE_SECONDS = 2.0
PAUSE_SECONDS = 0.05
DECISION_FORM = re.compile(r"d[0-9a-f]{32}")


def open_order(ctx: Context, partner: Partner, out_order_no: str, decision_id: str, at: datetime) -> Order:
    """Open an order with a yes that still holds; the pass has then served. The same number again gives the same order.

    What a yes rests on is looked at once more under the resident's lock: of two passes shown at once, only as many are
    honoured as the quota allows.
    """
    decision = _decision(ctx, partner, decision_id)
    scenario = ctx.rules.up_to_date().scenario(decision.scenario)
    if decision.scenario not in partner.scenarios:
        raise Forbidden("SCENARIO_NOT_ADMITTED", "贵方已不再接入该场景", "decision_id")
    with transaction():
        lock_order_number(partner.merchant_id or 0, out_order_no)
        lock_residents([decision.resident_id or 0])
        held = _find(partner, out_order_no)
        if held is not None:
            return _again(held, decision_id)
        if decision.code != MerchantCode.OK or decision.resident_id is None:
            raise Conflict("DECISION_NOT_YES", "该判定的结果不是“可以”，不能开立订单", "decision_id")
        if at > decision.at + ANSWER_HOLDS:
            raise Conflict("DECISION_EXPIRED", "该判定已过有效期，请重新扫码核验", "decision_id")
        if _used(decision_id):
            raise Conflict("DECISION_USED", "该判定已开立过订单", "decision_id")
        if owner_of_pass(decision.pass_hash) != decision_id:
            # Whatever was answered elsewhere while Redis was failing, a pass serves one order.
            raise Conflict(
                "DECISION_EXPIRED", "该信用码已由另一次核验使用或已失效，请重新扫码", "decision_id"
            )
        offer = _offer_now(ctx, partner, decision.resident_id, scenario, at)
        if scenario is None or offer is None:
            raise Conflict("NOT_AVAILABLE", "该优惠目前不可用，请按默认条款办理", "decision_id")
        order = Order(
            merchant_id=partner.merchant_id,
            out_order_no=out_order_no,
            decision_id=decision_id,
            resident_id=decision.resident_id,
            scenario=decision.scenario,
            revision=scenario.revision,
            benefit={"label": offer.label, "ceiling_fen": offer.ceiling_fen},
            state=OrderState.DOING,
            opened_on=day_of(at),
            created_at=at,
        )
        db.session.add(order)
        db.session.flush()
        told = end_passes_in_redis(ctx, end_pass_of_decision(decision_id, at))
        _trace(partner, "open_order", order, at)
        rescored = rescore(ctx, {order.resident_id: Touched()}, at)
    hold_copies(ctx, rescored)
    outlast_vouchers(told)
    return order


def end_order(ctx: Context, partner: Partner, out_order_no: str, state: OrderState, at: datetime) -> Order:
    """Complete or revoke an order; doing so again changes nothing."""
    with transaction():
        order = find_order(partner, out_order_no)
        lock_residents([order.resident_id])
        db.session.refresh(order, with_for_update=True)
        rescored = Rescored()
        if order.state != state:
            order.state = next_state(OrderState(order.state), state)
            order.ended_at = at
            db.session.flush()
            _trace(partner, f"order_{state.lower()}", order, at)
            rescored = rescore(ctx, {order.resident_id: Touched()}, at)
    hold_copies(ctx, rescored)
    return order


def find_order(partner: Partner, out_order_no: str) -> Order:
    """An order of this merchant; another merchant's is as good as none."""
    order = _find(partner, out_order_no)
    if order is None:
        raise NotFound("ORDER_NOT_FOUND", "没有这个订单号的订单", "out_order_no")
    return order


def _find(partner: Partner, out_order_no: str) -> Order | None:
    query = select(Order).where(Order.merchant_id == partner.merchant_id, Order.out_order_no == out_order_no)
    return db.session.execute(query).scalar_one_or_none()


def _decision(ctx: Context, partner: Partner, decision_id: str) -> DecisionRow:
    """The merchant's decision, fetched from the journal if it is not in PostgreSQL yet."""
    query = select(DecisionRow).where(
        DecisionRow.decision_id == decision_id, DecisionRow.merchant_id == partner.merchant_id
    )
    decision = db.session.execute(query).scalar_one_or_none()
    patience_ends = time.monotonic() + PATIENCE_SECONDS
    while decision is None and time.monotonic() < patience_ends and DECISION_FORM.fullmatch(decision_id):
        # It may still be in the journal, or on its way from there in somebody else's hands.
        with suppress(CacheDown):
            take_over_journal(ctx)
        decision = db.session.execute(query).scalar_one_or_none()
        if decision is None:
            db.session.rollback()
            time.sleep(PAUSE_SECONDS)
    if decision is None:
        raise NotFound("DECISION_NOT_FOUND", "没有这个判定编号，请核对 decision_id", "decision_id")
    return decision


def _again(order: Order, decision_id: str) -> Order:
    if order.decision_id != decision_id:
        raise Conflict("OUT_ORDER_NO_USED", "该商户订单号已用于另一次判定（decision_id 不同）", "decision_id")
    return order


def _used(decision_id: str) -> bool:
    return db.session.execute(select(Order.id).where(Order.decision_id == decision_id)).first() is not None


def _offer_now(
    ctx: Context, partner: Partner, resident_id: int, scenario: Scenario | None, at: datetime
) -> Offer | None:
    """What the resident is given at this moment; None where the answer is no longer yes."""
    if scenario is None:
        return None
    on = day_of(at)
    gathered = gather_facts([resident_id], ctx.rules.rulebook(on), on)
    return decide(gathered[resident_id].facts, scenario, on, partner.district).offer


def _trace(partner: Partner, deed: str, order: Order, at: datetime) -> None:
    write_audit(at, f"client:{partner.client_id}", deed, f"order:{order.id}", scenario=order.scenario)
