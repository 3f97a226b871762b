"""gunicorn's worker with our own words: what it refuses before the application sees it is a problem document too."""

from __future__ import annotations

import re
import socket
from typing import Any

from gunicorn.workers.gthread import ThreadWorker

from haihe.web.problems import problem

STATUS_LINE = re.compile(rb"HTTP/1\.1 (\d{3}) ([^\r\n]*)")


class ProblemWorker(ThreadWorker):  # type: ignore[misc]  # gunicorn carries no types.
    """Serves as `gthread` does."""

    def handle_error(self, req: Any, client: socket.socket, addr: Any, exc: BaseException) -> None:
        """gunicorn picks the status and logs; only the page that it writes is replaced on its way out."""
        super().handle_error(req, _InOurWords(client), addr, exc)


class _InOurWords:
    """The caller's socket, as far as an error is written to it."""

    def __init__(self, client: socket.socket) -> None:
        self._client = client

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def sendall(self, page: bytes) -> None:
        line = STATUS_LINE.match(page)
        self._client.sendall(page if line is None else _told(int(line[1]), line[0]))


def _told(status: int, status_line: bytes) -> bytes:
    answer = problem(status)
    body = answer.get_data()
    headers = {
        "Connection": "close",
        "Content-Type": answer.content_type,
        "Content-Length": len(body),
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
    }
    lines = [status_line, *(f"{name}: {value}".encode() for name, value in headers.items()), b"", body]
    return b"\r\n".join(lines)
