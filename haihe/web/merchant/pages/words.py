"""The neutral codes and the states of orders, in the words of a person at the counter."""

from __future__ import annotations

from dataclasses import dataclass

from haihe.domain.eligibility import MerchantCode
from haihe.domain.orders import OrderState


@dataclass(frozen=True, slots=True)
class Verdict:
    """One big word, a shape of its own, and what to do now. `advice` is for the cashier; nothing in it is about the person."""

    word: str
    kind: str
    advice: str


VERDICTS = {
    MerchantCode.OK: Verdict("可以", "yes", ""),
    MerchantCode.NOT_AVAILABLE: Verdict("不可以", "no", "不必追问原因：居民可在自己的小程序里看到。"),
    MerchantCode.QUOTA_USED_UP: Verdict("不可以", "no", "这项优惠本期的次数已用完。"),
    MerchantCode.CODE_EXPIRED: Verdict("请再出示", "again", "信用码已过期或已用过，请居民刷新后再扫。"),
    MerchantCode.SCENARIO_CLOSED: Verdict("未开放", "closed", "这项优惠现在没有开放。"),
    MerchantCode.OUT_OF_AREA: Verdict("未开放", "closed", "这项优惠在贵店所在的区还没有开放。"),
}

ORDER_STATES = {
    OrderState.CREATED: ("待开始", "wait", "clock"),
    OrderState.DOING: ("进行中", "", "play"),
    OrderState.COMPLETED: ("已完成", "good", "check"),
    OrderState.REVOKED: ("已撤销", "mute", "undo-2"),
    OrderState.EXPIRED: ("已过期", "mute", "hourglass"),
}

DELIVERY_STATES = {
    "WAITING": ("等待投递", "wait", "clock"),
    "DELIVERED": ("已送达", "good", "check"),
    "GIVEN_UP": ("多次未送达", "bad", "circle-alert"),
    "DROPPED": ("不再投递", "mute", "ban"),
}

MERCHANT_STATES = {
    "APPLIED": ("审核中", "wait", "clock"),
    "RETURNED": ("已退回，请修改", "wait", "undo-2"),
    "REFUSED": ("未获批准", "bad", "ban"),
    "ACTIVE": ("已准入", "good", "check"),
    "SUSPENDED": ("已暂停", "wait", "pause"),
}
ROLES = {"cashier": "店员", "manager": "店长"}


def yuan(fen: int | None) -> str:
    """Whole fen as yuan, without needless zeros."""
    if fen is None:
        return ""
    whole, part = divmod(fen, 100)
    return f"{whole:,} 元" if part == 0 else f"{whole:,}.{part:02d} 元"
