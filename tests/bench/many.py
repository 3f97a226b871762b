"""Many questions in one request, the whole real path: gunicorn, token, JSON in and out, Redis, deciding, the journal."""

from __future__ import annotations

import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

from sqlalchemy import func, select

from haihe.storage.db import db, transaction
from haihe.storage.decisions import DecisionRow
from haihe.storage.links import Link
from haihe.storage.residents import Consent
from haihe.usecases.context import Context
from haihe.usecases.gather_facts import renew_copies
from haihe.usecases.pairwise import draw_pairwise_id
from tests.bench.checkout import _free_port, _port, _token, _wait_for_the_keeper
from tests.bench.load import HOST, served, wrk, wrk_is_there
from tests.bench.table import Row
from tests.builders import Builders, MerchantClient

SCENARIO = "XYZ-07"
PATH = "/access/v1/evaluations"
MERCHANTS = 8
IN_A_BATCH = 500
CONNECTIONS = 4
ROUNDS = 3
SECONDS = 4
# Every thread of every worker must have spoken to Redis for a second.
WARM_UP_SECONDS = 6
PATIENCE_SECONDS = 240

SCRIPT = """
local bodies, tokens = {}, {}
for line in io.lines("%(bodies)s") do
  local token, body = line:match("^(%%S+) (.*)$")
  tokens[#tokens + 1], bodies[#bodies + 1] = token, body
end
local n = 0
wrk.method = "POST"
function request()
  n = n %% #bodies + 1
  local headers = {["Content-Type"] = "application/json", Authorization = "Bearer " .. tokens[n]}
  return wrk.format(nil, nil, headers, bodies[n])
end
"""


def measure(ctx: Context, a: Builders) -> Iterator[Row]:
    """Decisions a second about linked residents, each asked about once in a batch, round about with the empty route."""
    if not wrk_is_there():
        yield Row("成批核验", "未测", "需要 Debian 的 wrk（apt-get install wrk）", "")
        return
    merchants = [a.merchant(SCENARIO) for _ in range(MERCHANTS)]
    names = {m.client_id: _link_everybody(ctx, m) for m in merchants}
    ours, empty = _free_port(), _free_port()
    environment = dict(os.environ) | {
        "HAIHE_BASE_URL": f"http://{HOST}:{ours}",
        "HAIHE_CLIENT_REQUESTS_PER_MINUTE": "1000000000",
    }
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        gunicorn = [sys.executable, "-m", "gunicorn", "-c", "gunicorn.conf.py"]
        flask = [sys.executable, "-m", "flask", "--app", "wsgi", "worker"]
        stack.enter_context(served([*gunicorn, "wsgi:app"], ours, "/healthz", environment | _port(ours)))
        stack.enter_context(
            served([*gunicorn, "tests.bench.empty:app"], empty, "/", environment | _port(empty))
        )
        stack.enter_context(served(flask, ours, "/healthz", environment))
        _wait_for_the_keeper()
        script = _script(Path(folder), ours, merchants, names)
        wrk(f"http://{HOST}:{ours}{PATH}", script, WARM_UP_SECONDS, CONNECTIONS)
        asked, idle = [], []
        for _ in range(ROUNDS):
            idle.append(wrk(f"http://{HOST}:{empty}/", script, SECONDS, CONNECTIONS))
            asked.append(wrk(f"http://{HOST}:{ours}{PATH}", script, SECONDS, CONNECTIONS))
        begun = time.monotonic()
        stored = _all_on_record(merchants)
        yield Row(
            f"成批核验，判定/秒（每批 {IN_A_BATCH} 位居民）",
            f"{statistics.median(asked) * IN_A_BATCH:,.0f}",
            f"空路由收同样的请求 {statistics.median(idle):,.0f} 批/秒",
            f"{statistics.median(a / b for a, b in zip(asked, idle, strict=True)):.2f} 批/批（目标 ≥ 100,000 判定/秒）",
        )
        yield Row(
            "其判定全部写入 PostgreSQL",
            f"{stored:,} 条",
            f"停问后 {time.monotonic() - begun:.0f} 秒",
            "",
        )


def _link_everybody(ctx: Context, merchant: MerchantClient) -> list[str]:
    """Everybody who has joined lets the merchant ask, as the page of consent would have stored it."""
    at = ctx.now()
    joined = select(Consent.resident_id).where(Consent.purpose == "JOIN", Consent.withdrawn_at.is_(None))
    ids = sorted(db.session.execute(joined.order_by(Consent.resident_id).limit(2000)).scalars())
    links = [
        Link(
            merchant_id=merchant.merchant_id,
            resident_id=resident_id,
            pairwise_id=draw_pairwise_id(ctx, resident_id, merchant.merchant_id),
            scenarios=[SCENARIO],
            text_version="bench",
            text_sha256=bytes(32),
            given_at=at,
            expires_at=at + timedelta(days=1),
        )
        for resident_id in ids
    ]
    names = [link.pairwise_id for link in links]
    with transaction():
        db.session.add_all(links)
    renew_copies(ctx, ids, at)
    db.session.rollback()
    return names


def _script(folder: Path, port: int, merchants: list[MerchantClient], names: dict[str, list[str]]) -> Path:
    lines = []
    for merchant in merchants:
        token, known = _token(port, merchant), names[merchant.client_id]
        for begin in range(0, len(known) - IN_A_BATCH + 1, IN_A_BATCH):
            body = {
                "action": {"name": "use"},
                "resource": {"type": "scenario", "id": SCENARIO},
                "evaluations": [
                    {"subject": {"type": "resident", "id": name}}
                    for name in known[begin : begin + IN_A_BATCH]
                ],
            }
            lines.append(f"{token} {json.dumps(body, separators=(',', ':'))}")
    # Neighbours are of different merchants, so that no allowance is used up before the others.
    each = len(lines) // len(merchants)
    bodies = folder / "bodies.txt"
    bodies.write_text("\n".join(line for n in range(each) for line in lines[n::each]))
    script = folder / "ask.lua"
    script.write_text(SCRIPT % {"bodies": bodies})
    return script


def _all_on_record(merchants: list[MerchantClient]) -> int:
    """How many decisions are stored once nothing more arrives; they must be of residents, and some of them yes."""
    ids = [m.merchant_id for m in merchants]
    counted = select(
        func.count(), func.count().filter(DecisionRow.code == "OK"), func.count(DecisionRow.resident_id)
    ).where(DecisionRow.merchant_id.in_(ids))
    before, end = -1, time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < end:
        everything, yes, about_somebody = db.session.execute(counted).one()
        db.session.rollback()
        if everything == before:
            break
        before = everything
        time.sleep(2)
    if not yes or about_somebody != everything:
        raise RuntimeError(f"{yes} of {everything} were a yes, {about_somebody} about somebody")
    return int(everything)
