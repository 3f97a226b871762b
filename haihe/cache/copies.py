"""What Redis holds for the counter: passes, residents' copies, the journal of decisions, and the voucher.

Redis is trusted only while the keeper vouches for it (see `keeper`): a Redis that was away, lost its memory or missed a
change has no voucher, and PostgreSQL is asked instead. Every method raises `CacheDown` when Redis does not answer.
"""

from __future__ import annotations

import struct
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import redis

from haihe.cache import keys, scripts
from haihe.cache.copy import tombstone
from haihe.cache.filling import Filling
from haihe.cache.lines import FAILURES, CacheDown, Command, Lines, Run, all_well
from haihe.cache.passes import pack_pass, unpack_pass
from haihe.domain.allowances import ABOUT_ONE_RESIDENT, Allowance
from haihe.domain.passes import HeldPass

__all__ = ["CacheDown", "Copies", "Glance", "JournalEntry"]

T = TypeVar("T")
GROUP = "postgres"
# A voucher is good for one second (see usecases/keep_copies.py).
VOUCHED_MS = 1000
LONG_AGO_MS = 1
PAUSE_AFTER_FAILURE = 0.5
# PostgreSQL takes a second to tell about a few hundred residents.
WORTH_WAITING = 50
# Batches waiting in each shard: of a thousand decisions each, all shards together, a quarter of a gigabyte at most.
MOST_WAITING = 256


@dataclass(frozen=True, slots=True)
class Glance:
    """All that one look can tell: the generation vouched for (None: do not trust), the pass, the resident's copy."""

    generation: int | None
    held: HeldPass | None
    copy: bytes | None


# A resident who is to be looked up, by which of a merchant's names for them (a mark tells those apart), for how many questions.
Wanted = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Looked:
    """What one look at many residents tells: the generation vouched for everywhere (None: do not trust), and in the order
    in which they were wanted their copies, ASKED_TOO_OFTEN in the place of some."""

    generation: int | None
    copies: list[bytes | int | None]


# What stands in the place of a copy: too many questions, and too many for the first time.
ASKED_TOO_OFTEN, ASKED_TOO_OFTEN_NOW = 1, 2


class AskedTooOften(Exception):
    """This merchant has asked about this resident more often than it may; `first_time` since the counting began."""

    def __init__(self, first_time: bool) -> None:
        super().__init__("asked too often")
        self.first_time = first_time


# place, mark, questions: as the script reads them
ROW = struct.Struct(">QIH")


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """One decision waiting for PostgreSQL."""

    stream: str
    entry_id: bytes
    entry: bytes


class Copies:
    """The Redis side of the house."""

    def __init__(self, url: str) -> None:
        self._lines = Lines(url, VOUCHED_MS / 1000)
        self._resting_until = 0.0

    @property
    def _client(self) -> Any:
        return self._lines.client

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

    def look_many(
        self, wanted: Sequence[Wanted], merchant_id: int, allowance: Allowance, at_ms: int
    ) -> Looked:
        """One round trip to each server: the vouchers and the copies; the questions are counted in the same step.

        On a connection too young to be believed, many residents are looked at once more as soon as it can be: that is
        sooner than PostgreSQL could tell about so many.
        """
        looked, vouched = self._look_many(wanted, merchant_id, allowance, at_ms)
        wait = self._lines.believes_in()
        if not vouched or wait <= 0 or len(wanted) < WORTH_WAITING:
            return looked
        time.sleep(wait)
        # They have been counted already.
        again, _vouched = self._look_many([(r, m, 0) for r, m, _n in wanted], merchant_id, allowance, at_ms)
        copies = [a if isinstance(a, int) else b for a, b in zip(looked.copies, again.copies, strict=True)]
        return Looked(again.generation, copies)

    def _look_many(
        self, wanted: Sequence[Wanted], merchant_id: int, allowance: Allowance, at_ms: int
    ) -> tuple[Looked, bool]:
        """What is seen, and whether every shard is vouched for, believed or not."""
        rows: list[list[bytes]] = [[] for _ in range(keys.SHARDS)]
        places: list[list[int]] = [[] for _ in range(keys.SHARDS)]
        pack = ROW.pack
        for n, (resident_id, mark, questions) in enumerate(wanted):
            shard = resident_id % keys.SHARDS
            rows[shard].append(pack(resident_id // keys.SHARDS, mark, questions))
            places[shard].append(n)
        window = allowance.window(at_ms)
        limits = (keys.BUCKET, allowance.seconds, allowance.most)
        shards = [shard for shard in range(keys.SHARDS) if rows[shard]]
        found = self._run_all(
            scripts.LOOK_MANY,
            [
                (
                    (keys.voucher(shard), keys.questions(shard, merchant_id, window)),
                    (keys.residents(shard), *limits, b"".join(rows[shard])),
                )
                for shard in shards
            ],
        )
        vouched = [None if told[0] is None else int(told[0]) for told in found]
        copies: list[bytes | int | None] = [None] * len(wanted)
        for told, shard in zip(found, shards, strict=True):
            for n, copy in zip(places[shard], told[1:], strict=True):
                copies[n] = copy
        everywhere = None not in vouched
        believed = everywhere and self._believes()
        generation = max((v for v in vouched if v is not None), default=0) if believed else None
        return Looked(generation, copies), everywhere

    def write_down(self, number: int, batch: bytes) -> bool:
        """Put a batch of decisions into the journal, in a shard by its number: nothing is claimed by it. False, and nothing
        done, where so many are waiting already that the memory of Redis would be in danger."""
        stream = _BATCHES[number % keys.SHARDS]
        return bool(self._run(scripts.WRITE_DOWN, (stream,), (batch, MOST_WAITING)))

    def count(self, name: str, more: int, allowance: Allowance, at_ms: int) -> int:
        """How often this has happened in the present stretch of time, so many more times included."""
        key = keys.counter(name, allowance.window(at_ms))
        return int(self._run(scripts.COUNT, (key,), (more, allowance.seconds)))

    def settle(
        self, code_hash: bytes, settled: HeldPass, keep_ms: int, entry: bytes, at_ms: int = 0
    ) -> HeldPass | None:
        """One round trip: make a merchant the owner of the pass, with its answer, and write the entry to the journal.

        Returns the pass as it now stands: as just settled, or as a merchant (this one or another) settled it before, in
        which case nothing was written; None when it is gone, or when nobody vouches for Redis any more. Raises
        AskedTooOften where this merchant has, and then nothing was written either.
        """
        shard = keys.shard_of_pass(code_hash)
        window = ABOUT_ONE_RESIDENT.window(at_ms)
        found = self._run(
            scripts.SETTLE,
            (
                _pass_key(shard, code_hash),
                keys.decisions(shard),
                keys.voucher(shard),
                keys.questions(shard, settled.merchant_id or 0, window),
            ),
            (
                pack_pass(settled),
                keep_ms,
                entry,
                # By passes and by links it is counted apart: else one would tell who shows the other.
                ROW.pack(keys.place_in_shard(settled.resident_id), 0, 0)[:-2],
                ABOUT_ONE_RESIDENT.seconds,
                ABOUT_ONE_RESIDENT.most,
            ),
        )
        if found in (ASKED_TOO_OFTEN, ASKED_TOO_OFTEN_NOW):
            raise AskedTooOften(found == ASKED_TOO_OFTEN_NOW)
        return unpack_pass(found) if found else None

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

        keys_of = [_pass_key(keys.shard_of_pass(code_hash), code_hash) for code_hash in code_hashes]
        self._say_all([(key, ("DEL", key)) for key in keys_of])

    def put(self, copies: Sequence[tuple[int, bytes]]) -> None:
        """Hold these residents' copies, each only if it is not older than the one held."""
        self._run_all(
            scripts.PUT,
            [
                ((bucket,), (field, packed))
                for resident_id, packed in copies
                for bucket, field in (keys.resident_place(resident_id),)
            ],
        )

    def forget(self, versions: Sequence[tuple[int, int]]) -> None:
        """Put copies out of use ahead of a change: (resident, the version that the change will make)."""
        self.put([(resident_id, tombstone(version)) for resident_id, version in versions])

    def filling(self) -> Filling:
        """For writing everybody's copies at once, beside all this."""
        return Filling(self._lines.patient(Filling.PATIENCE))

    def vouch(self, generation: int, until_ms: int) -> None:
        """Say that every copy is up to date with this generation of the configuration, until that moment of Redis's."""
        names = [(keys.voucher(shard), keys.floor(shard)) for shard in range(keys.SHARDS)]
        self._run_all(scripts.VOUCH, [(both, (generation, until_ms)) for both in names])

    def raise_floor(self, generation: int) -> None:
        """A newer configuration is in force: take the vouchers away and never accept an older generation again."""
        self.vouch(generation, LONG_AGO_MS)

    def read_journal(self, reader: str, most: int, from_start: bool) -> list[JournalEntry]:
        """Decisions not yet taken over: those this reader had begun on (`from_start`), else new ones."""
        return self._read(_STREAMS, reader, most, from_start)

    def read_batches(self, reader: str, most: int, from_start: bool) -> list[JournalEntry]:
        """Batches not yet taken over, in the same way."""
        return self._read(_BATCHES, reader, most, from_start)

    def _read(self, streams: Sequence[str], reader: str, most: int, from_start: bool) -> list[JournalEntry]:
        begin = "0" if from_start else ">"
        found = self._say_all(
            [
                (stream, ("XREADGROUP", "GROUP", GROUP, reader, "COUNT", most, "STREAMS", stream, begin))
                for stream in streams
            ]
        )
        return [entry for answer in found for entry in _entries(answer)]

    def batches_in(self, number: int, at_once: int) -> Iterator[bytes]:
        """Every batch that is waiting in the shard of this number, the newest first."""
        stream, last = _BATCHES[number % keys.SHARDS], "+"
        while found := self._say_all([(stream, ("XREVRANGE", stream, last, "-", "COUNT", at_once))])[0]:
            yield from (_held(fields) for _entry_id, fields in found)
            last = "(" + found[-1][0].decode()

    def adopt_journal(self, reader: str, idle_ms: int) -> None:
        """Take over what another reader began on and left; `read_journal(from_start=True)` then returns it."""
        self._say_all([(s, ("XAUTOCLAIM", s, GROUP, reader, idle_ms, "0", "JUSTID")) for s in _ALL])

    def open_journal(self) -> None:
        """Make the reader group where there is none (a new or emptied Redis)."""

        def make() -> None:
            for stream in _ALL:
                try:
                    self._client.xgroup_create(stream, GROUP, id="0", mkstream=True)
                except redis.ResponseError as error:
                    if "BUSYGROUP" not in str(error):
                        raise

        self._guard(make)

    def strike_journal(self, entries: Sequence[JournalEntry]) -> None:
        """Take entries off the journal once PostgreSQL has them."""
        commands: list[Command] = []
        for stream in {e.stream for e in entries}:
            ids = [e.entry_id for e in entries if e.stream == stream]
            commands += [(stream, ("XACK", stream, GROUP, *ids)), (stream, ("XDEL", stream, *ids))]
        self._say_all(commands)

    def servers(self) -> frozenset[str]:
        """The run ids of the servers: another id means another Redis, or the same one restarted."""
        return self._guard(self._lines.servers)

    def now_ms(self) -> int:
        """The time by Redis's own clock; of several servers, that of the slowest."""
        return self._guard(self._lines.now_ms)

    def ping(self) -> None:
        """Does Redis answer?"""
        self._guard(lambda: self._client.ping())

    def _believes(self) -> bool:
        return self._lines.believes()

    def _run(self, script: str, names: tuple[Any, ...], arguments: tuple[Any, ...]) -> Any:
        return self._run_all(script, [(names, arguments)])[0]

    def _run_all(self, script: str, runs: Sequence[Run]) -> list[Any]:
        return self._guard(lambda: self._lines.run_all(script, runs))

    def _say_all(self, commands: Sequence[Command]) -> list[Any]:
        return self._guard(lambda: all_well(self._lines.say_all(commands)))

    def _guard(self, ask: Callable[[], T]) -> T:
        """Ask Redis, unless it failed a moment ago: a counter must not wait for a time-out on every question."""
        if time.monotonic() < self._resting_until:
            raise CacheDown("resting after a failure")
        try:
            return ask()
        except FAILURES as error:
            self._resting_until = time.monotonic() + PAUSE_AFTER_FAILURE
            raise CacheDown(str(error)) from error


_STREAMS = tuple(keys.decisions(shard) for shard in range(keys.SHARDS))
_BATCHES = tuple(keys.batches(shard) for shard in range(keys.SHARDS))
_ALL = _STREAMS + _BATCHES


def _pass_key(shard: int, code_hash: bytes) -> str:
    return keys.passes(shard) + code_hash.hex()


def _entries(found: Any) -> Iterable[JournalEntry]:
    """What XREADGROUP answers: a map of streams, or pairs where the connection speaks the older protocol."""
    streams = found.items() if isinstance(found, dict) else found or ()
    for stream, entries in streams:
        for entry_id, fields in entries:
            # An entry that was struck off after it had been read has no fields any more.
            if fields:
                yield JournalEntry(stream.decode(), entry_id, _held(fields))


def _held(fields: Any) -> bytes:
    """What an entry holds."""
    held: bytes = fields[b"d"] if isinstance(fields, dict) else fields[fields.index(b"d") + 1]
    return held
