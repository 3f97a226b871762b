"""亲情代办: a relative does for a resident what the resident has named, until a day that the resident has named."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from enum import StrEnum

from haihe.domain.dates import add_months
from haihe.domain.errors import InvalidInput

CODE_DIGITS = 8
INVITED_FOR = timedelta(minutes=10)
LONGEST_MONTHS = 12
# A family is small. Whoever would help many is no relative but a trade, and such a trade preys on the elderly.
MOST_HELPERS = 3
MOST_HELPED = 5


class Scope(StrEnum):
    """What a relative may do. Nothing outside these can be named, so nothing outside them can be given."""

    VIEW = "VIEW"
    PASS = "PASS"  # noqa: S105 (信用码, not a password)
    ORDER = "ORDER"
    OBJECTION = "OBJECTION"


class Relation(StrEnum):
    """Who the relative is to the resident."""

    CHILD = "CHILD"
    SPOUSE = "SPOUSE"
    PARENT = "PARENT"
    SIBLING = "SIBLING"
    GRANDCHILD = "GRANDCHILD"
    OTHER = "OTHER"


class EndedBy(StrEnum):
    """Who ended it."""

    HELPED = "HELPED"
    HELPER = "HELPER"
    LEFT = "LEFT"


SCOPE_WORDS = {
    Scope.VIEW: "查看积分与消息",
    Scope.PASS: "出示信用码",
    Scope.ORDER: "订单",
    Scope.OBJECTION: "异议与报告",
}
RELATION_WORDS = {
    Relation.CHILD: "子女",
    Relation.SPOUSE: "配偶",
    Relation.PARENT: "父母",
    Relation.SIBLING: "兄弟姐妹",
    Relation.GRANDCHILD: "孙辈",
    Relation.OTHER: "亲友",
}


def read_scopes(given: Iterable[str]) -> frozenset[Scope]:
    """What was ticked; InvalidInput where it is nothing, or nothing that can be given."""
    wanted = frozenset(given)
    if not wanted or wanted - {s.value for s in Scope}:
        raise InvalidInput("SCOPES_INVALID", "请至少勾选一项可以代办的事项", "scopes")
    return frozenset(Scope(s) for s in wanted)


def check_last_day(last_day: date, today: date) -> None:
    """From today to a year ahead."""
    longest = add_months(today, LONGEST_MONTHS)
    if not today <= last_day <= longest:
        raise InvalidInput("UNTIL_INVALID", f"结束日期应在今天与 {longest.isoformat()} 之间", "until")


def scopes_in_words(scopes: Iterable[str]) -> str:
    """The scopes as people read them, in their own order."""
    held = set(scopes)
    return "、".join(words for scope, words in SCOPE_WORDS.items() if scope in held)
