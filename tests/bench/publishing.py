"""A scenario is published while four workers answer without a pause: how soon each of them answers by the new revision."""

from __future__ import annotations

import http.client
import json
import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import NamedTuple

from sqlalchemy import select

from haihe.storage.db import db
from haihe.storage.rules import ScenarioRow
from haihe.usecases.context import Context
from haihe.usecases.publish_rules import publish_scenario
from tests.bench.checkout import SCENARIO, _free_port, _port, _token, _wait_for_the_keeper
from tests.bench.load import HOST, quantile, served
from tests.bench.table import Row
from tests.builders import Builders

PATH = "/access/v1/evaluation"
WORKERS = 4
CALLERS = 12
RESIDENTS = 200
PUBLISHED = 30
PAUSE_SECONDS = 0.4
WARM_UP_SECONDS = 3
# A worker names its answers: the first part of the request id is the same for all of them.
NAME = 12


class Heard(NamedTuple):
    """An answer: by which worker, when it was asked for, and by which revision."""

    worker: str
    asked_at: float
    revision: int


def measure(ctx: Context, a: Builders) -> Iterator[Row]:
    """From the beginning of the deed until the first question that each worker answers by the new revision."""
    merchant = a.merchant(SCENARIO)
    names = [a.link(a.resident(), merchant, SCENARIO) for _ in range(RESIDENTS)]
    port = _free_port()
    environment = dict(os.environ) | {
        "HAIHE_BASE_URL": f"http://{HOST}:{port}",
        "HAIHE_CLIENT_REQUESTS_PER_MINUTE": "1000000000",
        "WEB_CONCURRENCY": str(WORKERS),
    }
    gunicorn = [sys.executable, "-m", "gunicorn", "-c", "gunicorn.conf.py", "wsgi:app"]
    heard: list[Heard] = []
    stop = threading.Event()
    with ExitStack() as stack:
        stack.enter_context(served(gunicorn, port, "/healthz", environment | _port(port)))
        keeper = [sys.executable, "-m", "flask", "--app", "wsgi", "worker"]
        stack.enter_context(served(keeper, port, "/healthz", environment))
        _wait_for_the_keeper()
        token = _token(port, merchant)
        callers = [
            threading.Thread(target=_ask, args=(port, token, names[n::CALLERS], heard, stop))
            for n in range(CALLERS)
        ]
        for caller in callers:
            caller.start()
        try:
            time.sleep(WARM_UP_SECONDS)
            begun = dict(_publish(ctx))
        finally:
            stop.set()
            for caller in callers:
                caller.join()
    workers = {h.worker for h in heard}
    waits = sorted(
        max(min(h.asked_at for h in heard if h.worker == w and h.revision >= revision) - at, 0)
        for revision, at in begun.items()
        for w in workers
    )
    yield Row(
        f"场景发布到 {len(workers)} 个 worker 都按新版回答，p99",
        f"{quantile(waits, 0.99):.0f} ms（目标 ≤ 1000 ms）",
        f"同时不停核验，共 {len(heard):,} 次",
        f"p50 {quantile(waits, 0.5):.0f} ms",
    )


def _publish(ctx: Context) -> Iterator[tuple[int, float]]:
    """The new revisions, and when each was begun on."""
    public = select(ScenarioRow).where(ScenarioRow.code == SCENARIO, ScenarioRow.state == "PUBLISHED")
    body = dict(db.session.execute(public).scalar_one().body)
    db.session.rollback()
    for n in range(PUBLISHED):
        begun = time.monotonic()
        yield (
            publish_scenario(ctx, body | {"default_terms": f"第 {n} 次"}, ctx.now(), "operator:bench"),
            begun,
        )
        time.sleep(PAUSE_SECONDS)


def _ask(port: int, token: str, names: list[str], heard: list[Heard], stop: threading.Event) -> None:
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
    line = http.client.HTTPConnection(HOST, port, timeout=10)
    while not stop.is_set():
        for name in names:
            body = {
                "subject": {"type": "resident", "id": name},
                "action": {"name": "use"},
                "resource": {"type": "scenario", "id": SCENARIO},
            }
            asked_at = time.monotonic()
            line.request("POST", PATH, json.dumps(body), headers)
            answer = line.getresponse()
            told = json.loads(answer.read())
            if answer.status != 200:
                raise RuntimeError(f"status {answer.status}: {told}")
            worker = answer.headers["X-Request-ID"][:NAME]
            heard.append(Heard(worker, asked_at, told["context"]["scenario_revision"]))
            if stop.is_set():
                return
