"""What may follow what, as a table; what amounts may be."""

from __future__ import annotations

import pytest

from haihe.domain.errors import Conflict, InvalidInput
from haihe.domain.orders import (
    Deed,
    Item,
    OrderState,
    Phase,
    check_agreed,
    check_allowed,
    check_lower,
    phase_of,
    total_of,
)

D = Deed
TABLE = {
    Phase.UNCONFIRMED: {D.CONFIRM, D.LOWER, D.CANCEL, D.EXPIRE},
    Phase.HELD: {D.START, D.LOWER, D.CANCEL, D.EXPIRE, D.NO_SHOW},
    Phase.DOING: {D.LOWER, D.COMPLETE, D.CANCEL, D.DISPUTE, D.END_DISPUTE, D.CONFIRM_BREACH},
    Phase.UNPAID: {D.LOWER, D.SETTLE, D.DISPUTE, D.END_DISPUTE, D.CONFIRM_BREACH},
    Phase.SETTLED: set(),
    Phase.REVOKED: set(),
    Phase.EXPIRED: {D.NO_SHOW},
    Phase.MISSED: {D.CANCEL, D.DISPUTE, D.END_DISPUTE},
}


@pytest.mark.parametrize("deed", Deed)
@pytest.mark.parametrize("phase", Phase)
def test_the_guard_table(phase: Phase, deed: Deed) -> None:
    if deed in TABLE[phase]:
        check_allowed(phase, deed)
        return
    with pytest.raises(Conflict) as refused:
        check_allowed(phase, deed)
    assert refused.value.code == "ORDER_STATE"
    assert phase.value in refused.value.detail


def test_where_an_order_stands() -> None:
    stands = {
        (OrderState.CREATED, True, False): Phase.UNCONFIRMED,
        (OrderState.CREATED, False, False): Phase.HELD,
        (OrderState.DOING, False, False): Phase.DOING,
        (OrderState.COMPLETED, False, False): Phase.UNPAID,
        (OrderState.COMPLETED, False, True): Phase.SETTLED,
        (OrderState.REVOKED, False, False): Phase.REVOKED,
        (OrderState.EXPIRED, True, False): Phase.EXPIRED,
    }
    assert {key: phase_of(*key) for key in stands} == stands
    assert phase_of(OrderState.EXPIRED, False, False, missed=True) is Phase.MISSED


def test_the_total_is_payments_less_discounts_within_what_was_agreed() -> None:
    rent, coupon = Item("租金", 1000), Item("优惠券", 300)
    assert total_of([rent, rent], [coupon], 1700) == 1700
    assert total_of([], [], 0) == 0
    with pytest.raises(InvalidInput, match="上限 1699"):
        total_of([rent, rent], [coupon], 1699)
    with pytest.raises(InvalidInput, match="不能小于 0"):
        total_of([], [coupon], 1000)


def test_amounts_go_down_and_never_above_the_ceiling() -> None:
    assert check_agreed(100, 100) == 100
    with pytest.raises(InvalidInput):
        check_agreed(101, 100)
    check_lower(99, 100)
    with pytest.raises(InvalidInput):
        check_lower(101, 100)
