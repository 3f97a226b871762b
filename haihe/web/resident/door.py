"""What every door of the residents has in common: what its refusals mean, and the token that opens it."""

from __future__ import annotations

from typing import ClassVar

from flask import request

from haihe.web.bodies import StrictBlueprint

LOCKED = {"security": [{"resident": []}]}


class Blueprint(StrictBlueprint):
    """A door of the residents."""

    REFUSALS: ClassVar = {
        401: "未登录，或登录已过期",
        403: "尚未完成实名绑定，或未满 18 周岁",
        404: "没有找到，或不属于您",
        409: "与现有状态冲突，例如尚未开通",
        415: "不是 application/json",
        422: "内容不符合要求，见 field 与 errors",
        429: "过于频繁，见 Retry-After",
        503: "外部服务暂时不可用",
    }

    def __init__(self, name: str, description: str) -> None:
        super().__init__(name, __name__, description=description)


def bearer() -> str | None:
    """The token in the Authorization header."""
    kind, _space, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if kind.lower() == "bearer" and token.strip() else None
