"""数据新鲜: when each source was last loaded, and how many days ago that is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from haihe.usecases.context import day_of
from haihe.usecases.import_reports import list_sources


@dataclass(frozen=True, slots=True)
class Freshness:
    """One source. No day where nothing of it has been loaded yet."""

    code: str
    name: str
    last_on: date | None
    days: int | None


def source_freshness(on: date) -> list[Freshness]:
    """Every source by code, as of a day."""
    found = []
    for source in list_sources():
        last = day_of(source.last_import_at) if source.last_import_at else None
        found.append(Freshness(source.code, source.name, last, (on - last).days if last else None))
    return found
