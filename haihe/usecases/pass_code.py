"""信用码: eighteen digits that say nothing by themselves. Only a keyed hash of them is ever kept."""

from __future__ import annotations

import hashlib
import re
import secrets

from haihe.cache.keys import shard_of_pass, shard_of_resident
from haihe.usecases.context import Context

DIGITS = 18
CODE_FORM = re.compile(r"[0-9]{18}")


def hash_of_code(ctx: Context, code: str, space: bytes = b"") -> bytes:
    """The keyed hash by which a code is found: a stolen table cannot be searched by trying every number.

    Keyed BLAKE2b (RFC 7693) rather than an HMAC, because drawing a code tries sixteen of them on average and every
    question computes one. A code of a sandbox is hashed in that sandbox's `space`: whoever asks from another finds
    nothing, whatever they try.
    """
    return hashlib.blake2b(code.encode(), key=ctx.pass_key, person=space, digest_size=32).digest()


def draw_code(ctx: Context, resident_id: int, space: bytes = b"") -> str:
    """A fresh code whose hash lies in the resident's shard, so that Redis reads pass and resident in one step.

    One draw in sixteen fits. The code still tells nobody anything: the shard shows only under our own key.
    """
    wanted = shard_of_resident(resident_id)
    while True:
        code = f"{secrets.randbelow(10**DIGITS):0{DIGITS}d}"
        if shard_of_pass(hash_of_code(ctx, code, space)) == wanted:
            return code
