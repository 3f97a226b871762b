"""试算一个场景: who would gain it, lose it or keep it if this draft were published, before anybody publishes it.

One scan of the facts counts everybody by district, age band, grade, offer before and after, and by what each criterion says
of them; everything else is adding up those few thousand rows.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import ibis.expr.types as ir

from haihe.city.flows import (
    GAIN,
    KEEP,
    LOSE,
    NEITHER,
    RANKS,
    UNKNOWN,
    Flow,
    Group,
    flow_of,
    groups,
    tie_flow,
)
from haihe.city.population import Population
from haihe.city.reach import BAND_NAMES, offer_column
from haihe.city.sample_cases import ScenarioCase, scenario_cases, traits
from haihe.city.suppression import LEAST, Counts
from haihe.domain.districts import DISTRICTS
from haihe.domain.rulebook import Rulebook
from haihe.domain.scenarios import Offer, Period, Scenario, ScenarioState

ASSUMPTION = (
    "上限估算：假定每一位符合条件的居民都按最高额度、用满每人限额；"
    "实际使用只会更少。免押金、先用后付的额度是同时在外的金额，不是财政支出。人数少于 20 的不列出。"
)


@dataclass(frozen=True, slots=True)
class OfferFlow:
    """One 优惠档, told apart by its label: those who come to it or leave it, from or for another offer too."""

    label: str
    ceiling_fen: int
    before: int | None
    after: int | None
    gain: int | None
    lose: int | None
    keep: int | None


@dataclass(frozen=True, slots=True)
class Cost:
    """At most so much: people × ceiling × times. `period` is None where no quota bounds it: then it is for one use each."""

    label: str
    people: int | None
    ceiling_fen: int
    period: str | None
    times: int
    at_most_fen: int | None


@dataclass(frozen=True, slots=True)
class ScenarioImpact:
    """What publishing a draft would do. `published_revision` is None where nothing of this code is published."""

    scenario: str
    name: str
    on: date
    rulebook: str
    published_revision: int | None
    whole: Flow
    districts: tuple[Group, ...]
    ages: tuple[Group, ...]
    grades: tuple[Group, ...]
    offers: tuple[OfferFlow, ...]
    costs: tuple[Cost, ...]
    assumption: str
    cases: tuple[ScenarioCase, ...]
    suppressed_below: int = LEAST


def try_scenario(
    population: Population, rulebook: Rulebook, draft: Scenario, published: Scenario | None, on: date
) -> ScenarioImpact:
    """Try a draft on everybody as if it were open on that day, against what is published (None: nothing is)."""
    tried = as_if_open(draft, on)
    facts = population.facts(rulebook, on)
    counted = counted_rows(population, facts, rulebook, tried, published, on)
    counts = _count(counted, rulebook, tried, published)
    told = counts.told()
    offers = tuple(_offers(told, tried, published))
    return ScenarioImpact(
        scenario=tried.code,
        name=tried.name,
        on=on,
        rulebook=rulebook.version,
        published_revision=published.revision if published else None,
        whole=flow_of(told, ()),
        districts=groups(told, "district", {**DISTRICTS, UNKNOWN: "居住区不详"}),
        ages=groups(told, "band", {str(n): name for n, name in enumerate(BAND_NAMES)}),
        grades=groups(told, "grade", {g.code: f"{g.code} {g.name}" for g in rulebook.grades}),
        offers=offers,
        costs=tuple(_costs(tried, {o.label: o.after for o in offers})),
        assumption=ASSUMPTION,
        cases=scenario_cases(counted, rulebook, tried, published, on),
    )


def as_if_open(draft: Scenario, on: date) -> Scenario:
    """The draft as it will be once it is open: tried today, whenever it is meant to begin."""
    return replace(draft, state=ScenarioState.PUBLISHED, valid_from=min(draft.valid_from, on), valid_to=None)


def counted_rows(
    population: Population,
    facts: ir.Table,
    rulebook: Rulebook,
    draft: Scenario,
    published: Scenario | None,
    on: date,
) -> list[dict[str, Any]]:
    """How many people there are of each kind, and what they have on average of what the criteria ask about."""
    keys, means = traits(facts, rulebook, draft, published, on)
    kinds = facts.select(
        district=facts["district"].fill_null(UNKNOWN),
        band=facts["band"],
        grade=facts["grade"],
        before=offer_column(published, facts, on),
        after=offer_column(draft, facts, on),
        **keys,
        **means,
    )
    summed = kinds.group_by("district", "band", "grade", "before", "after", *keys).aggregate(
        people=kinds.count(), **{name: kinds[name].cast("int64").sum() for name in means}
    )
    rows: list[dict[str, Any]] = population.engine.to_pyarrow(summed).to_pylist()
    return rows


def _count(
    rows: list[dict[str, Any]], rulebook: Rulebook, draft: Scenario, published: Scenario | None
) -> Counts:
    counts = Counts()
    found: dict[str, set[str]] = {"district": set(), "band": set(), "grade": set()}
    old = published.offers if published else ()
    for row in rows:
        what = _what(row["before"], row["after"])
        for by, codes in found.items():
            code = str(row[by])
            codes.add(code)
            counts.add((what, by, code), row["people"])
        counts.add((what,), row["people"])
        counts.add(_move(_label(old, row["before"]), _label(draft.offers, row["after"])), row["people"])
    for by, codes in found.items():
        for code in sorted(codes):
            tie_flow(counts, (by, code))
        for what in (GAIN, LOSE, KEEP, NEITHER, "people", "before", "after"):
            counts.tie((what,), [(what, by, code) for code in sorted(codes)])
    tie_flow(counts, ())
    _tie_offers(counts, _labels(old), _labels(draft.offers))
    return counts


def _tie_offers(counts: Counts, old: list[str], new: list[str]) -> None:
    """Moves between offers add up to what is told of each offer, and to those who gain, lose and keep altogether."""
    counts.tie((GAIN,), [_move(None, n) for n in new])
    counts.tie((LOSE,), [_move(o, None) for o in old])
    counts.tie((KEEP,), [_move(o, n) for o in old for n in new])
    counts.tie((NEITHER,), [_move(None, None)])
    for label in dict.fromkeys([*old, *new]):
        come = [_move(o, label) for o in (None, *old) if o != label] if label in new else []
        go = [_move(label, n) for n in (None, *new) if n != label] if label in old else []
        kept = _move(label, label)
        for what, rank in RANKS.items():
            counts.rank((f"offer {what}", label), rank)
        counts.tie(("offer gain", label), come)
        counts.tie(("offer lose", label), go)
        counts.tie(("offer before", label), [kept, ("offer lose", label)])
        counts.tie(("offer after", label), [kept, ("offer gain", label)])


def _offers(
    told: Mapping[Hashable, int | None], draft: Scenario, published: Scenario | None
) -> Iterator[OfferFlow]:
    known = {o.label: o for o in (*(published.offers if published else ()), *draft.offers)}
    for label, offer in known.items():
        yield OfferFlow(
            label=label,
            ceiling_fen=offer.ceiling_fen,
            before=told["offer before", label],
            after=told["offer after", label],
            gain=told["offer gain", label],
            lose=told["offer lose", label],
            keep=told[_move(label, label)],
        )


def _costs(draft: Scenario, people: Mapping[str, int | None]) -> Iterator[Cost]:
    for offer in draft.offers:
        known = people[offer.label]
        for period, times in _times(draft, offer):
            most = None if known is None else known * offer.ceiling_fen * times
            yield Cost(offer.label, known, offer.ceiling_fen, period, times, most)


def _times(draft: Scenario, offer: Offer) -> list[tuple[str | None, int]]:
    """How often at most in each period that a quota bounds, by the stricter of the scenario's and the offer's own.

    What is counted at each merchant bounds nothing here: nobody knows to how many merchants somebody goes."""
    quotas = [q for q in (*draft.quotas, *offer.quotas) if not q.each_merchant]
    bounds = {p.value: min((q.at_most for q in quotas if q.period is p), default=0) for p in Period}
    return [(period, times) for period, times in bounds.items() if times] or [(None, 1)]


def _what(before: int | None, after: int | None) -> str:
    if before is None:
        return NEITHER if after is None else GAIN
    return LOSE if after is None else KEEP


def _move(before: str | None, after: str | None) -> Hashable:
    return ("move", before, after)


def _label(offers: tuple[Offer, ...], place: int | None) -> str | None:
    return None if place is None else offers[place].label


def _labels(offers: tuple[Offer, ...]) -> list[str]:
    return list(dict.fromkeys(o.label for o in offers))
