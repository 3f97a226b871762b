"""订单: the life of a benefit in use, and what may follow what (as WeChat Pay Score runs it)."""

from __future__ import annotations

from enum import StrEnum

from haihe.domain.errors import Conflict


class OrderState(StrEnum):
    """订单状态. COMPLETED, REVOKED and EXPIRED are final."""

    CREATED = "CREATED"
    DOING = "DOING"
    COMPLETED = "COMPLETED"
    REVOKED = "REVOKED"
    EXPIRED = "EXPIRED"


NEXT: dict[OrderState, frozenset[OrderState]] = {
    OrderState.CREATED: frozenset({OrderState.DOING, OrderState.REVOKED, OrderState.EXPIRED}),
    OrderState.DOING: frozenset({OrderState.COMPLETED, OrderState.REVOKED}),
    OrderState.COMPLETED: frozenset(),
    OrderState.REVOKED: frozenset(),
    OrderState.EXPIRED: frozenset(),
}


def next_state(present: OrderState, wanted: OrderState) -> OrderState:
    """The state after the step; Conflict ORDER_STATE where that step may not follow."""
    if wanted not in NEXT[present]:
        raise Conflict("ORDER_STATE", f"订单当前状态为 {present}，不能变为 {wanted}")
    return wanted
