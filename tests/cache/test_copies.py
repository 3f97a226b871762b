"""What Redis does in one step: the first merchant owns a pass, newer copies win, older configurations never return."""

from __future__ import annotations

import time

import pytest
from flask import Flask

from haihe.cache.copies import Copies
from haihe.cache.keys import resident_place, shard_of_resident
from haihe.domain.passes import HeldPass

RESIDENT = 4_321
HOUR_MS = 3_600_000
FAR_OFF_MS = 4_000_000_000_000


@pytest.fixture
def copies(app: Flask) -> Copies:
    """The Redis side of the application."""
    held: Copies = app.extensions["haihe"].copies
    held.look(bytes(32))
    while not held._believes():
        # A new connection believes no voucher for a second.
        time.sleep(0.05)
    return held


@pytest.fixture
def code_hash(copies: Copies) -> bytes:
    """The hash of a code that the resident shows."""
    code_hash = bytes([shard_of_resident(RESIDENT)]) + bytes(31)
    copies.store_pass(code_hash, HeldPass(RESIDENT, 1_000, "XYZ-07"), HOUR_MS)
    copies.vouch(1, FAR_OFF_MS)
    return code_hash


def version(number: int, rest: bytes = b"copy") -> bytes:
    return number.to_bytes(8, "big") + rest


def test_one_look_tells_pass_copy_and_voucher(copies: Copies, code_hash: bytes) -> None:
    copies.put([(RESIDENT, version(1))])
    copies.vouch(3, FAR_OFF_MS)

    glance = copies.look(code_hash)

    assert glance.generation == 3
    assert glance.held == HeldPass(RESIDENT, 1_000, "XYZ-07")
    assert glance.copy == version(1)


def settled(merchant_id: int, answer: bytes) -> HeldPass:
    return HeldPass(RESIDENT, 1_000, "XYZ-07", merchant_id, answer)


def test_the_first_merchant_settles_and_whoever_comes_later_finds_it_so(
    copies: Copies, code_hash: bytes
) -> None:
    first = settled(1, b"yes")

    assert copies.settle(code_hash, first, HOUR_MS, b"entry") == first
    assert copies.settle(code_hash, settled(2, b"other"), HOUR_MS, b"entry") == first
    assert copies.settle(code_hash, settled(1, b"changed"), HOUR_MS, b"entry") == first


def test_only_the_first_settling_reaches_the_journal(copies: Copies, code_hash: bytes) -> None:
    copies.open_journal()
    copies.settle(code_hash, settled(1, b"yes"), HOUR_MS, b"first")
    copies.settle(code_hash, settled(1, b"yes"), HOUR_MS, b"second")

    assert [e.entry for e in copies.read_journal("reader", 10, from_start=False)] == [b"first"]


def test_a_pass_that_is_gone_cannot_be_settled(copies: Copies, code_hash: bytes) -> None:
    copies.end_passes([code_hash])

    assert copies.settle(code_hash, settled(1, b"yes"), HOUR_MS, b"entry") is None


def test_without_a_voucher_redis_settles_nothing(copies: Copies, code_hash: bytes) -> None:
    copies.raise_floor(2)

    assert copies.settle(code_hash, settled(1, b"yes"), HOUR_MS, b"entry") is None
    assert copies.look(code_hash).held == HeldPass(RESIDENT, 1_000, "XYZ-07")


def test_a_voucher_that_arrives_late_vouches_for_nothing(copies: Copies, code_hash: bytes) -> None:
    copies.raise_floor(2)
    copies.vouch(2, copies.now_ms() - 1)

    assert copies.look(code_hash).generation is None


def test_an_unowned_pass_never_takes_the_place_of_an_owned_one(copies: Copies, code_hash: bytes) -> None:
    copies.settle(code_hash, settled(1, b"yes"), HOUR_MS, b"entry")
    copies.store_pass(code_hash, HeldPass(RESIDENT, 1_000, "XYZ-07"), HOUR_MS)

    assert copies.look(code_hash).held == settled(1, b"yes")


def test_a_newer_copy_replaces_an_older_one_and_never_the_other_way(copies: Copies, code_hash: bytes) -> None:
    copies.put([(RESIDENT, version(256, b"new"))])
    copies.put([(RESIDENT, version(255, b"old"))])
    assert copies.look(code_hash).copy == version(256, b"new")

    copies.put([(RESIDENT, version(256, b"same version, made later"))])
    assert copies.look(code_hash).copy == version(256, b"same version, made later")


def test_a_forgotten_copy_can_only_be_followed_by_the_change_itself(copies: Copies, code_hash: bytes) -> None:
    copies.put([(RESIDENT, version(1))])
    copies.forget([(RESIDENT, 2)])
    copies.put([(RESIDENT, version(1))])

    assert copies.look(code_hash).copy == version(2, b"")


def test_an_older_configuration_is_never_vouched_for_again(copies: Copies, code_hash: bytes) -> None:
    copies.vouch(5, FAR_OFF_MS)
    copies.raise_floor(6)
    copies.vouch(5, FAR_OFF_MS)
    assert copies.look(code_hash).generation in (None, 6)

    copies.vouch(6, FAR_OFF_MS)
    assert copies.look(code_hash).generation == 6


@pytest.mark.parametrize("resident_id", [1, 15, 16, 4095, 4096, 14_000_000])
def test_everything_about_a_resident_lies_in_one_shard(resident_id: int) -> None:
    bucket, field = resident_place(resident_id)

    assert f"{{{shard_of_resident(resident_id)}}}" in bucket
    assert 0 <= field < 256
