"""Whole buckets at once: newer copies stay, long ones keep their rest apart, and nothing is written after a loss."""

from __future__ import annotations

import pytest
import redis
from flask import Flask

from haihe.cache.copies import Copies
from haihe.cache.filling import Bucket, Filling, MemoryLost
from haihe.cache.keys import resident_place, shard_of_resident
from haihe.domain.passes import HeldPass

LENGTH = 20
LONG = 200
RESIDENT = 4_321
NAME, FIELD = resident_place(RESIDENT)
SHARD = shard_of_resident(RESIDENT)


@pytest.fixture
def copies(app: Flask) -> Copies:
    """The Redis side of the application."""
    held: Copies = app.extensions["haihe"].copies
    return held


@pytest.fixture
def filling(copies: Copies) -> Filling:
    """A run that has begun."""
    filling = copies.filling()
    filling.begin()
    return filling


def copy(version: int, length: int = LENGTH) -> bytes:
    """Something of that version and length."""
    return version.to_bytes(8, "big") + bytes(n % 251 for n in range(length - 8))


def held(copies: Copies) -> bytes | None:
    """The resident's copy, as the counter finds it."""
    code_hash = bytes([SHARD]) + bytes(31)
    copies.store_pass(code_hash, HeldPass(RESIDENT, 1_000, "XYZ-07"), 60_000)
    return copies.look(code_hash).copy


def bucket_of(alike: dict[int, bytes], others: dict[int, bytes] | None = None) -> list[tuple[int, Bucket]]:
    rows = b"".join(bytes([field]) + packed for field, packed in alike.items())
    return [(SHARD, Bucket(NAME, rows, tuple((others or {}).items())))]


def test_a_bucket_is_written_whole_and_stays_compact(
    copies: Copies, filling: Filling, redis_client: redis.Redis
) -> None:
    alike = {n: copy(n + 1) for n in range(256) if n % 3}
    others = {n: copy(n + 1, 30 + n) for n in range(256) if not n % 3}

    assert filling.fill(bucket_of(alike, others), LENGTH) == 256

    assert held(copies) == (alike | others)[FIELD]
    assert redis_client.object("encoding", NAME) in (b"ziplist", b"listpack")
    assert filling.fill(bucket_of(alike, others), LENGTH) == 256


def test_a_newer_copy_is_not_replaced_by_an_older_one(copies: Copies, filling: Filling) -> None:
    copies.put([(RESIDENT, copy(300, LONG))])

    assert filling.fill(bucket_of({FIELD: copy(299), FIELD + 1: copy(1)}), LENGTH) == 1
    assert held(copies) == copy(300, LONG)
    assert filling.fill(bucket_of({}, {FIELD: copy(299, LONG)}), LENGTH) == 0
    assert held(copies) == copy(300, LONG)


def test_what_was_put_out_of_use_stays_out_of_use(copies: Copies, filling: Filling) -> None:
    copies.forget([(RESIDENT, 2)])

    assert filling.fill(bucket_of({FIELD: copy(1)}), LENGTH) == 0
    assert held(copies) == copy(2, 8)


@pytest.mark.parametrize("length", [63, 64, 65, 72, 128, 129, 400])
def test_a_copy_of_any_length_comes_back_as_it_was(
    copies: Copies, filling: Filling, redis_client: redis.Redis, length: int
) -> None:
    copies.put([(RESIDENT, copy(1, length))])
    assert held(copies) == copy(1, length)

    filling.fill(bucket_of({}, {FIELD: copy(2, length)}), LENGTH)
    assert held(copies) == copy(2, length)

    copies.put([(RESIDENT, copy(3))])
    assert held(copies) == copy(3)
    assert redis_client.exists(f"{NAME}:+") == 0
    assert redis_client.object("encoding", NAME) in (b"ziplist", b"listpack")


def test_a_copy_whose_rest_is_gone_is_no_copy(copies: Copies, redis_client: redis.Redis) -> None:
    copies.put([(RESIDENT, copy(1, LONG))])
    redis_client.delete(f"{NAME}:+")

    assert held(copies) is None


def test_nothing_is_written_once_redis_was_emptied(
    copies: Copies, filling: Filling, redis_client: redis.Redis
) -> None:
    redis_client.flushall()

    with pytest.raises(MemoryLost):
        filling.fill(bucket_of({FIELD: copy(1)}), LENGTH)
    assert held(copies) is None


def test_a_run_that_ended_leaves_nothing_behind(filling: Filling, redis_client: redis.Redis) -> None:
    assert list(redis_client.scan_iter("*:filling:*"))

    filling.end()

    assert not list(redis_client.scan_iter("*:filling:*"))


def test_versions_are_compared_as_numbers(copies: Copies, filling: Filling) -> None:
    copies.put([(RESIDENT, copy(0x80_00))])

    assert filling.fill(bucket_of({FIELD: copy(0x7F_FF)}), LENGTH) == 0
    assert filling.fill(bucket_of({FIELD: copy(0x01_00_00)}), LENGTH) == 1
