"""开立订单: a benefit goes into use with a yes that still holds. The merchant's own number makes it safe to repeat."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import select

from haihe.cache.copies import CacheDown
from haihe.domain.eligibility import MerchantCode, decide
from haihe.domain.errors import Conflict, Forbidden, InvalidInput, NotFound
from haihe.domain.order_clock import CONFIRM_WITHIN, LONGEST_HOLD
from haihe.domain.orders import Deed, OrderState, check_agreed
from haihe.domain.passes import ANSWER_HOLDS
from haihe.domain.scenarios import Offer, Scenario
from haihe.storage.copies import lock_residents, next_generation
from haihe.storage.db import db, transaction
from haihe.storage.decisions import DecisionRow, Order
from haihe.storage.notifications import notify
from haihe.storage.orders import take_place
from haihe.storage.passes import end_pass_of_decision, lock_order_number, owner_of_pass
from haihe.usecases.batch_journal import take_over_decision
from haihe.usecases.context import Context, day_of
from haihe.usecases.gather_facts import gather_facts
from haihe.usecases.journal import take_over_journal
from haihe.usecases.links import link_stands
from haihe.usecases.order_deeds import asked_before, find_order, leave_traces
from haihe.usecases.publish_rules import configuration_changed
from haihe.usecases.rescore import Touched, hold_copies, rescore
from haihe.usecases.rules_in_force import Partner
from haihe.usecases.telling_redis import end_passes_in_redis, outlast_vouchers

PATIENCE_SECONDS = 2.0
PAUSE_SECONDS = 0.05
# One of many has three digits more.
DECISION_FORM = re.compile(r"d[0-9a-f]{32}(?:[0-9a-f]{3})?")


@dataclass(frozen=True, slots=True)
class Wish:
    """What the merchant asks for beyond the decision. `held_until`: it will start the order itself by then; `due_on`: the
    day by which the thing is to be back; without `amount_fen` the ceiling of the benefit is agreed."""

    decision_id: str
    amount_fen: int | None = None
    held_until: datetime | None = None
    due_on: date | None = None

    def plain(self) -> Mapping[str, Any]:
        """As it is kept, to be compared with a repetition."""
        return {
            "decision_id": self.decision_id,
            "amount_fen": self.amount_fen,
            "held_until": self.held_until and self.held_until.isoformat(),
            "due_on": self.due_on and self.due_on.isoformat(),
        }


def open_order(ctx: Context, partner: Partner, out_order_no: str, wish: Wish, at: datetime) -> Order:
    """Open an order with a yes that still holds; the pass has then served. The same number again gives the same order.

    What a yes rests on is looked at once more under the resident's lock, and a place is taken in every shared quota, so
    no quota is ever exceeded. The order is held where the resident has to confirm it or the merchant starts it later.
    """
    decision = _decision(ctx, partner, wish.decision_id)
    scenario = ctx.rules.up_to_date().scenario(decision.scenario)
    with transaction():
        lock_order_number(partner.merchant_id or 0, out_order_no)
        lock_residents([decision.resident_id or 0])
        with suppress(NotFound):
            held = find_order(partner, out_order_no)
            asked_before(held, Deed.OPEN, wish.plain())
            return held
        if decision.scenario not in partner.scenarios:
            raise Forbidden("SCENARIO_NOT_ADMITTED", "贵方已不再接入该场景", "decision_id")
        resident_id = _still_holds(decision, at)
        _check_days(wish, at)
        offer = _offer_now(ctx, partner, resident_id, scenario, at)
        if scenario is None or offer is None:
            raise Conflict("NOT_AVAILABLE", "该优惠目前不可用，请按默认条款办理", "decision_id")
        order = _order(partner, out_order_no, wish, resident_id, scenario, offer, at)
        full = _take_places(order, scenario, partner)
        db.session.add(order)
        db.session.flush()
        asked_before(order, Deed.OPEN, wish.plain())
        told = end_passes_in_redis(ctx, end_pass_of_decision(wish.decision_id, at))
        if order.unconfirmed:
            _ask_to_confirm(order, partner, scenario, at)
        leave_traces(order, Deed.OPEN, f"client:{partner.client_id}", at)
        rescored = rescore(ctx, {order.resident_id: Touched()}, at)
        generation = next_generation() if full else None
    hold_copies(ctx, rescored)
    outlast_vouchers(told)
    if generation is not None:
        configuration_changed(ctx, generation)
    return order


def _still_holds(decision: DecisionRow, at: datetime) -> int:
    """The resident of a yes that has not been used; Conflict for any other."""
    if decision.code != MerchantCode.OK or decision.resident_id is None:
        raise Conflict("DECISION_NOT_YES", "该判定的结果不是“可以”，不能开立订单", "decision_id")
    if at > decision.at + ANSWER_HOLDS:
        raise Conflict("DECISION_EXPIRED", "该判定已过有效期，请重新扫码核验", "decision_id")
    used = select(Order.id).where(Order.decision_id == decision.decision_id)
    if db.session.execute(used).first() is not None:
        raise Conflict("DECISION_USED", "该判定已开立过订单", "decision_id")
    if decision.pass_hash is None:
        if not link_stands(decision.merchant_id, decision.resident_id, decision.scenario, at):
            raise Conflict("NOT_AVAILABLE", "该优惠目前不可用，请按默认条款办理", "decision_id")
    elif owner_of_pass(decision.pass_hash) != decision.decision_id:
        # Whatever was answered elsewhere while Redis was failing, a pass serves one order.
        raise Conflict("DECISION_EXPIRED", "该信用码已由另一次核验使用或已失效，请重新扫码", "decision_id")
    return decision.resident_id


def _check_days(wish: Wish, at: datetime) -> None:
    if wish.held_until is not None and not at < wish.held_until <= at + LONGEST_HOLD:
        raise InvalidInput("HELD_UNTIL_INVALID", f"应在现在之后、{LONGEST_HOLD.days} 天之内", "held_until")
    if wish.due_on is not None and wish.due_on < day_of(at):
        raise InvalidInput("DUE_ON_INVALID", "应还日期不能早于今天", "due_on")


def _order(
    partner: Partner,
    out_order_no: str,
    wish: Wish,
    resident_id: int,
    scenario: Scenario,
    offer: Offer,
    at: datetime,
) -> Order:
    unconfirmed = scenario.needs_resident_confirmation
    held = unconfirmed or wish.held_until is not None
    agreed = offer.ceiling_fen if wish.amount_fen is None else wish.amount_fen
    return Order(
        merchant_id=partner.merchant_id,
        out_order_no=out_order_no,
        decision_id=wish.decision_id,
        resident_id=resident_id,
        scenario=scenario.code,
        revision=scenario.revision,
        benefit={"label": offer.label, "ceiling_fen": offer.ceiling_fen},
        asked={},
        state=OrderState.CREATED if held else OrderState.DOING,
        opened_on=day_of(at),
        created_at=at,
        held_until=(wish.held_until or at + CONFIRM_WITHIN) if held else None,
        unconfirmed=unconfirmed,
        starts_later=wish.held_until is not None,
        started_at=None if held else at,
        agreed_fen=check_agreed(agreed, offer.ceiling_fen),
        payments=[],
        discounts=[],
        intact=True,
        late=False,
        due_on=wish.due_on,
        steps_done=0,
        counters=[],
    )


def _take_places(order: Order, scenario: Scenario, partner: Partner) -> bool:
    """Take a place in every shared quota, always in the same order; True if one of them is full now.

    A sandbox has all places to itself and takes none of the city's.
    """
    full, taken = False, []
    for quota in sorted(scenario.shared_quotas, key=lambda q: (q.each_merchant, q.period)):
        number, key = partner.places(quota.each_merchant), quota.period.key(order.opened_on)
        place = take_place(scenario.code, number, quota.period, key, quota.at_most)
        if place is None:
            raise Conflict("QUOTA_USED_UP", "该优惠的名额已用完，请按默认条款办理", "decision_id")
        taken.append(place[0])
        full = full or place[1]
    order.counters = taken
    return full


def _ask_to_confirm(order: Order, partner: Partner, scenario: Scenario, at: datetime) -> None:
    parts = {"order_id": order.id, "merchant": partner.merchant_name, "scenario": scenario.name}
    notify(order.resident_id, f"order:{order.id}:confirm", "ORDER_TO_CONFIRM", parts, at)


def _decision(ctx: Context, partner: Partner, decision_id: str) -> DecisionRow:
    """The merchant's decision, fetched from the journal if it is not in PostgreSQL yet."""
    if not DECISION_FORM.fullmatch(decision_id):
        # None of ours, and PostgreSQL could not even be asked about some of them.
        raise _no_such_decision()
    query = select(DecisionRow).where(
        DecisionRow.decision_id == decision_id, DecisionRow.merchant_id == partner.merchant_id
    )
    decision = db.session.execute(query).scalar_one_or_none()
    patience_ends = time.monotonic() + PATIENCE_SECONDS
    while decision is None and time.monotonic() < patience_ends:
        # It may still be in the journal, or on its way from there in somebody else's hands.
        with suppress(CacheDown):
            take_over_journal(ctx)
            take_over_decision(ctx, decision_id)
        decision = db.session.execute(query).scalar_one_or_none()
        if decision is None:
            db.session.rollback()
            time.sleep(PAUSE_SECONDS)
    if decision is None:
        raise _no_such_decision()
    return decision


def _no_such_decision() -> NotFound:
    return NotFound("DECISION_NOT_FOUND", "没有这个判定编号，请核对 decision_id", "decision_id")


def _offer_now(
    ctx: Context, partner: Partner, resident_id: int, scenario: Scenario | None, at: datetime
) -> Offer | None:
    """What the resident is given at this moment; None where the answer is no longer yes."""
    if scenario is None:
        return None
    on = day_of(at)
    gathered = gather_facts([resident_id], ctx.rules.rulebook(on), on)
    return decide(gathered[resident_id].facts, scenario, on, partner.district, partner.merchant_id).offer
