"""What a stranger's server answered, made fit to be kept: short, printable, and without numbers that may be somebody's."""

from __future__ import annotations

import re

LONG_NUMBER = re.compile(r"[0-9０-９][0-9０-９ -]{3,}[0-9０-９Xx]")
LONGEST = 200


def blotted(answer: bytes) -> str:
    """The beginning of the answer in one line; any run of five digits or more is blotted out."""
    text = "".join(c if c.isprintable() else " " for c in answer.decode("utf-8", "replace"))
    return LONG_NUMBER.sub("●●●", " ".join(text.split()))[:LONGEST]
