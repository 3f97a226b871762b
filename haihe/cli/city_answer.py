"""A question about everybody that an operator asks on the spot: answered here and now, and on the record."""

from __future__ import annotations

import tempfile
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from haihe.cli.city_engine import city_engine
from haihe.cli.rules import OPERATOR
from haihe.usecases.city_jobs import CityQuestion, record_answer
from haihe.usecases.context import day_of
from haihe.web.context import context

if TYPE_CHECKING:
    from haihe.city.snapshot import Watch
    from haihe.domain.rulebook import Rulebook


def answered(kind: CityQuestion, draft: str | None, snapshot: Path | None, on: datetime | None) -> Any:
    """The answer, from a snapshot or else from the database; what is read from the database is gone afterwards."""
    from haihe.city.answering import answer, plain
    from haihe.city.population import day_of_snapshot
    from haihe.city.snapshot import take_snapshot

    ctx = context()
    told = day_of_snapshot(snapshot) if snapshot else None
    day = on.date() if on else told or day_of(ctx.now())

    with (
        tempfile.TemporaryDirectory(prefix="haihe-try-") as work,
        city_engine(Path(work) / "spill") as engine,
    ):

        def snapshots(of: date, rulebook: Rulebook, classes: tuple[str, ...], watch: Watch) -> Path:
            if snapshot is not None:
                return snapshot
            return take_snapshot(
                Path(work) / "snapshot", rulebook, dict.fromkeys(classes), of, watch
            ).directory

        found = answer(ctx, engine, snapshots, kind, draft, day)
        record_answer(kind, draft, day, plain(found), ctx.now(), OPERATOR)
    return found
