"""Pages of a search (AuthZEN §8.2): the token says where the last page ended, and for which very search it was given."""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from werkzeug.exceptions import HTTPException

from haihe.usecases.context import Context
from haihe.web.problems import problem

MAC_BYTES = 16
SEARCHED = ("subject", "action", "resource", "context")


class Page:
    """Which part of the results is wanted. Raises 400 for a page object that is none, or a token of another search."""

    def __init__(self, ctx: Context, client_id: str, asked: Mapping[str, Any]) -> None:
        page = asked.get("page", {})
        if not isinstance(page, dict):
            _refuse("字段 page 应为对象", "page")
        limit, token = page.get("limit"), page.get("token")
        if limit is not None and (not isinstance(limit, int) or isinstance(limit, bool) or limit < 0):
            _refuse("page.limit 应为不小于 0 的整数", "page.limit")
        if token is not None and not isinstance(token, str):
            _refuse("page.token 应为文字", "page.token")
        self._ctx = ctx
        entities = {name: asked[name] for name in SEARCHED if name in asked}
        self._search = client_id + orjson.dumps(entities, option=orjson.OPT_SORT_KEYS).decode()
        self._wanted = "page" in asked
        self._begin, self._limit = 0, limit
        if token:
            self._begin, given = self._open(token)
            if limit is not None and limit != given:
                _refuse("page.limit 与上一页不同；请保持不变，或从头开始", "page.limit")
            self._limit = given

    def of(self, results: Sequence[Mapping[str, str]]) -> dict[str, Any]:
        """The answer with this page of the results; without a page object where none was asked for."""
        end = len(results) if self._limit is None else self._begin + self._limit
        shown = list(results[self._begin : end])
        if not self._wanted:
            return {"results": shown}
        more = self._seal(end) if end < len(results) else ""
        return {
            "page": {"next_token": more, "count": len(shown), "total": len(results)},
            "results": shown,
        }

    def _seal(self, begin: int) -> str:
        told = orjson.dumps([begin, self._limit])
        return base64.urlsafe_b64encode(self._mac(told) + told).decode()

    def _open(self, token: str) -> tuple[int, int | None]:
        try:
            sealed = base64.urlsafe_b64decode(token.encode())
        except (binascii.Error, ValueError):
            sealed = b""
        told = sealed[MAC_BYTES:]
        if not hmac.compare_digest(self._mac(told), sealed[:MAC_BYTES]):
            _refuse("page.token 无效，或与这次查询的内容不符；请从第一页开始", "page.token")
        begin, limit = orjson.loads(told)
        return begin, limit

    def _mac(self, told: bytes) -> bytes:
        return self._ctx.vault.index(f"{self._search}\0{told.decode(errors='replace')}", "search page")[
            :MAC_BYTES
        ]


def _refuse(detail: str, field: str) -> Any:
    raise HTTPException(response=problem(400, "REQUEST_INVALID", detail, field=field))
