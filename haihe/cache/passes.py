"""A pass as Redis holds it: one short value, so that looking at it and settling it are one step each."""

from __future__ import annotations

import struct

from haihe.domain.passes import HeldPass

# resident, until when it may be shown (ms), merchant (0: nobody yet), length of the scenario's code
HEAD = struct.Struct(">QQIB")


def pack_pass(held: HeldPass) -> bytes:
    """A pass as bytes: the numbers, the scenario, and the answer once there is one."""
    scenario = held.scenario.encode()
    head = HEAD.pack(held.resident_id, held.expires_ms, held.merchant_id or 0, len(scenario))
    return head + scenario + (held.answer or b"")


def unpack_pass(packed: bytes) -> HeldPass:
    """The pass behind the bytes."""
    resident_id, expires_ms, merchant_id, length = HEAD.unpack_from(packed)
    answer_at = HEAD.size + length
    return HeldPass(
        resident_id,
        expires_ms,
        packed[HEAD.size : answer_at].decode(),
        merchant_id or None,
        packed[answer_at:] if merchant_id else None,
    )
