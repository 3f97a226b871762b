"""What the address of a page asks for, as far as it makes sense."""

from __future__ import annotations

from flask import request


def asked(name: str, longest: int = 64) -> str:
    """What the address asks for under this name, without what PostgreSQL would refuse."""
    return request.args.get(name, "").replace("\0", "").strip()[:longest]


def number_of(text: str) -> int | None:
    """A number in an address; None where it is none."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else None
