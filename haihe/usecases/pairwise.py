"""The name by which one merchant knows one resident: nobody else's, and new after every withdrawal.

It is the resident's number, the merchant's and some chance, encrypted as one block: to the merchant twenty-two random
characters, to us an address at which Redis is asked without looking anything up first. Nothing is believed of it but
where to look: whether the link is in force is written in the resident's own copy.
"""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
import struct
from binascii import a2b_base64
from collections.abc import Sequence
from contextlib import suppress
from functools import lru_cache

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import ECB

from haihe.usecases.context import Context

FORM = re.compile(r"[0-9A-Za-z_-]{21}[AQgw]")
BLOCK, LENGTH = 16, 22
RESIDENT, MERCHANT = 6, 4
# The same, as a block is read: the resident's upper and lower part, and the merchant; and four bytes of the name.
OPENED, MARK = struct.Struct(">HII6x"), struct.Struct(">I12x")
# A name and two letters for nothing are six whole groups of four: sixteen bytes, and two that are nothing.
FILLER, GROUPS = "AA", struct.Struct(">16s2x")
URL_SAFE = bytes.maketrans(b"-_+/", b"+/==")


# Whom a pairwise id names (a name of nobody leads to a place where nobody is), by what mark the names by which one merchant
# knows the same resident are told apart, whether it is one of this merchant's, and the name itself as sixteen bytes.
Address = tuple[int, int, bool, bytes]


def draw_pairwise_id(ctx: Context, resident_id: int, merchant_id: int) -> str:
    """A fresh name of this resident for this merchant."""
    chance = secrets.token_bytes(BLOCK - RESIDENT - MERCHANT)
    block = resident_id.to_bytes(RESIDENT, "big") + merchant_id.to_bytes(MERCHANT, "big") + chance
    sealed = _cipher(_key(ctx)).encryptor().update(block)
    return base64.urlsafe_b64encode(sealed).decode().rstrip("=")


def addresses(ctx: Context, merchant_id: int, pairwise_ids: Sequence[str]) -> list[Address]:
    """Whom these name to this merchant. What is no name of ours costs the same work, and leads nowhere."""
    blocks = _blocks(pairwise_ids)
    joined = b"".join(blocks)
    opened = _cipher(_key(ctx)).decryptor().update(joined)
    return [
        (high << 32 | low, mark, merchant == merchant_id, block)
        for (high, low, merchant), (mark,), block in zip(
            OPENED.iter_unpack(opened), MARK.iter_unpack(joined), blocks, strict=True
        )
    ]


def _blocks(names: Sequence[str]) -> list[bytes]:
    """The names as blocks: all in one go where they have the form, which is nearly always; else one by one."""
    # What is no letter of the alphabet is left out, so that there is less in the end.
    letters = FILLER.join((*names, "")).encode("ascii", "replace").translate(URL_SAFE)
    with suppress(ValueError):
        groups = a2b_base64(letters)
        in_form = len(groups) == GROUPS.size * len(names) and not any(groups[16::18] + groups[17::18])
        if in_form and set(map(len, names)) == {LENGTH}:
            return [block for (block,) in GROUPS.iter_unpack(groups)]
    return [_block(name) for name in names]


def _block(name: str) -> bytes:
    if FORM.fullmatch(name):
        return base64.urlsafe_b64decode(name + "==")
    return hashlib.blake2b(name.encode(), digest_size=BLOCK).digest()


def _key(ctx: Context) -> bytes:
    return ctx.vault.index("pairwise ids", "key")


@lru_cache(maxsize=4)
def _cipher(key: bytes) -> Cipher[ECB]:
    # Each id is one block of its own with chance in it, so there is no chain that a mode could guard.
    return Cipher(AES(key), ECB())  # noqa: S305
