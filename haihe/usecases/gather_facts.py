"""What is known of residents today, computed from the records themselves, and its copy for Redis."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from haihe.cache.copies import CacheDown
from haihe.cache.copy import ResidentCopy, pack
from haihe.domain.dates import ONE_DAY, add_months, age_on
from haihe.domain.facts import ADULT_AGE, Facts
from haihe.domain.rulebook import Rulebook
from haihe.domain.scoring import Score, score
from haihe.storage.reading import KnownResident, known_residents
from haihe.usecases.context import Context, day_of


@dataclass(frozen=True, slots=True)
class Gathered:
    """One resident's facts today, with the score they rest on (None without consent or under age)."""

    known: KnownResident
    facts: Facts
    score: Score | None
    last_day: date | None


def gather_facts(
    ids: Iterable[int], rulebook: Rulebook, on: date, foreseen_months: int = 0
) -> dict[int, Gathered]:
    """Facts of many residents, always computed from their records: a stored total is never taken on trust here."""
    return {
        resident_id: gather(known, rulebook, on, foreseen_months)
        for resident_id, known in known_residents(ids, on).items()
    }


def gather(known: KnownResident, rulebook: Rulebook, on: date, foreseen_months: int = 0) -> Gathered:
    """Facts of one resident about whom everything stored is at hand."""
    adult = age_on(known.birth_date, on) >= ADULT_AGE
    counted = (
        score(known.records, rulebook, on, known.sensitive_consents, foreseen_months)
        if known.joined and adult
        else None
    )
    facts = Facts(
        joined=known.joined,
        birth_date=known.birth_date,
        district=known.district,
        points=counted.total if counted else None,
        grade=counted.grade if counted else None,
        dimensions=counted.dimensions if counted else None,
        listed=counted.listed if counted else frozenset(),
        sensitive_consents=known.sensitive_consents,
        stated=_stated(known, rulebook, on),
        running=known.orders.running,
        this_month=known.orders.this_month,
        this_year=known.orders.this_year,
        no_shows=known.orders.no_shows,
        at_merchant=known.orders.at_merchant,
    )
    return Gathered(known, facts, counted, _last_day(known, counted, rulebook, on))


def copy_of(gathered: Gathered, at: datetime) -> ResidentCopy:
    """The copy for Redis of facts gathered at this moment."""
    known = gathered.known
    return ResidentCopy(known.version, at, gathered.last_day, gathered.facts, known.links)


def renew_copies(ctx: Context, ids: Sequence[int], at: datetime) -> None:
    """Gather these residents' facts and hold them in Redis; raises CacheDown when Redis does not answer."""
    on = day_of(at)
    rulebook = ctx.rules.up_to_date().rulebook(on)
    gathered = gather_facts(ids, rulebook, on)
    ctx.copies.put([(r, pack(copy_of(g, at), rulebook)) for r, g in gathered.items()])


def try_renew_copies(ctx: Context, ids: Sequence[int], at: datetime) -> None:
    """Renew the copies now if Redis answers; if not, they are on the list of stale copies and the keeper will."""
    try:
        renew_copies(ctx, ids, at)
    except CacheDown:
        return


def _stated(known: KnownResident, rulebook: Rulebook, on: date) -> dict[str, bool]:
    """The yes/no facts in force: a record with level YES or NO of a code that the rulebook lists as a fact."""
    stated: dict[str, bool] = {}
    for record in sorted(known.records, key=lambda r: (r.first_day, r.record_id)):
        holds = record.first_day <= on and (record.valid_to is None or on <= record.valid_to)
        if holds and record.indicator in rulebook.fact_by_code:
            stated[record.indicator] = record.level == "YES"
    return stated


def _last_day(known: KnownResident, counted: Score | None, rulebook: Rulebook, on: date) -> date | None:
    """The last day on which all of these facts hold by themselves: points, stated facts, quotas, coming of age."""
    days = [counted.last_day] if counted else []
    if counted is None:
        days.append(add_months(known.birth_date, ADULT_AGE * 12) - ONE_DAY)
    for record in known.records:
        if record.indicator in rulebook.fact_by_code:
            days += [record.first_day - ONE_DAY, record.valid_to]
    if known.orders.this_year or known.orders.no_shows:
        days.append(add_months(date(on.year, on.month, 1), 1) - timedelta(days=1))
    return min((d for d in days if d is not None and d >= on), default=None)
