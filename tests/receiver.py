"""A merchant's server on this machine: real sockets, answering as a test tells it to."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import orjson


@dataclass
class Receiver:
    """What has arrived, and what to answer: a status, or something that writes the answer itself."""

    url: str = ""
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    answers: Callable[[dict[str, Any], BaseHTTPRequestHandler], int | None] = lambda _event, _handler: 200

    @property
    def events(self) -> list[dict[str, Any]]:
        """What has arrived, as read."""
        return [orjson.loads(body) for _headers, body in self.got]


@contextmanager
def receiver() -> Iterator[Receiver]:
    """A receiver on a port of its own, until the block ends."""
    held = Receiver()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            held.got.append(({k.lower(): v for k, v in self.headers.items()}, body))
            with suppress(BrokenPipeError, ConnectionResetError):
                event = orjson.loads(body) if body.startswith(b"{") else {}
                status = held.answers(event, self)
                if status is not None:
                    self.send_response(status)
                    self.send_header("Content-Length", "2")
                    self.end_headers()
                    self.wfile.write(b"ok")

        def log_message(self, *_args: object) -> None:
            """Silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    held.url = f"http://127.0.0.1:{server.server_port}/hook"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield held
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def trickle(_event: dict[str, Any], handler: BaseHTTPRequestHandler) -> None:
    """A byte now and then, so that no single wait is long."""
    for byte in b"HTTP/1.1 200 OK\r\nX-Slow: " + b"x" * 200:
        handler.wfile.write(bytes([byte]))
        handler.wfile.flush()
        time.sleep(0.1)
