"""One question at the counter, the whole real path, beside an empty Flask route under the same gunicorn."""

from __future__ import annotations

import base64
import http.client
import json
import os
import socket
import statistics
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack

from sqlalchemy import func, select

from haihe.domain.passes import HeldPass
from haihe.storage.db import db
from haihe.storage.decisions import DecisionRow
from haihe.storage.office import StaleCopy
from haihe.usecases.context import Context
from haihe.usecases.pass_code import draw_code, hash_of_code
from tests.bench.load import HOST, latencies_at, quantile, question, requests_a_second, served, wrk_is_there
from tests.bench.table import Row
from tests.builders import Builders, MerchantClient

SCENARIO = "XYZ-07"
PATH = "/access/v1/evaluation"
ROUNDS = 3
SECONDS = 6
WARM_UP_SECONDS = 2
RATE = 500
PACED_SECONDS = 20
SHOWN_MS = 3_600_000


def measure(ctx: Context, a: Builders) -> Iterator[Row]:
    """Requests a second against the empty route, round about; then latency at five hundred a second."""
    if not wrk_is_there():
        yield Row("一次核验", "未测", "需要 Debian 的 wrk（apt-get install wrk）", "")
        return
    merchant = a.merchant(SCENARIO)
    residents = [a.resident() for _ in range(200)]
    for resident in residents:
        a.record(resident, "A01", level="L3")
        a.record(resident, "D03", level="国家级")
        a.record(resident, "D02", level="市级")
        a.record(resident, "D01", quantity=40)
    ours, empty = _free_port(), _free_port()
    environment = dict(os.environ) | {"HAIHE_BASE_URL": f"http://{HOST}:{ours}"}
    with ExitStack() as stack:
        gunicorn = [sys.executable, "-m", "gunicorn", "-c", "gunicorn.conf.py"]
        flask = [sys.executable, "-m", "flask", "--app", "wsgi", "worker"]
        stack.enter_context(served([*gunicorn, "wsgi:app"], ours, "/healthz", environment | _port(ours)))
        stack.enter_context(
            served([*gunicorn, "tests.bench.empty:app"], empty, "/", environment | _port(empty))
        )
        stack.enter_context(served(flask, ours, "/healthz", environment))
        _wait_for_the_keeper()
        token = _token(ours, merchant)
        # A new connection believes no voucher for a second; what is measured is a counter that has been open a while.
        requests_a_second(
            f"http://{HOST}:{ours}{PATH}", token, SCENARIO, _codes(ctx, residents, 4000), WARM_UP_SECONDS
        )
        asked, idle = [], []
        for _ in range(ROUNDS):
            idle.append(
                requests_a_second(
                    f"http://{HOST}:{empty}/", token, SCENARIO, _codes(ctx, residents, 1000), SECONDS
                )
            )
            codes = _codes(ctx, residents, int(idle[-1]) * SECONDS)
            asked.append(requests_a_second(f"http://{HOST}:{ours}{PATH}", token, SCENARIO, codes, SECONDS))
        _must_be_yes(merchant)
        ratio = statistics.median(a / b for a, b in zip(asked, idle, strict=True))
        yield Row(
            "一次核验，次/秒",
            f"{statistics.median(asked):,.0f}",
            f"空路由 {statistics.median(idle):,.0f}",
            f"{ratio:.2f}（目标 ≥ 0.6）",
        )
        codes = _codes(ctx, residents, RATE * PACED_SECONDS)
        took = latencies_at(ours, [question(PATH, token, SCENARIO, code) for code in codes], RATE)
        nothing = latencies_at(empty, [question("/", token, SCENARIO, code) for code in codes], RATE)
        for share, goal in ((0.5, ""), (0.99, "（目标 ≤ 20 ms）")):
            mine, theirs = quantile(took, share), quantile(nothing, share)
            name = f"一次核验，{RATE} 次/秒时 p{share * 100:.0f}"
            yield Row(name, f"{mine:.1f} ms{goal}", f"空路由 {theirs:.1f} ms", f"{mine / theirs:.2f}")


def _wait_for_the_keeper() -> None:
    """Until every copy of the new city is in place: a city is not made anew while its counters are open."""
    while db.session.execute(
        select(StaleCopy.resident_id).where(StaleCopy.renewed_at.is_(None)).limit(1)
    ).first():
        db.session.rollback()
        time.sleep(0.5)
    db.session.rollback()


def _must_be_yes(merchant: MerchantClient) -> None:
    """What was measured is the whole path to a yes: a refusal would be quicker, and no figure to show."""
    time.sleep(2)
    counted = select(func.count().filter(DecisionRow.code == "OK"), func.count()).where(
        DecisionRow.merchant_id == merchant.merchant_id
    )
    yes, everything = db.session.execute(counted).one()
    db.session.rollback()
    if yes < 0.8 * everything:
        raise RuntimeError(f"only {yes} of {everything} answers were a yes")


def _codes(ctx: Context, residents: list[int], many: int) -> list[str]:
    """Codes being shown, held in Redis as issuing them would hold them."""
    codes = []
    expires_ms = int(ctx.now().timestamp() * 1000) + SHOWN_MS
    for n in range(many):
        resident = residents[n % len(residents)]
        code = draw_code(ctx, resident)
        ctx.copies.store_pass(hash_of_code(ctx, code), HeldPass(resident, expires_ms, SCENARIO), SHOWN_MS)
        codes.append(code)
    return codes


def _token(port: int, merchant: MerchantClient) -> str:
    basic = base64.b64encode(f"{merchant.client_id}:{merchant.client_secret}".encode()).decode()
    line = http.client.HTTPConnection(HOST, port, timeout=10)
    headers = {"Authorization": f"Basic {basic}", "Content-Type": "application/x-www-form-urlencoded"}
    line.request("POST", "/oauth/token", "grant_type=client_credentials&scope=check", headers)
    return str(json.loads(line.getresponse().read())["access_token"])


def _port(port: int) -> dict[str, str]:
    return {"HAIHE_PORT": str(port)}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])
