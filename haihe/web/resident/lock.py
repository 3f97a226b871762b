"""The lock on the residents' doors: a session token, and for most of them a bound real name. Whoever acts for a relative is
let through as that relative, where the consent allows it (acting.py)."""

from __future__ import annotations

from dataclasses import dataclass

from flask import g, request

from haihe.domain.errors import Forbidden, Unauthenticated
from haihe.usecases.sessions import Caller, caller_of
from haihe.web.context import context
from haihe.web.resident.acting import come_in, go_out
from haihe.web.resident.door import Blueprint, bearer


@dataclass(frozen=True, slots=True)
class BoundCaller:
    """A caller whose real name is known."""

    account_id: int
    resident_id: int


def keep_locked(door: Blueprint, *open_views: str) -> None:
    """Let nobody through this door without a session, except to the views named; asked before any body is read."""

    @door.before_request
    def ask() -> None:
        if (request.endpoint or "").rpartition(".")[2] in open_views:
            return
        token = bearer()
        if token is None:
            raise Unauthenticated("SESSION_MISSING", "请先登录")
        g.caller = come_in(caller_of(token, context().now()))

    door.teardown_request(go_out)


def require_resident() -> Caller:
    """Whoever holds the session token, or whom they act for."""
    caller: Caller = g.caller
    return caller


def require_bound() -> BoundCaller:
    """A caller bound to a resident; 403 tells what to do first."""
    caller = require_resident()
    if caller.resident_id is None:
        raise Forbidden("NOT_BOUND", "请先完成实名绑定：在“我的”中填写姓名和证件号码")
    return BoundCaller(caller.account_id, caller.resident_id)
