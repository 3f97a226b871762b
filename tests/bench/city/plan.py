"""What the whole-city benchmark is about: the day, the seed, and how many residents."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

from haihe.city.generating import generate_snapshot
from haihe.demo.plan import Plan

# The SQL by hand is written for this day.
ON = date(2026, 11, 20)
NOON = datetime(2026, 11, 20, 4, 0, tzinfo=UTC)
SEED = 2026
MEMORY = "6GB"
CITY = 14_000_000


def generated(residents: int, directory: Path) -> int:
    """Generate the city; returns how many records there are."""
    return generate_snapshot(Plan(residents, SEED, ON), directory).rows["records"]
