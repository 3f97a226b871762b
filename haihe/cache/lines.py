"""Speaking to Redis, one server or a cluster: each thread has a connection of its own to every server it needs.

At the counter a connection pool's bookkeeping would cost a third of a round trip. And redis-py sends no scripts in a
cluster's pipeline, while all that we ask for in one go is scripts: so commands are grouped by server here.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.cluster import RedisCluster
from redis.exceptions import AskError, NoScriptError, RedisClusterException, TryAgainError
from redis.retry import Retry

# Everything by which Redis may show that it does not answer.
FAILURES = (redis.RedisError, RedisClusterException, OSError)
CLUSTER = "+cluster"
# For how long to wait for an answer at the counter, where PostgreSQL is asked instead.
SOCKET_TIMEOUT = 0.5
# A name for the only server where there is no cluster.
ALONE = ""

# A command, and the key by whose slot a cluster knows the server for it.
Command = tuple[str, tuple[Any, ...]]
# The keys of a script, and its arguments.
Run = tuple[tuple[str, ...], tuple[Any, ...]]


class CacheDown(Exception):
    """Redis does not answer; whoever asked goes to PostgreSQL."""


class Lines:
    """Connections to Redis. Whatever is said twice after a broken connection changes nothing the second time."""

    def __init__(self, url: str, disbelief: float, timeout: float = SOCKET_TIMEOUT) -> None:
        self._url = url
        self._disbelief = disbelief
        self._timeout = timeout
        self._clustered = CLUSTER in url.partition("://")[0]
        self._opening = threading.Lock()
        self._threads = threading.local()
        self._client: Any = None

    def patient(self, timeout: float) -> Lines:
        """Other connections to the same Redis, for work that may take its time."""
        return Lines(self._url, self._disbelief, timeout)

    @property
    def client(self) -> Any:
        """The library's own client, for what is not in a hurry. A cluster is asked for its servers when first needed."""
        if self._client is None:
            with self._opening:
                if self._client is None:
                    self._client = self._connect()
        return self._client

    def _connect(self) -> Any:
        options: dict[str, Any] = {
            "socket_timeout": self._timeout,
            "socket_connect_timeout": SOCKET_TIMEOUT,
            # A connection that Redis closed (it was restarted) is opened anew once; a time-out is not waited for twice.
            "retry": Retry(NoBackoff(), 1, supported_errors=(redis.ConnectionError,)),
        }
        if self._clustered:
            return RedisCluster.from_url(self._url.replace(CLUSTER, "", 1), **options)
        return redis.Redis.from_url(self._url, **options)

    def servers(self) -> frozenset[str]:
        """The run ids of the servers that hold something."""
        if self._clustered:
            found = self.client.info("server", target_nodes=RedisCluster.PRIMARIES)
            return frozenset(server["run_id"] for server in found.values())
        return frozenset((self.client.info("server")["run_id"],))

    def now_ms(self) -> int:
        """The time by the server's own clock, the slowest one's of a cluster."""
        asked = {"target_nodes": RedisCluster.PRIMARIES} if self._clustered else {}
        answer = self.client.time(**asked)
        told = answer.values() if self._clustered else (answer,)
        return min(seconds * 1000 + microseconds // 1000 for seconds, microseconds in told)

    def believes(self) -> bool:
        """Whether a voucher can be believed on this thread's connections.

        A Redis that was restarted may show a voucher from before. Every connection to it broke then, so one that is
        younger than a voucher's life waits that long: what it sees afterwards was vouched for afterwards.
        """
        return self.believes_in() <= 0

    def believes_in(self) -> float:
        """In how many seconds a voucher can be believed on this thread's connections; none left where it can already."""
        return float(getattr(self._threads, "believes_from", 0.0)) - time.monotonic()

    def say(self, key: str, *command: Any) -> Any:
        """One command, and its reply."""
        reply = self.say_all(((key, command),))[0]
        if isinstance(reply, Exception):
            raise reply
        return reply

    def run_all(self, script: str, runs: Sequence[Run], *, unbroken: bool = False) -> list[Any]:
        """Run a script many times. A server that does not know it yet is told it where it first says so."""
        sha = _sha(script)
        commands = [(names[0], ("EVALSHA", sha, len(names), *names, *given)) for names, given in runs]
        replies = self.say_all(commands, unbroken=unbroken)
        for place, reply in enumerate(replies):
            if isinstance(reply, NoScriptError):
                names, given = runs[place]
                replies[place] = self.say(names[0], "EVAL", script, len(names), *names, *given)
        return all_well(replies)

    def say_all(self, commands: Sequence[Command], *, unbroken: bool = False) -> list[Any]:
        """The replies to many commands in their order, a refusal in its place.

        With `unbroken` a connection that broke since this thread last spoke is an error: what may have been lost with
        it is then the caller's to find out.
        """
        replies: list[Any] = [None] * len(commands)
        for node, places in self._by_node([key for key, _command in commands]):
            answers = self._say_to(node, [commands[p][1] for p in places], unbroken)
            for place, answer in zip(places, answers, strict=True):
                if isinstance(answer, (AskError, TryAgainError)):
                    answer = self._redirected(commands[place][1])
                replies[place] = answer
        return replies

    def _by_node(self, keys: Sequence[str]) -> Iterable[tuple[Any, Sequence[int]]]:
        if not self._clustered:
            return ((None, range(len(keys))),)
        nodes: dict[Any, list[int]] = {}
        for place, key in enumerate(keys):
            nodes.setdefault(self.client.get_node_from_key(key), []).append(place)
        return nodes.items()

    def _say_to(self, node: Any, commands: Sequence[tuple[Any, ...]], unbroken: bool) -> list[Any]:
        name = ALONE if node is None else node.name
        lines = self._threads.__dict__.setdefault("lines", {})
        line = lines.get(name)
        if line is not None:
            try:
                return self._exchange(lines, name, line, commands)
            except redis.ConnectionError:
                if unbroken:
                    raise
        self._disbelieve()
        try:
            return self._exchange(lines, name, self._open(node), commands)
        except redis.ConnectionError:
            if self._clustered:
                # Another server may have taken the place of the one that is gone.
                self.client.nodes_manager.initialize()
            raise

    def _open(self, node: Any) -> Any:
        server = self.client if node is None else self.client.get_redis_connection(node)
        return server.connection_pool.make_connection()

    def _exchange(
        self, lines: dict[str, Any], name: str, line: Any, commands: Sequence[tuple[Any, ...]]
    ) -> list[Any]:
        """Send and read; the thread keeps the connection only if every reply has been read."""
        lines.pop(name, None)
        replies: list[Any] = []
        try:
            if len(commands) == 1:
                line.send_command(*commands[0], check_health=False)
            else:
                line.send_packed_command(line.pack_commands(commands), check_health=False)
            for _ in commands:
                try:
                    replies.append(line.read_response())
                except redis.ResponseError as refusal:
                    replies.append(refusal)
        except BaseException:
            # A reply may still be on its way; it must never be taken for the answer to the next command.
            line.disconnect()
            raise
        lines[name] = line
        return replies

    def _redirected(self, command: tuple[Any, ...]) -> Any:
        """A slot has moved to another server: the library follows, and learns where it is now."""
        self._disbelieve()
        try:
            return self.client.execute_command(*command)
        except redis.ResponseError as refusal:
            return refusal

    def _disbelieve(self) -> None:
        self._threads.believes_from = time.monotonic() + self._disbelief


@lru_cache(maxsize=64)
def _sha(script: str) -> str:
    """By which a server knows a script that it has been told."""
    return hashlib.sha1(script.encode(), usedforsecurity=False).hexdigest()


def all_well(replies: list[Any]) -> list[Any]:
    """The replies, if there is no refusal among them; else the first refusal is raised."""
    for reply in replies:
        if isinstance(reply, Exception):
            raise reply
    return replies
