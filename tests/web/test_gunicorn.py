"""What gunicorn refuses before the application sees it, on a real socket."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest
from flask import Flask

from tests.conftest import ROOT

CHUNKED = "POST /v1/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.fixture(scope="module")
def port(served_app: Flask) -> Iterator[int]:
    """gunicorn as it is configured for life, with one worker."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        free = probe.getsockname()[1]
    command = [sys.executable, "-m", "gunicorn", "-c", "gunicorn.conf.py", "wsgi:app"]
    env = {**os.environ, "HAIHE_PORT": str(free), "HAIHE_BIND": "127.0.0.1", "WEB_CONCURRENCY": "1"}
    with subprocess.Popen(command, cwd=ROOT, env=env) as server:
        try:
            deadline = time.monotonic() + 60
            while "200 OK" not in _first_line(free):
                assert time.monotonic() < deadline, "gunicorn did not come up"
                time.sleep(0.2)
            yield free
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait(30)


def _first_line(port: int) -> str:
    try:
        return said(port, b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").partition("\r\n")[
            0
        ]
    except OSError:
        return ""


def said(port: int, request: bytes) -> str:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as line:
        line.sendall(request)
        line.shutdown(socket.SHUT_WR)
        answer = b""
        while piece := line.recv(65536):
            answer += piece
    return answer.decode()


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        ("nonsense\r\n\r\n", 400),
        (f"GET /{'x' * 5000} HTTP/1.1\r\nHost: x\r\n\r\n", 414),
        (f"GET / HTTP/1.1\r\nHost: x\r\nX-Long: {'x' * 9000}\r\n\r\n", 431),
        (f"{CHUNKED}zz\r\n{{}}\r\n0\r\n\r\n", 400),
        (f"{CHUNKED}2\r\n{{}}xx0\r\n\r\n", 400),
        (f"{CHUNKED}10\r\n{{}}", 400),
    ],
)
def test_what_cannot_be_read_is_a_problem_document(port: int, request_: str, status: int) -> None:
    head, _, body = said(port, request_.encode()).partition("\r\n\r\n")
    assert head.startswith(f"HTTP/1.1 {status} ")
    assert "application/problem+json" in head
    length = int(re.search(r"(?i)content-length: (\d+)", head)[1])
    told = json.loads(body.encode()[:length])
    assert told["status"] == status
    assert re.search("[\u4e00-\u9fff]", told["detail"])


def test_a_good_chunked_body_is_read(port: int) -> None:
    assert said(port, f"{CHUNKED}2\r\n{{}}\r\n0\r\n\r\n".encode()).startswith("HTTP/1.1 422 ")
