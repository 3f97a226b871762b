"""Sending a notice to a merchant's own server, and to nobody else's.

The name is resolved here and every address looked at before a connection is made to that same address, so a name that
points somewhere else a moment later gains nothing. Redirects are not followed, no proxy is used, and five seconds are
five seconds, however slowly the answer trickles in.
"""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Iterable
from typing import Any

import httpcore
import httpx

from haihe.domain.webhooks import WebhookUrl, is_loopback, is_public
from haihe.usecases.context import Sent

TIMEOUT_SECONDS = 5.0
MOST_READ = 2_000
MOST_CONNECTIONS = 256
# Shorter than servers usually keep theirs: a connection that is just being closed loses a notice for fifteen seconds.
KEPT_SECONDS = 2.0


class NotAllowed(Exception):
    """The name leads to an address that nothing is ever sent to."""


class WebhookSender:
    """Sends over HTTP. `local_allowed` lets this very machine be an address too, for development."""

    def __init__(self, local_allowed: bool = False) -> None:
        self.local_allowed = local_allowed
        self._clock = _Deadline()
        self._pool = httpcore.ConnectionPool(
            ssl_context=httpx.create_ssl_context(),
            max_connections=MOST_CONNECTIONS,
            max_keepalive_connections=MOST_CONNECTIONS,
            keepalive_expiry=KEPT_SECONDS,
            network_backend=_GuardedBackend(local_allowed, self._clock),
        )

    def send(self, url: WebhookUrl, headers: dict[str, str], body: bytes) -> Sent:
        """POST once. Never raises: what went wrong is what is told."""
        begun = time.monotonic()
        self._clock.start()
        status: int | None = None
        excerpt, failure = b"", None
        try:
            with self._pool.stream(
                "POST",
                httpcore.URL(
                    scheme=url.scheme.encode(),
                    host=url.host.encode(),
                    port=url.port,
                    target=url.path.encode(),
                ),
                headers={"Host": url.authority, "User-Agent": "haihe-notice", **headers},
                content=body,
                extensions={"timeout": dict.fromkeys(("connect", "read", "write", "pool"), TIMEOUT_SECONDS)},
            ) as response:
                status = response.status
                for part in response.iter_stream():
                    excerpt += part
                    if len(excerpt) >= MOST_READ:
                        break
        except NotAllowed:
            failure = "ADDRESS_NOT_ALLOWED"
        except httpcore.TimeoutException:
            failure = "TIMEOUT"
        except socket.gaierror:
            failure = "NAME_NOT_FOUND"
        except (httpcore.ConnectError, ssl.SSLError) as error:
            failure = "TLS" if _tls(error) else "NOT_CONNECTED"
        except (httpcore.NetworkError, httpcore.ProtocolError, OSError, UnicodeError):
            failure = "BROKEN_ANSWER"
        took = int((time.monotonic() - begun) * 1000)
        # A status is an answer, even where the rest of it never came.
        return Sent(status, None if status is not None else failure, took, excerpt[:MOST_READ])

    def close(self) -> None:
        """Let every connection go."""
        self._pool.close()


class _Deadline(threading.local):
    """When the attempt that this thread is making must be over."""

    ends = 0.0

    def start(self) -> None:
        self.ends = time.monotonic() + TIMEOUT_SECONDS

    def left(self, asked: float | None) -> float:
        left = self.ends - time.monotonic()
        if left <= 0:
            raise httpcore.ReadTimeout("the attempt has taken its time")
        return left if asked is None else min(left, asked)


class _GuardedBackend(httpcore.NetworkBackend):
    """Connects only to addresses that a notice may be sent to."""

    def __init__(self, local_allowed: bool, clock: _Deadline) -> None:
        self._local_allowed = local_allowed
        self._clock = clock
        self._network = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        addresses = [str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
        if not addresses or not all(self._allowed(address) for address in addresses):
            raise NotAllowed(host)
        last: Exception | None = None
        for address in dict.fromkeys(addresses):
            try:
                stream = self._network.connect_tcp(address, port, self._clock.left(timeout))
            except httpcore.ConnectError as error:
                last = error
                continue
            return _TimedStream(stream, self._clock)
        assert last is not None
        raise last

    def _allowed(self, address: str) -> bool:
        return is_public(address) or (self._local_allowed and is_loopback(address))


class _TimedStream(httpcore.NetworkStream):
    """A connection on which every step counts against the whole attempt's time."""

    def __init__(self, stream: httpcore.NetworkStream, clock: _Deadline) -> None:
        self._stream = stream
        self._clock = clock

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, self._clock.left(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, self._clock.left(timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        stream = self._stream.start_tls(ssl_context, server_hostname, self._clock.left(timeout))
        return _TimedStream(stream, self._clock)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def _tls(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, ssl.SSLError):
            return True
        error = error.__cause__ or error.__context__
    return False
