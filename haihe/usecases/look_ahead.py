"""怎样更进一步: what would help a resident reach a benefit, and what a deed would do. Nothing here is stored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from haihe.domain.errors import InvalidInput
from haihe.domain.kinds import LevelMap
from haihe.domain.rulebook import Rulebook
from haihe.domain.scoring import Score
from haihe.domain.steps import Deed, History, Step, steps_towards, what_if
from haihe.storage.db import db
from haihe.storage.reading import known_residents
from haihe.storage.residents import Resident
from haihe.usecases.consents import not_joined, require_age
from haihe.usecases.context import Context, day_of
from haihe.usecases.show_benefits import ShownBenefit, show_benefit


@dataclass(frozen=True, slots=True)
class WayAhead:
    """What is missing for a benefit (or for its next better offer), and the steps that would help.

    `gap` is how many points are missing; None where points are not what is missing, and then there are no steps.
    """

    benefit: ShownBenefit
    gap: int | None
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Imagined:
    """The points as they are, and as they would be; `moved` holds each indicator whose points would differ."""

    before: Score
    after: Score
    rulebook: Rulebook
    moved: tuple[tuple[str, int, int], ...]


def way_to(ctx: Context, resident_id: int, code: str, at: datetime) -> WayAhead:
    """The steps towards a benefit; NOT_JOINED or UNDER_AGE where there are no points to speak of."""
    history = _history(ctx, resident_id, at)
    benefit = show_benefit(ctx, resident_id, code, at)
    gap = benefit.gap
    if benefit.eligible and benefit.next_offer is not None:
        gap = benefit.next_offer.gap
    return WayAhead(benefit, gap, steps_towards(history, gap) if gap else ())


def imagine(ctx: Context, resident_id: int, deeds: Sequence[Deed], at: datetime) -> Imagined:
    """What these deeds would do, if they were reported today: two scores by the same rules."""
    history = _history(ctx, resident_id, at)
    for deed in deeds:
        _check(deed, history.rulebook)
    before, after = what_if(history, deeds)
    return Imagined(before, after, history.rulebook, _moved(before, after))


def _history(ctx: Context, resident_id: int, at: datetime) -> History:
    on = day_of(at)
    require_age(db.session.get_one(Resident, resident_id), at)
    known = known_residents([resident_id], on)[resident_id]
    if not known.joined:
        raise not_joined()
    return History(known.records, ctx.rules.up_to_date().rulebook(on), on, known.sensitive_consents)


def _check(deed: Deed, rulebook: Rulebook) -> None:
    indicator = rulebook.by_code.get(deed.indicator)
    if indicator is None or indicator.is_negative or not indicator.enabled:
        raise InvalidInput("DEED_UNKNOWN", f"没有可以设想的指标 {deed.indicator}", "indicator")
    if isinstance(indicator.kind, LevelMap):
        levels = "、".join(indicator.kind.levels)
        if deed.level not in indicator.kind.levels:
            raise InvalidInput("DEED_LEVEL", f"「{indicator.name}」须写明级别，为其中之一：{levels}", "level")
    elif deed.level is not None:
        raise InvalidInput("DEED_LEVEL", f"「{indicator.name}」不分级别，请不要填写 level", "level")


def _moved(before: Score, after: Score) -> tuple[tuple[str, int, int], ...]:
    held, wanted = (
        {line.indicator: line.points for line in s.lines if line.indicator} for s in (before, after)
    )
    codes = sorted(held.keys() | wanted.keys())
    return tuple((c, held.get(c, 0), wanted.get(c, 0)) for c in codes if held.get(c, 0) != wanted.get(c, 0))
