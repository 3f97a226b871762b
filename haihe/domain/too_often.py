"""Asking too often is nobody's fault and nothing is wrong with the request: it only has to wait."""

from __future__ import annotations

from haihe.domain.errors import HaiheError


class TooOften(HaiheError):
    """The same request will be taken after `retry_after` seconds."""

    def __init__(self, code: str, detail: str, retry_after: int) -> None:
        super().__init__(code, detail)
        self.retry_after = retry_after
