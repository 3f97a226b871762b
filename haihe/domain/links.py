"""关联授权: a resident's standing consent, by which a merchant asks without a pass."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class StandingLink:
    """This merchant may ask about the resident, by this pairwise id, for these scenarios, until then (ms)."""

    pairwise_id: str
    merchant_id: int
    until_ms: int
    scenarios: frozenset[str]
