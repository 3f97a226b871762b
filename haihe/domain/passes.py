"""信用码: the one-time code that a resident shows. It says nothing by itself; the first merchant to scan it owns it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

SHOWN_FOR = timedelta(seconds=60)
ANSWER_HOLDS = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class HeldPass:
    """A pass as it is held in Redis or PostgreSQL; `merchant_id` and `answer` once a merchant has scanned it."""

    resident_id: int
    expires_ms: int
    scenario: str
    merchant_id: int | None = None
    answer: bytes | None = None
