"""The first score of very many residents at once, by COPY: what `rescore` would write for each, in a tenth of the time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import orjson

from haihe.demo.loading import copy_rows
from haihe.domain.scoring import Score
from haihe.storage.copies import next_versions
from haihe.usecases.context import Context, day_of
from haihe.usecases.gather_facts import gather_facts
from haihe.usecases.rescore import CONSENT, parts_of
from haihe.usecases.telling_redis import forget_copies


def score_for_the_first_time(ctx: Context, ids: Sequence[int], at: datetime) -> None:
    """Score residents who have no score yet and whom nobody else can know of; inside the caller's transaction."""
    on = day_of(at)
    rulebook = ctx.rules.up_to_date().rulebook(on)
    versions = next_versions(ids)
    gathered = gather_facts(ids, rulebook, on)
    scores = [(r, g.score, parts_of(g.score)) for r, g in gathered.items() if g.score is not None]
    copy_rows(
        "scores (resident_id, total, grade, dimensions, parts, as_of, last_day, rulebook, computed_at)",
        (_score_row(resident_id, score, parts, at) for resident_id, score, parts in scores),
    )
    copy_rows(
        "ledger (resident_id, at, as_of, before, after, delta, part, cause, record_ids, rulebook)",
        (entry for resident_id, score, parts in scores for entry in _entries(resident_id, score, parts, at)),
    )
    forget_copies(ctx, versions)


def _score_row(resident_id: int, score: Score, parts: dict[str, int], at: datetime) -> tuple[Any, ...]:
    return (
        resident_id,
        score.total,
        score.grade,
        orjson.dumps(dict(score.dimensions)).decode(),
        orjson.dumps(parts).decode(),
        score.on,
        score.last_day,
        score.rulebook,
        at,
    )


def _entries(
    resident_id: int, score: Score, parts: dict[str, int], at: datetime
) -> Iterator[tuple[Any, ...]]:
    """One entry for every part, each beginning where the last one ended; the cause of a first score is joining."""
    running = 0
    for part, delta in sorted(parts.items()):
        if delta:
            after = running + delta
            yield (resident_id, at, score.on, running, after, delta, part, CONSENT, "[]", score.rulebook)
            running = after
