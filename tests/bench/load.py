"""Load on loopback only, bounded, and ended by itself: wrk for requests a second, a paced caller for latency."""

from __future__ import annotations

import http.client
import json
import re
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

HOST = "127.0.0.1"
CONNECTIONS = 8

# Each request takes the next code; a code is asked about once, as at a real counter.
SCRIPT = """
local codes = {}
for line in io.lines("%(codes)s") do codes[#codes + 1] = line end
local next_code = 0
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.headers["Authorization"] = "Bearer %(token)s"
function request()
  next_code = next_code %% #codes + 1
  return wrk.format(nil, nil, nil, '{"subject":{"type":"pass","id":"' .. codes[next_code] ..
    '"},"action":{"name":"use"},"resource":{"type":"scenario","id":"%(scenario)s"}}')
end
"""


def wrk_is_there() -> bool:
    """wrk comes from Debian; without it the row is left out, and says so."""
    return shutil.which("wrk") is not None


def requests_a_second(url: str, token: str, scenario: str, codes: list[str], seconds: int) -> float:
    """How many requests a second the server takes from eight connections that never pause; errors end the run."""
    with tempfile.TemporaryDirectory() as folder:
        listed = Path(folder, "codes.txt")
        listed.write_text("\n".join(codes))
        script = Path(folder, "ask.lua")
        script.write_text(SCRIPT % {"codes": listed, "token": token, "scenario": scenario})
        return wrk(url, script, seconds)


def wrk(url: str, script: Path, seconds: int, connections: int = CONNECTIONS) -> float:
    """How many requests a second, as the script makes them; errors end the run."""
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "-s", str(script), url]
    said = subprocess.run(command, capture_output=True, text=True, check=True, timeout=seconds + 30).stdout
    if "Non-2xx" in said or "Socket errors" in said:
        raise RuntimeError(f"the server did not answer every request:\n{said}")
    found = re.search(r"Requests/sec:\s+([\d.]+)", said)
    if found is None:
        raise RuntimeError(f"wrk said something unexpected:\n{said}")
    return float(found.group(1))


# Method, path, body and headers.
Request = tuple[str, str, str | None, dict[str, str]]


def question(path: str, token: str, scenario: str, code: str) -> Request:
    """One question about a code."""
    body = {
        "subject": {"type": "pass", "id": code},
        "action": {"name": "use"},
        "resource": {"type": "scenario", "id": scenario},
    }
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
    return "POST", path, json.dumps(body), headers


def latencies_at(
    port: int, requests: Sequence[Request], rate: int, callers: int = CONNECTIONS
) -> list[float]:
    """Seconds from when each request was due until its answer was read, at a steady rate: waiting in a queue counts."""
    took: list[float] = []
    begin = time.perf_counter() + 0.2

    def call(mine: list[tuple[int, Request]]) -> None:
        line = http.client.HTTPConnection(HOST, port, timeout=10)
        for n, request in mine:
            due = begin + n / rate
            time.sleep(max(due - time.perf_counter(), 0))
            line.request(*request)
            answer = line.getresponse()
            answer.read()
            if answer.status != 200:
                raise RuntimeError(f"status {answer.status}")
            took.append(time.perf_counter() - due)

    numbered = list(enumerate(requests))
    threads = [threading.Thread(target=call, args=(numbered[n::callers],)) for n in range(callers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if len(took) != len(requests):
        raise RuntimeError(f"only {len(took)} of {len(requests)} requests were answered")
    return sorted(took)


def quantile(took: Sequence[float], share: float) -> float:
    """In milliseconds; `took` is in seconds and in order."""
    return took[min(int(len(took) * share), len(took) - 1)] * 1000


@contextmanager
def served(command: list[str], port: int, path: str, environment: dict[str, str]) -> Iterator[None]:
    """A server process for as long as the block lasts."""
    process = subprocess.Popen(command, env=environment)
    try:
        _wait(port, path)
        yield
    finally:
        process.terminate()
        process.wait(20)


def _wait(port: int, path: str) -> None:
    end = time.monotonic() + 30
    while time.monotonic() < end:
        try:
            line = http.client.HTTPConnection(HOST, port, timeout=1)
            line.request("GET", path)
            line.getresponse().read()
            return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError(f"nothing answers on port {port}")
