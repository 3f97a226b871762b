"""What Redis holds for the counter: passes, residents' copies, the journal of decisions, and the voucher.

Redis is trusted only while the keeper vouches for it (see `keeper`): a Redis that was away, lost its memory or missed a
change has no voucher, and PostgreSQL is asked instead. Every method raises `CacheDown` when Redis does not answer.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import redis
from redis.backoff import NoBackoff
from redis.cluster import RedisCluster
from redis.retry import Retry

from haihe.cache import keys, scripts
from haihe.cache.copy import tombstone
from haihe.cache.passes import pack_pass, unpack_pass
from haihe.domain.passes import HeldPass

T = TypeVar("T")
GROUP = "postgres"
# A voucher is good for one second (see usecases/keep_copies.py).
VOUCHED_MS = 1000
PAUSE_AFTER_FAILURE = 0.5
SOCKET_TIMEOUT = 0.5


class CacheDown(Exception):
    """Redis does not answer; whoever asked goes to PostgreSQL."""


@dataclass(frozen=True, slots=True)
class Glance:
    """All that one look can tell: the generation vouched for (None: do not trust), the pass, the resident's copy."""

    generation: int | None
    held: HeldPass | None
    copy: bytes | None


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """One decision waiting for PostgreSQL."""

    stream: str
    entry_id: bytes
    entry: bytes


class Copies:
    """The Redis side of the house."""

    def __init__(self, url: str) -> None:
        options: dict[str, Any] = {
            "socket_timeout": SOCKET_TIMEOUT,
            "socket_connect_timeout": SOCKET_TIMEOUT,
            # A connection that Redis closed (it was restarted) is opened anew once; a time-out is not waited for twice.
            # Whatever is said twice for that reason changes nothing the second time.
            "retry": Retry(NoBackoff(), 1, supported_errors=(redis.ConnectionError,)),
        }
        self._client: Any
        if url.startswith("redis+cluster://"):
            self._client = RedisCluster.from_url(url.replace("redis+cluster://", "redis://", 1), **options)
        else:
            self._client = redis.Redis.from_url(url, **options)
        self._threads = threading.local()
        self._resting_until = 0.0
        self._shas = {s: hashlib.sha1(s.encode(), usedforsecurity=False).hexdigest() for s in _SCRIPTS}

    def look(self, code_hash: bytes) -> Glance:
        """One round trip: the voucher, the pass behind the code and the resident's copy."""
        shard = keys.shard_of_pass(code_hash)
        found = self._run(
            scripts.LOOK,
            (_pass_key(shard, code_hash), keys.voucher(shard)),
            (keys.residents(shard), keys.SHARDS, keys.BUCKET),
        )
        generation = None if found[0] is None or not self._believes() else int(found[0])
        if len(found) == 1:
            return Glance(generation, None, None)
        return Glance(generation, unpack_pass(found[1]), found[2])

    def settle(self, code_hash: bytes, settled: HeldPass, keep_ms: int, entry: bytes) -> HeldPass | None:
        """One round trip: make a merchant the owner of the pass, with its answer, and write the entry to the journal.

        Returns the pass as it now stands: as just settled, or as a merchant (this one or another) settled it before, in
        which case nothing was written; None when it is gone.
        """
        shard = keys.shard_of_pass(code_hash)
        found = self._run(
            scripts.SETTLE,
            (_pass_key(shard, code_hash), keys.decisions(shard)),
            (pack_pass(settled), keep_ms, entry),
        )
        return None if found is None else unpack_pass(found)

    def note(self, code_hash: bytes, entry: bytes) -> None:
        """Write a decision that settles no pass (an unknown or spent code) to the journal."""
        stream = keys.decisions(keys.shard_of_pass(code_hash))
        self._guard(lambda: self._client.xadd(stream, {"d": entry}))

    def store_pass(self, code_hash: bytes, held: HeldPass, keep_ms: int) -> None:
        """Hold a pass for `keep_ms`. One that nobody owns yet never takes the place of one that is held already."""
        key = _pass_key(keys.shard_of_pass(code_hash), code_hash)
        unowned = held.merchant_id is None
        self._guard(lambda: self._client.set(key, pack_pass(held), px=keep_ms, nx=unowned))

    def end_passes(self, code_hashes: Iterable[bytes]) -> None:
        """Forget passes that have served or were taken back."""

        def end() -> None:
            pipe = self._client.pipeline(transaction=False)
            for code_hash in code_hashes:
                pipe.delete(_pass_key(keys.shard_of_pass(code_hash), code_hash))
            pipe.execute()

        self._guard(end)

    def put(self, copies: Sequence[tuple[int, bytes]]) -> None:
        """Hold these residents' copies, each only if it is not older than the one held."""
        if not copies:
            return

        def put() -> None:
            sha = self._load(scripts.PUT)
            pipe = self._client.pipeline(transaction=False)
            for resident_id, packed in copies:
                bucket, field = keys.resident_place(resident_id)
                pipe.evalsha(sha, 1, bucket, field, packed)
            pipe.execute()

        self._guard(put)

    def forget(self, versions: Sequence[tuple[int, int]]) -> None:
        """Put copies out of use ahead of a change: (resident, the version that the change will make)."""
        self.put([(resident_id, tombstone(version)) for resident_id, version in versions])

    def vouch(self, generation: int, ttl_ms: int) -> None:
        """Say that every copy is up to date with this generation of the configuration, for so long."""

        def vouch() -> None:
            sha = self._load(scripts.VOUCH)
            pipe = self._client.pipeline(transaction=False)
            for shard in range(keys.SHARDS):
                pipe.evalsha(sha, 2, keys.voucher(shard), keys.floor(shard), generation, ttl_ms)
            pipe.execute()

        self._guard(vouch)

    def raise_floor(self, generation: int) -> None:
        """A newer configuration is in force: take the vouchers away and never accept an older generation again."""
        self.vouch(generation, 1)

    def read_journal(self, reader: str, most: int, from_start: bool) -> list[JournalEntry]:
        """Decisions not yet taken over: those this reader had begun on (`from_start`), else new ones."""

        def read() -> list[JournalEntry]:
            pipe = self._client.pipeline(transaction=False)
            for shard in range(keys.SHARDS):
                stream = keys.decisions(shard)
                pipe.xreadgroup(GROUP, reader, {stream: "0" if from_start else ">"}, count=most)
            return [e for found in pipe.execute() for e in _entries(found)]

        return self._guard(read)

    def adopt_journal(self, reader: str, idle_ms: int) -> None:
        """Take over what another reader began on and left; `read_journal(from_start=True)` then returns it."""

        def adopt() -> None:
            pipe = self._client.pipeline(transaction=False)
            for shard in range(keys.SHARDS):
                pipe.xautoclaim(keys.decisions(shard), GROUP, reader, idle_ms, "0", justid=True)
            pipe.execute()

        self._guard(adopt)

    def open_journal(self) -> None:
        """Make the reader group where there is none (a new or emptied Redis)."""

        def make() -> None:
            for shard in range(keys.SHARDS):
                try:
                    self._client.xgroup_create(keys.decisions(shard), GROUP, id="0", mkstream=True)
                except redis.ResponseError as error:
                    if "BUSYGROUP" not in str(error):
                        raise

        self._guard(make)

    def strike_journal(self, entries: Sequence[JournalEntry]) -> None:
        """Take entries off the journal once PostgreSQL has them."""

        def strike() -> None:
            pipe = self._client.pipeline(transaction=False)
            for stream in {e.stream for e in entries}:
                ids = [e.entry_id for e in entries if e.stream == stream]
                pipe.xack(stream, GROUP, *ids)
                pipe.xdel(stream, *ids)
            pipe.execute()

        self._guard(strike)

    def servers(self) -> frozenset[str]:
        """The run ids of the servers: another id means another Redis, or the same one restarted."""

        def ask() -> frozenset[str]:
            if isinstance(self._client, RedisCluster):
                found = self._client.info("server", target_nodes=RedisCluster.PRIMARIES)
                return frozenset(server["run_id"] for server in found.values())
            return frozenset((self._client.info("server")["run_id"],))

        return self._guard(ask)

    def ping(self) -> None:
        """Does Redis answer?"""
        self._guard(self._client.ping)

    def _believes(self) -> bool:
        """Whether a voucher can be believed on this connection.

        A Redis that was restarted may show a voucher from before. Every connection to it broke then, so one that is
        younger than a voucher's life waits that long: what it sees afterwards was vouched for afterwards.
        """
        return time.monotonic() >= getattr(self._threads, "believes_from", 0.0)

    def _load(self, script: str) -> str:
        self._client.script_load(script)
        return self._shas[script]

    def _run(self, script: str, names: tuple[Any, ...], arguments: tuple[Any, ...]) -> Any:
        def run() -> Any:
            try:
                return self._say("EVALSHA", self._shas[script], len(names), *names, *arguments)
            except redis.exceptions.NoScriptError:
                return self._say("EVAL", script, len(names), *names, *arguments)

        return self._guard(run)

    def _say(self, *command: Any) -> Any:
        """One command on the thread's own connection: at the counter the pool's bookkeeping would cost a third of the
        round trip. A cluster's client has to choose the node itself."""
        if isinstance(self._client, RedisCluster):
            return self._client.execute_command(*command)
        line = getattr(self._threads, "line", None)
        if line is not None:
            try:
                return self._exchange(line, command)
            except redis.ConnectionError:
                pass
        self._threads.believes_from = time.monotonic() + VOUCHED_MS / 1000
        return self._exchange(self._client.connection_pool.make_connection(), command)

    def _exchange(self, line: Any, command: tuple[Any, ...]) -> Any:
        """Send one command and read its reply; the thread keeps the connection only if both went well."""
        self._threads.line = None
        try:
            line.send_command(*command, check_health=False)
            reply = line.read_response()
        except redis.ResponseError:
            self._threads.line = line
            raise
        except BaseException:
            # A reply may still be on its way; it must never be taken for the answer to the next command.
            line.disconnect()
            raise
        self._threads.line = line
        return reply

    def _guard(self, ask: Callable[[], T]) -> T:
        """Ask Redis, unless it failed a moment ago: a counter must not wait for a time-out on every question."""
        if time.monotonic() < self._resting_until:
            raise CacheDown("resting after a failure")
        try:
            return ask()
        except (redis.RedisError, OSError) as error:
            self._resting_until = time.monotonic() + PAUSE_AFTER_FAILURE
            raise CacheDown(str(error)) from error


_SCRIPTS = (scripts.LOOK, scripts.SETTLE, scripts.PUT, scripts.VOUCH)


def _pass_key(shard: int, code_hash: bytes) -> str:
    return keys.passes(shard) + code_hash.hex()


def _entries(found: Any) -> Iterable[JournalEntry]:
    streams = found.items() if isinstance(found, dict) else found or ()
    for stream, entries in streams:
        # redis-py 8 nests the entries of a stream once more under RESP3.
        for entry_id, fields in entries[0] if entries and isinstance(entries[0], list) else entries:
            if fields:
                yield JournalEntry(stream.decode(), entry_id, fields[b"d"])
