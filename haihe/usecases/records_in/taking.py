"""A file as it arrives: its hash, and its plain bytes on disk, unpacked under limits before anything is stored.

The whole file is seen once before its first line is read. So a broken or boundless archive is refused as a whole, and
the hash that a cut-off load is resumed by is known from the start.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from tempfile import SpooledTemporaryFile
from typing import IO

from haihe.domain.errors import InvalidInput

GZIP = b"\x1f\x8b"
BLOCK = 1 << 20
HELD_IN_MEMORY = 4 << 20
LARGEST = 4 << 30
# Lists of people pack ten to forty times; what unpacks to hundreds of times its size is no list.
LARGEST_RATIO = 200
ANY_RATIO_UP_TO = 16 << 20


@dataclass(frozen=True, slots=True)
class Taken:
    """The plain bytes, from their beginning, and the hash of what was sent."""

    plain: IO[bytes]
    size: int
    sha256: bytes


@contextmanager
def take_in(stream: IO[bytes]) -> Iterator[Taken]:
    """Take a file in; InvalidInput where it is empty, too large or a broken archive."""
    with SpooledTemporaryFile(HELD_IN_MEMORY) as spool:
        hashed = hashlib.sha256()
        blocks = _hashed(stream, hashed)
        first = next(blocks, b"")
        size = 0
        for plain in _unpacked(first, blocks) if first.startswith(GZIP) else _joined(first, blocks):
            size += len(plain)
            if size > LARGEST:
                raise InvalidInput("FILE_TOO_LARGE", f"文件（解压后）超过 {LARGEST >> 30} GB，请拆分后报送")
            spool.write(plain)
        if not size:
            raise InvalidInput("FILE_EMPTY", "文件是空的")
        spool.seek(0)
        yield Taken(spool, size, hashed.digest())


def _hashed(stream: IO[bytes], hashed: hashlib._Hash) -> Iterator[bytes]:
    while block := stream.read(BLOCK):
        hashed.update(block)
        yield block


def _joined(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    if first:
        yield first
    yield from rest


def _unpacked(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    """Unpack gzip, members one after another, never more than a block at a time."""
    packed, unpacked = 0, 0
    unpacker = zlib.decompressobj(zlib.MAX_WBITS | 16)
    try:
        for block in _joined(first, rest):
            packed += len(block)
            while block:
                if unpacker.eof:
                    if not block.startswith(GZIP[:1]):
                        # Some archivers fill the last block of a tape with zeros.
                        block = block.lstrip(b"\0")
                        if block:
                            raise zlib.error
                        break
                    unpacker = zlib.decompressobj(zlib.MAX_WBITS | 16)
                plain = unpacker.decompress(block, BLOCK)
                block = unpacker.unused_data if unpacker.eof else unpacker.unconsumed_tail
                unpacked += len(plain)
                if unpacked > ANY_RATIO_UP_TO and unpacked > LARGEST_RATIO * packed:
                    raise InvalidInput("GZIP_BOMB", f"压缩包解压后超过原大小的 {LARGEST_RATIO} 倍，已拒收")
                if plain:
                    yield plain
    except zlib.error:
        raise InvalidInput("GZIP_BROKEN", "压缩包已损坏，请重新压缩后报送") from None
    if not unpacker.eof:
        raise InvalidInput("GZIP_BROKEN", "压缩包不完整，可能传输中断，请重新报送")
