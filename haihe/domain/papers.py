"""材料: a picture or a PDF that somebody hands in. What it is, its first bytes say, and neither its name nor the sender."""

from __future__ import annotations

from dataclasses import dataclass

from haihe.domain.errors import InvalidInput

LARGEST = 4 << 20
LONGEST_NAME = 128
BEGINNINGS = {
    b"%PDF-": "application/pdf",
    b"\xff\xd8\xff": "image/jpeg",
    b"\x89PNG\r\n\x1a\n": "image/png",
}


@dataclass(frozen=True, slots=True)
class Paper:
    """A file that was looked at."""

    name: str
    media_type: str
    content: bytes


def read_paper(name: str, content: bytes, largest: int = LARGEST) -> Paper:
    """The file, if it is one that we take; InvalidInput where it is empty, too large, or something else in disguise."""
    if not content:
        raise InvalidInput("DOCUMENT_EMPTY", "文件是空的，请重新选择", "document")
    if len(content) > largest:
        raise InvalidInput("DOCUMENT_TOO_LARGE", f"每份材料最大 {largest >> 20} MB", "document")
    kind = next((k for beginning, k in BEGINNINGS.items() if content.startswith(beginning)), None)
    if kind is None:
        raise InvalidInput("DOCUMENT_TYPE", "材料应为 PDF、JPEG 或 PNG 文件", "document")
    return Paper("".join(c for c in name if c.isprintable())[:LONGEST_NAME] or "未命名", kind, content)
