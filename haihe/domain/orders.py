"""订单: the life of a benefit in use, and what may follow what (as WeChat Pay Score runs it).

An order is held (CREATED), runs (DOING) and is completed; then it waits for its money (UNPAID) or is settled. Amounts are
whole fen. No money moves here: what was agreed, due and settled is written down and reconciled.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from haihe.domain.errors import Conflict, InvalidInput


class OrderState(StrEnum):
    """订单状态. REVOKED and EXPIRED are final, COMPLETED is once it is settled."""

    CREATED = "CREATED"
    DOING = "DOING"
    COMPLETED = "COMPLETED"
    REVOKED = "REVOKED"
    EXPIRED = "EXPIRED"


class Phase(StrEnum):
    """What may be done next: the state, with CREATED and COMPLETED each told apart by what is still missing."""

    UNCONFIRMED = "待居民确认"
    HELD = "已预留，待开始"
    DOING = "进行中"
    UNPAID = "已完成，待结清"
    SETTLED = "已结清"
    REVOKED = "已撤销"
    EXPIRED = "已过期"
    MISSED = "预订未到场"


class Deed(StrEnum):
    """What can be done to an order. Its value is the name of the event that it leaves: `order.confirmed` and so on."""

    OPEN = "opened"
    CONFIRM = "confirmed"
    START = "started"
    LOWER = "lowered"
    COMPLETE = "completed"
    SETTLE = "settled"
    CANCEL = "cancelled"
    EXPIRE = "expired"
    NO_SHOW = "no_show"
    DISPUTE = "disputed"
    END_DISPUTE = "dispute_ended"
    CONFIRM_BREACH = "breach_confirmed"


class DisputeReason(StrEnum):
    """有争议的是什么. A word and no story: what goes to the merchant says nothing of the resident's life."""

    NOT_MINE = "NOT_MINE"
    AMOUNT = "AMOUNT"
    RETURNED = "RETURNED"
    PAID = "PAID"
    CAME = "CAME"
    OTHER = "OTHER"


# Each dispute gives its days back and makes every announcement anew. Three times is enough to say that something is not
# right; without an end to it nothing would ever be due. What is recorded after that can be objected to like any record.
MOST_DISPUTES = 3

# Who may do what when. As with WeChat Pay Score an order that waits for its money is no longer cancelled, only lowered
# or settled; a dispute stands beside the state and never changes it. That nobody came can be said of a booking that ran out;
# whoever said so takes it back by cancelling.
ALLOWED: Mapping[Phase, frozenset[Deed]] = {
    Phase.UNCONFIRMED: frozenset({Deed.CONFIRM, Deed.LOWER, Deed.CANCEL, Deed.EXPIRE}),
    Phase.HELD: frozenset({Deed.START, Deed.LOWER, Deed.CANCEL, Deed.EXPIRE, Deed.NO_SHOW}),
    Phase.DOING: frozenset(
        {Deed.LOWER, Deed.COMPLETE, Deed.CANCEL, Deed.DISPUTE, Deed.END_DISPUTE, Deed.CONFIRM_BREACH}
    ),
    Phase.UNPAID: frozenset({Deed.LOWER, Deed.SETTLE, Deed.DISPUTE, Deed.END_DISPUTE, Deed.CONFIRM_BREACH}),
    Phase.SETTLED: frozenset(),
    Phase.REVOKED: frozenset(),
    Phase.EXPIRED: frozenset({Deed.NO_SHOW}),
    Phase.MISSED: frozenset({Deed.CANCEL, Deed.DISPUTE, Deed.END_DISPUTE}),
}
WORDS = {
    Deed.OPEN: "开立",
    Deed.CONFIRM: "确认",
    Deed.START: "开始",
    Deed.LOWER: "调低金额",
    Deed.COMPLETE: "完成",
    Deed.SETTLE: "结清",
    Deed.CANCEL: "撤销",
    Deed.EXPIRE: "过期",
    Deed.NO_SHOW: "报告未到场",
    Deed.DISPUTE: "提出争议",
    Deed.END_DISPUTE: "了结争议",
    Deed.CONFIRM_BREACH: "确认违约",
}


def phase_of(state: OrderState, unconfirmed: bool, settled: bool, missed: bool = False) -> Phase:
    """Where an order stands."""
    if missed:
        return Phase.MISSED
    if state is OrderState.CREATED:
        return Phase.UNCONFIRMED if unconfirmed else Phase.HELD
    if state is OrderState.COMPLETED:
        return Phase.SETTLED if settled else Phase.UNPAID
    return {
        OrderState.DOING: Phase.DOING,
        OrderState.REVOKED: Phase.REVOKED,
        OrderState.EXPIRED: Phase.EXPIRED,
    }[state]


def check_allowed(phase: Phase, deed: Deed) -> None:
    """Conflict ORDER_STATE where the deed may not be done now."""
    if deed not in ALLOWED[phase]:
        raise Conflict("ORDER_STATE", f"订单当前为“{phase}”，不能{WORDS[deed]}")


@dataclass(frozen=True, slots=True)
class Item:
    """One payment or discount: what for, and how much in fen."""

    name: str
    amount_fen: int


def total_of(payments: Sequence[Item], discounts: Sequence[Item], agreed_fen: int) -> int:
    """Σ payments − Σ discounts in fen; InvalidInput where it is below nought or above what was agreed."""
    total = sum(p.amount_fen for p in payments) - sum(d.amount_fen for d in discounts)
    if total < 0:
        raise InvalidInput("AMOUNT_NEGATIVE", "优惠合计超过应付合计，总额不能小于 0", "discounts")
    if total > agreed_fen:
        raise InvalidInput(
            "AMOUNT_ABOVE_AGREED", f"总额 {total} 分超过约定的上限 {agreed_fen} 分", "payments"
        )
    return total


def check_agreed(amount_fen: int, ceiling_fen: int) -> int:
    """What is agreed at the opening, never above the ceiling of what was granted."""
    if amount_fen > ceiling_fen:
        raise InvalidInput(
            "AMOUNT_ABOVE_CEILING", f"约定金额不能超过该优惠的上限 {ceiling_fen} 分", "amount_fen"
        )
    return amount_fen


def check_lower(amount_fen: int, present_fen: int) -> None:
    """An amount may only go down."""
    if amount_fen > present_fen:
        raise InvalidInput("AMOUNT_NOT_LOWER", f"金额只能调低，当前为 {present_fen} 分", "amount_fen")
