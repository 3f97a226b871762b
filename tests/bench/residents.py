"""What a resident asks most: points and benefits over HTTP, and the home page in a real browser, beside the empty route."""

from __future__ import annotations

import json
import os
import statistics
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, sync_playwright

from haihe.outside.wechat import SimulatedWeChat
from haihe.usecases.context import Context
from haihe.usecases.sessions import log_in
from tests.bench.checkout import _free_port, _port
from tests.bench.load import HOST, latencies_at, quantile, served, wrk, wrk_is_there
from tests.bench.table import Row

PATHS = ("/v1/me/points", "/v1/me/benefits")
ROUNDS = 3
SECONDS = 3
RATE = 50
PACED_SECONDS = 10
VIEWS = 5
PHONE = {"width": 390, "height": 844}
CHROMIUM = Path("/usr/bin/chromium")
COOKIE = "haihe_page"
FIRST_PAINT = "performance.getEntriesByName('first-contentful-paint')[0]"

SCRIPT = """
local tokens, n = {}, 0
for line in io.lines("%(tokens)s") do tokens[#tokens + 1] = line end
function request()
  n = n %% #tokens + 1
  return wrk.format("GET", nil, {Authorization = "Bearer " .. tokens[n]})
end
"""


def measure(ctx: Context, card: dict[str, Any]) -> Iterator[Row]:
    """Residents of the demo city who have joined, one after the other, as often as eight connections can."""
    residents = [r for r in card["residents"] if r["points"] is not None]
    demo = replace(ctx, wechat=SimulatedWeChat())
    tokens = [log_in(demo, r["js_code"], ctx.now()).token for r in residents]
    ours, empty = _free_port(), _free_port()
    environment = dict(os.environ) | {"HAIHE_BASE_URL": f"http://{HOST}:{ours}"}
    gunicorn = [sys.executable, "-m", "gunicorn", "-c", "gunicorn.conf.py"]
    with ExitStack() as stack:
        stack.enter_context(served([*gunicorn, "wsgi:app"], ours, "/healthz", environment | _port(ours)))
        stack.enter_context(
            served([*gunicorn, "tests.bench.empty:app"], empty, "/", environment | _port(empty))
        )
        yield from _asked(ours, empty, tokens)
        yield from _looked_at(ours, empty, tokens[0])


def _asked(ours: int, empty: int, tokens: list[str]) -> Iterator[Row]:
    with tempfile.TemporaryDirectory() as folder:
        listed, script = Path(folder, "tokens.txt"), Path(folder, "ask.lua")
        listed.write_text("\n".join(tokens))
        script.write_text(SCRIPT % {"tokens": listed})
        for path in PATHS if wrk_is_there() else ():
            idle, asked = [], []
            for _ in range(ROUNDS):
                idle.append(wrk(f"http://{HOST}:{empty}/", script, SECONDS))
                asked.append(wrk(f"http://{HOST}:{ours}{path}", script, SECONDS))
            ratio = statistics.median(a / b for a, b in zip(asked, idle, strict=True))
            yield Row(
                f"GET {path}，次/秒",
                f"{statistics.median(asked):,.0f}",
                f"空路由 {statistics.median(idle):,.0f}",
                f"{ratio:.2f}",
            )
    for path in PATHS:
        mine, theirs = (
            quantile(
                latencies_at(port, [_get(one, tokens[n % len(tokens)]) for n in range(many)], RATE), 0.99
            )
            for port, one in ((ours, path), (empty, "/"))
            for many in (RATE * PACED_SECONDS,)
        )
        yield Row(
            f"GET {path}，{RATE} 次/秒时 p99",
            f"{mine:.1f} ms",
            f"空路由 {theirs:.1f} ms",
            f"{mine / theirs:.2f}",
        )


def _get(path: str, token: str) -> tuple[str, str, None, dict[str, str]]:
    return "GET", path, None, {"Authorization": f"Bearer {token}"}


def _looked_at(ours: int, empty: int, token: str) -> Iterator[Row]:
    """The home page at phone size, each time by a browser that has never been here."""
    if not CHROMIUM.exists():
        yield Row("首页 /m，首次打开", "未测", "需要 Chromium（/usr/bin/chromium）", "")
        return
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        nothing = [_opened(chromium, f"http://{HOST}:{empty}/", token) for _ in range(VIEWS)]
        home = [_opened(chromium, f"http://{HOST}:{ours}/m", token) for _ in range(VIEWS)]
        chromium.close()
    seen, weight, files = (statistics.median(view[n] for view in home) for n in range(3))
    bare = statistics.median(view[0] for view in nothing)
    yield Row(
        "首页 /m，首次打开到看见",
        f"{seen:.0f} ms",
        f"空路由在同一浏览器 {bare:.0f} ms",
        f"{seen / bare:.1f}；{weight / 1024:.0f} KB，{files:.0f} 个文件",
    )


def _opened(chromium: Browser, url: str, token: str) -> tuple[float, float, int]:
    """Milliseconds until something is seen, and how many bytes came over the line in how many answers."""
    with chromium.new_context(viewport=PHONE) as context:
        context.add_cookies([{"name": COOKIE, "value": token, "domain": HOST, "path": "/"}])
        page = context.new_page()
        arrived: list[float] = []
        line = context.new_cdp_session(page)
        line.send("Network.enable")
        line.on("Network.loadingFinished", lambda event: arrived.append(event["encodedDataLength"]))
        answer = page.goto(url, wait_until="networkidle")
        if answer is None or answer.url != url:
            raise RuntimeError(f"{url} led elsewhere")
        page.wait_for_function(FIRST_PAINT)
        return float(page.evaluate(f"{FIRST_PAINT}.startTime")), sum(arrived), len(arrived)


def card_of(file: Path) -> dict[str, Any]:
    """The card of the demo city, with its accounts."""
    card: dict[str, Any] = json.loads(file.read_text("utf-8"))
    return card
