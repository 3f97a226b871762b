"""重算: after anything that bears on a resident's points has changed, compute them anew, say why, and keep the ledger.

Always called inside the transaction of the deed that made the change, so that record, points, ledger and the mark on
the stale copy are committed together or not at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, datetime

from sqlalchemy import delete, select

from haihe.cache.copies import CacheDown
from haihe.cache.copy import pack
from haihe.domain.kinds import UnbrokenMonths
from haihe.domain.rulebook import Rulebook
from haihe.domain.scoring import LineKind, Score
from haihe.storage.copies import lock_residents, next_versions
from haihe.storage.db import among, db
from haihe.storage.scores import ScoreRow
from haihe.storage.writing_scores import store_entries, store_scores
from haihe.usecases.context import Context, day_of
from haihe.usecases.gather_facts import copy_of, gather_facts
from haihe.usecases.telling_redis import forget_copies, outlast_vouchers

NEW, EXPIRED, ACCRUED, REPAIRED, DISPUTED, CORRECTED, RULE_CHANGE, CONSENT = (
    "NEW",
    "EXPIRED",
    "ACCRUED",
    "REPAIRED",
    "DISPUTED",
    "CORRECTED",
    "RULE_CHANGE",
    "CONSENT",
)


@dataclass(slots=True)
class Touched:
    """What happened to one resident's records: per indicator, the cause and the records."""

    causes: dict[str, str] = field(default_factory=dict)
    record_ids: dict[str, list[int]] = field(default_factory=dict)

    def add(self, indicator: str, cause: str, record_id: int) -> None:
        """One record of this indicator has come, changed or gone."""
        self.causes[indicator] = cause
        self.record_ids.setdefault(indicator, []).append(record_id)


@dataclass(frozen=True, slots=True)
class Computed:
    """What is stored of a score, whichever of the two readings of the rulebook it comes from."""

    total: int
    grade: str
    dimensions: Mapping[str, int]
    parts: Mapping[str, int]
    on: date
    last_day: date | None
    rulebook: str


@dataclass(frozen=True, slots=True)
class Rescored:
    """How many totals moved, the new copies (good from the commit on), and whether Redis could be told beforehand."""

    moved: int = 0
    copies: tuple[tuple[int, bytes], ...] = ()
    told: bool = True


def rescore(ctx: Context, touched: Mapping[int, Touched], at: datetime) -> Rescored:
    """Compute these residents anew, write what changed and put their old copies out of use.

    After the commit the caller has the new copies held (`hold_copies`); where Redis does not answer, the keeper does it.
    """
    if not touched:
        return Rescored()
    ids = list(touched)
    lock_residents(ids)
    on = day_of(at)
    rulebook = ctx.rules.up_to_date().rulebook(on)
    versions = next_versions(ids)
    db.session.flush()
    gathered = gather_facts(ids, rulebook, on)
    scores = {r: computed_of(g.score) for r, g in gathered.items()}
    moved = _write(rulebook, scores, _held_scores(ids), touched, at)
    told = forget_copies(ctx, versions)
    return Rescored(moved, tuple((r, pack(copy_of(g, at), rulebook)) for r, g in gathered.items()), told)


def hold_copies(ctx: Context, rescored: Rescored) -> None:
    """After the commit: hold the new copies in Redis if it answers; if not, they are on the keeper's list.

    Returns once no answer can be given by the old copies any more, so the deed may then be confirmed.
    """
    with suppress(CacheDown):
        ctx.copies.put(rescored.copies)
    outlast_vouchers(rescored.told)


def bring_up_to_date(ctx: Context, ids: Sequence[int], at: datetime) -> int:
    """Rescore those of these residents whom the calendar or a new rulebook has moved; returns how many totals moved.

    The residents are locked first, so that a change arriving meanwhile is neither lost nor overwritten: it waits, and
    then computes from what it finds.
    """
    lock_residents(ids)
    on = day_of(at)
    rulebook = ctx.rules.up_to_date().rulebook(on)
    gathered = gather_facts(ids, rulebook, on)
    return write_what_differs(ctx, rulebook, {r: computed_of(g.score) for r, g in gathered.items()}, at)


def write_what_differs(
    ctx: Context, rulebook: Rulebook, computed: Mapping[int, Computed | None], at: datetime
) -> int:
    """Write those of these scores that are not stored as they are; the residents must be locked already."""
    before = _held_scores(list(computed))
    scores = {r: c for r, c in computed.items() if _out_of_date(before.get(r), c)}
    if not scores:
        return 0
    versions = next_versions(scores)
    moved = _write(rulebook, scores, before, dict.fromkeys(scores, Touched()), at)
    forget_copies(ctx, versions)
    return moved


def computed_of(score: Score | None) -> Computed | None:
    """What is stored of a score."""
    if score is None:
        return None
    return Computed(
        total=score.total,
        grade=score.grade,
        dimensions=score.dimensions,
        parts=parts_of(score),
        on=score.on,
        last_day=score.last_day,
        rulebook=score.rulebook,
    )


def parts_of(score: Score) -> dict[str, int]:
    """What a total is made of, by the names that `ScoreRow.parts` uses."""
    parts = {}
    for line in score.lines:
        match line.kind:
            case LineKind.BASE:
                parts[line.dimension] = line.points
            case LineKind.ADJUSTMENT:
                parts[f"{line.dimension}!"] = line.points
            case LineKind.INDICATOR:
                if line.points:
                    parts[str(line.indicator)] = line.points
    return parts


def _held_scores(ids: Sequence[int]) -> dict[int, ScoreRow]:
    rows = db.session.execute(select(ScoreRow).where(among(ScoreRow.resident_id, ids))).scalars()
    return {row.resident_id: row for row in rows}


def _out_of_date(held: ScoreRow | None, computed: Computed | None) -> bool:
    """Whether what is stored differs from what holds today, the day until which it holds included."""
    if held is None or computed is None:
        return held is not computed
    stored = (held.rulebook, held.last_day, held.parts)
    return stored != (computed.rulebook, computed.last_day, computed.parts)


def _write(
    rulebook: Rulebook,
    scores: Mapping[int, Computed | None],
    before: Mapping[int, ScoreRow],
    touched: Mapping[int, Touched],
    at: datetime,
) -> int:
    entries: list[dict[str, object]] = []
    rows = []
    gone = [r for r, s in scores.items() if s is None and r in before]
    moved = 0
    for resident_id, score in scores.items():
        if score is None:
            continue
        held = before.get(resident_id)
        new = list(_entries(resident_id, rulebook, held, score, touched[resident_id], at))
        moved += held is None or held.total != score.total
        entries += new
        rows.append(_row(resident_id, score, at))
    store_entries(entries)
    store_scores(rows)
    if gone:
        db.session.execute(delete(ScoreRow).where(ScoreRow.resident_id.in_(gone)))
    return moved


def _row(resident_id: int, score: Computed, at: datetime) -> dict[str, object]:
    return {
        "resident_id": resident_id,
        "total": score.total,
        "grade": score.grade,
        "dimensions": dict(score.dimensions),
        "parts": dict(score.parts),
        "as_of": score.on,
        "last_day": score.last_day,
        "rulebook": score.rulebook,
        "computed_at": at,
    }


def _entries(
    resident_id: int,
    rulebook: Rulebook,
    held: ScoreRow | None,
    score: Computed,
    touched: Touched,
    at: datetime,
) -> Iterable[dict[str, object]]:
    """One entry for every part that moved; each begins where the last one ended."""
    old = dict(held.parts) if held else {}
    new = score.parts
    running = held.total if held else 0
    for part in sorted(old.keys() | new.keys()):
        delta = new.get(part, 0) - old.get(part, 0)
        if not delta:
            continue
        yield {
            "resident_id": resident_id,
            "at": at,
            "as_of": score.on,
            "before": running,
            "after": running + delta,
            "delta": delta,
            "part": part,
            "cause": _cause(part, delta, rulebook, held, touched),
            "record_ids": touched.record_ids.get(part, []),
            "rulebook": score.rulebook,
        }
        running += delta


def _cause(part: str, delta: int, rulebook: Rulebook, held: ScoreRow | None, touched: Touched) -> str:
    if held is None:
        return CONSENT
    if held.rulebook != rulebook.version:
        return RULE_CHANGE
    if part in touched.causes:
        return touched.causes[part]
    follows = _cause_it_follows(part, rulebook, touched)
    if follows:
        return follows
    return ACCRUED if delta > 0 else EXPIRED


def _cause_it_follows(part: str, rulebook: Rulebook, touched: Touched) -> str | None:
    """A clamp follows the records of its dimension; a clean run follows the negative records."""
    for code, cause in touched.causes.items():
        indicator = rulebook.by_code.get(code)
        if indicator is None:
            continue
        if part == f"{indicator.dimension}!":
            return cause
        other = rulebook.by_code.get(part)
        if other is not None and isinstance(other.kind, UnbrokenMonths) and indicator.is_negative:
            return cause
    return None
