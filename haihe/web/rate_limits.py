"""How often one client may call, told in every answer (RateLimit header fields of the IETF's httpapi group).

The calls of all workers are counted in Redis, but not one by one: a worker takes leave for a hundred at a time, so that
counting costs a call of a busy till nothing. While Redis is away each worker counts alone.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass

from flask import Flask, Response, current_app, g

from haihe.cache.copies import CacheDown
from haihe.domain.allowances import Allowance
from haihe.domain.errors import TooOften
from haihe.usecases.context import Context
from haihe.web.context import context

EXTENSION = "haihe_rate_limits"
AT_ONCE = 100


@dataclass(slots=True)
class Leave:
    """What one client has left in this worker, and what all workers have taken, in one stretch of time."""

    window: int
    left: int = 0
    taken: int = 0


class RateLimits:
    """The leave of this worker's clients."""

    def __init__(self) -> None:
        self._clients: dict[str, Leave] = {}
        self._writing = threading.Lock()

    def take(self, ctx: Context, client_id: str, calls: int) -> str:
        """Count these calls; returns what the RateLimit header says. Raises TooOften, which is counted too."""
        allowance, at_ms = ctx.client_allowance, int(ctx.now().timestamp() * 1000)
        window = allowance.window(at_ms)
        with self._writing:
            leave = self._clients.get(client_id)
            if leave is None or leave.window != window:
                leave = self._clients[client_id] = Leave(window)
        if leave.left < calls:
            self._renew(ctx, client_id, leave, calls, at_ms)
        with self._writing:
            refused = leave.left < calls
            if not refused:
                leave.left -= calls
        wait = allowance.seconds_left(at_ms)
        left = 0 if refused else max(allowance.most - leave.taken, 0) + leave.left
        told = f'"client";r={left};t={wait}'
        if refused:
            g.rate_limit = told
            raise TooOften("TOO_MANY_REQUESTS", f"请求过于频繁，请 {wait} 秒后再试", retry_after=wait)
        return told

    def _renew(self, ctx: Context, client_id: str, leave: Leave, calls: int, at_ms: int) -> None:
        allowance = ctx.client_allowance
        if leave.taken >= allowance.most:
            return
        wanted = max(AT_ONCE, calls)
        try:
            taken = ctx.copies.count(f"calls:{client_id}", wanted, allowance, at_ms)
        except CacheDown:
            taken = leave.taken + wanted
        with self._writing:
            leave.left += max(wanted - max(taken - allowance.most, 0), 0)
            leave.taken = taken


def count_calls(ctx: Context, client_id: str, calls: int = 1) -> None:
    """Count calls of a client who has shown a valid token; what is left is told in the answer."""
    limits: RateLimits | None = current_app.extensions.get(EXTENSION)
    if limits is None:
        limits = current_app.extensions[EXTENSION] = RateLimits()
    g.rate_limit = limits.take(ctx, client_id, calls)


def tell_rate_limits(app: Flask) -> None:
    """Have every answer to a counted call say what is left."""

    @app.after_request
    def tell(response: Response) -> Response:
        told = g.get("rate_limit")
        if told is not None:
            allowance: Allowance = context().client_allowance
            response.headers.add("RateLimit-Policy", f'"client";q={allowance.most};w={allowance.seconds}')
            response.headers.add("RateLimit", told)
        return response
