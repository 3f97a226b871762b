"""The console's pages: every one that can be opened without saying which thing is meant, as its server spends the time."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pyotp
from flask import Flask
from flask.testing import FlaskClient

from haihe.storage.db import db
from haihe.usecases.context import Context
from haihe.usecases.staff_login import Role, create_staff, log_in_staff
from haihe.web.admin.pages.doors import DOORS, OPEN_DOORS
from tests.bench.load import quantile
from tests.bench.table import Row

PASSWORD = "measured, not remembered"
COOKIE = "haihe_console"
OPENED = 20


def measure(ctx: Context, app: Flask, residents: int) -> Iterator[Row]:
    """Each page as often as that, by somebody of the first role that may see it; no wire and no browser in between."""
    slowest: dict[str, float] = {}
    clients: dict[Role, FlaskClient] = {}
    for door, roles in DOORS.items():
        method, path = door.split(" ", 1)
        if method != "GET" or "<" in path or door in OPEN_DOORS:
            continue
        client = clients.get(roles[0]) or clients.setdefault(roles[0], _logged_in(ctx, app, roles[0]))
        slowest[path] = quantile(sorted(_took(client, path) for _ in range(OPENED)), 0.95)
    login = quantile(sorted(_took(app.test_client(), "/console/login") for _ in range(OPENED)), 0.95)
    path, worst = max(slowest.items(), key=lambda page: page[1])
    yield Row(
        f"管理后台 {len(slowest)} 页中最慢的一页 {path}，服务器用时 p95",
        f"{worst:.0f} ms",
        f"登录页 {login:.0f} ms",
        f"{residents:,} 位居民（目标：200 万时 ≤ 300 ms）",
    )


def _logged_in(ctx: Context, app: Flask, role: Role) -> FlaskClient:
    secret, username, at = pyotp.random_base32(), f"bench-{role}", ctx.now()
    create_staff(ctx, username, PASSWORD, secret, role, [], at, "operator:bench")
    token = log_in_staff(ctx, username, PASSWORD, pyotp.TOTP(secret).at(at), at).token
    client = app.test_client()
    client.set_cookie(COOKIE, token)
    return client


def _took(client: FlaskClient, path: str) -> float:
    begun = time.perf_counter()
    answer = client.get(path)
    took = time.perf_counter() - begun
    db.session.rollback()
    if answer.status_code != 200:
        raise RuntimeError(f"{path}: {answer.status}")
    return took
