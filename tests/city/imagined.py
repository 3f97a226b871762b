"""Rulebooks that nobody would publish, and lives that lie on the edges of their windows: hundreds of residents an example.

Hypothesis chooses the rulebook, the day and a seed; the lives are then drawn by plain chance from that seed, for a
hundred lives drawn one by one would take longer to imagine than to score.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from random import Random

from hypothesis import Phase, settings
from hypothesis import strategies as st

from haihe.city.columns import ResidentFacts
from haihe.domain.dates import add_months
from haihe.domain.districts import DISTRICTS
from haihe.domain.kinds import (
    Kind,
    LevelMap,
    MonthlyLimited,
    PerUnit,
    SteppedDecay,
    Tiered,
    UnbrokenMonths,
    WhileListed,
)
from haihe.domain.records import Record, RecordState, Severity
from haihe.domain.rulebook import (
    KEEPING,
    NEGATIVE,
    POSITIVE,
    Dimension,
    Fact,
    Grade,
    Indicator,
    Rulebook,
)

# The same examples every time, so that a red run can be run again by anybody. Nothing is made smaller after a failure:
# what a seed gives does not shrink with the seed.
many_at_once = settings(
    max_examples=30,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
)

CLASSES = ("MEDICAL", "BLOOD_DONATION")
LEVELS = ("区级", "市级", "国家级")
LENGTHS = (1, 3, 12, 24, 36)

# Ends of months, leap days and the days beside them are where months could be counted wrongly.
days = st.one_of(
    st.sampled_from(
        (date(2024, 2, 28), date(2024, 2, 29), date(2025, 2, 28), date(2026, 3, 31), date(2026, 4, 30))
    ),
    st.dates(date(2024, 1, 1), date(2028, 12, 31)),
)
lengths = st.sampled_from(LENGTHS)
windows = st.none() | lengths


@st.composite
def ladders(draw: st.DrawFn, sign: int) -> tuple[tuple[int, int], ...]:
    """One to three steps, each ending later than the one before it."""
    ends = sorted(draw(st.sets(lengths, min_size=1, max_size=3)))
    return tuple((months, sign * draw(st.integers(0, 50))) for months in ends)


@st.composite
def tier_lists(draw: st.DrawFn) -> tuple[tuple[int | None, int], ...]:
    """Tiers as the reader takes them, the last with or without an end, and now and then an endless one in between."""
    bounds = sorted(draw(st.sets(st.integers(1, 60), max_size=3)))
    tiers: list[tuple[int | None, int]] = [(b, draw(st.integers(1, 4))) for b in bounds]
    if not tiers or draw(st.booleans()):
        tiers.insert(draw(st.integers(0, len(tiers))), (None, draw(st.integers(1, 4))))
    return tuple(tiers)


def kinds(negative: bool) -> st.SearchStrategy[Kind]:
    """Any of the seven, awarding with the sign that suits."""
    sign = -1 if negative else 1
    each = st.integers(0, 12).map(lambda n: sign * n)
    unit = st.just("项")
    worth = st.integers(0, 40).map(lambda n: sign * n)
    choices: list[st.SearchStrategy[Kind]] = [
        st.builds(PerUnit, unit, windows, each=each, per=st.integers(1, 5)),
        st.builds(MonthlyLimited, unit, windows, each=each, most_per_month=st.integers(1, 6)),
        st.builds(WhileListed, unit, windows, each=each),
        st.builds(LevelMap, unit, windows, levels=st.fixed_dictionaries(dict.fromkeys(LEVELS[:2], worth))),
        st.builds(
            SteppedDecay,
            unit,
            st.none(),
            steps=ladders(sign),
            steps_by_severity=st.dictionaries(st.sampled_from(Severity), ladders(sign), max_size=2),
        ),
    ]
    if not negative:
        choices += [
            st.builds(Tiered, unit, windows, tiers=tier_lists()),
            st.builds(UnbrokenMonths, unit, windows, each=st.integers(1, 3)),
        ]
    return st.one_of(choices)


@st.composite
def indicators(draw: st.DrawFn, code: str, dimensions: Sequence[Dimension]) -> Indicator:
    """An indicator of either sign, sensitive or not, counted or not."""
    nature = draw(st.sampled_from((POSITIVE, KEEPING, NEGATIVE)))
    negative = nature == NEGATIVE
    cap = draw(st.integers(-80, 0)) if negative else draw(st.integers(1, 80))
    return Indicator(
        code=code,
        name=code,
        dimension=draw(st.sampled_from(dimensions)).code,
        nature=nature,
        kind=draw(kinds(negative)),
        cap=cap,
        department="某局",
        policy_item="九",
        catalogue="某目录",
        legal_basis="某条例",
        severity=draw(st.sampled_from(Severity)) if negative else None,
        sensitive=draw(st.sampled_from((None, None, None, *CLASSES))),
        enabled=draw(st.sampled_from((True, True, True, True, False))),
    )


@st.composite
def rulebooks(draw: st.DrawFn) -> Rulebook:
    """One to three dimensions with tight bounds and up to a dozen indicators."""
    dimensions = []
    for code in "ABC"[: draw(st.integers(1, 3))]:
        cap = draw(st.integers(1, 150))
        dimensions.append(Dimension(code, code, draw(st.integers(0, cap)), cap))
    bounds = sorted(draw(st.sets(st.integers(1, 300), max_size=4)))
    codes = [f"I{n:02d}" for n in range(draw(st.integers(1, 12)))]
    return Rulebook(
        version="T",
        name="想象的规则集",
        in_force_from=date(2024, 1, 1),
        legal_basis="无",
        dimensions=tuple(dimensions),
        grades=tuple(Grade(f"G{n}", f"G{n}", at_least) for n, at_least in enumerate((0, *bounds))),
        indicators=tuple(draw(indicators(code, dimensions)) for code in codes),
        facts=(Fact("F01", "某事", "某局", "某条例"), Fact("F02", "另一事", "某局", "某条例")),
    )


@dataclass(frozen=True)
class Life:
    """One resident with all that departments have stated about them."""

    resident: ResidentFacts
    records: tuple[Record, ...]


def lives(rulebook: Rulebook, on: date, seed: int, count: int) -> list[Life]:
    """So many residents, of whom most have joined and some are just of age, each with up to a dozen records."""
    chance = Random(seed)
    return [_life(rulebook, on, chance, n + 1) for n in range(count)]


def _life(rulebook: Rulebook, on: date, chance: Random, number: int) -> Life:
    birth = _near(chance, add_months(on, -12 * chance.choice((18, 18, 30, 65))))
    resident = ResidentFacts(
        resident_id=number,
        birth_date=birth if chance.random() < 0.97 else None,
        district=chance.choice((None, *DISTRICTS)),
        joined=chance.random() < 0.9,
        sensitive_consents=frozenset(c for c in CLASSES if chance.random() < 0.5),
    )
    codes = (*rulebook.by_code, *rulebook.by_code, *rulebook.fact_by_code, "未知")
    # A few indicators at a time, so that one indicator's records really add up.
    favourites = chance.sample(codes, min(len(codes), chance.randint(1, 5)))
    records = tuple(
        _record(rulebook, chance.choice(favourites), on, chance, number * 100 + n)
        for n in range(chance.randint(0, 12))
    )
    return Life(resident, records)


def _record(rulebook: Rulebook, code: str, on: date, chance: Random, record_id: int) -> Record:
    occurred_on = _near(chance, add_months(on, -chance.choice((0, 1, 2, 3, 6, 12, 24, 36))))
    if chance.random() < 0.3:
        occurred_on = on - timedelta(chance.randint(-60, 1200))
    valid_from = chance.choice((None, None, None, occurred_on, _near(chance, on), _near(chance, occurred_on)))
    valid_to = chance.choice((None, None, None, _near(chance, on), on + timedelta(chance.randint(-30, 900))))
    indicator = rulebook.by_code.get(code)
    if indicator is None:
        levels: tuple[str | None, ...] = ("YES", "NO")
    else:
        levels = (None, *LEVELS, *getattr(indicator.kind, "levels", ()))
    return Record(
        record_id=record_id,
        indicator=code,
        occurred_on=occurred_on,
        quantity=Decimal(chance.choice((1, 1, 2, 3, 12, 19, 20, 21, 120))) / chance.choice((1, 1, 2, 4)),
        level=chance.choice(levels),
        severity=chance.choice((None, None, *Severity)),
        valid_from=valid_from,
        valid_to=valid_to,
        state=chance.choice((*[RecordState.EFFECTIVE] * 12, *RecordState)),
    )


def _near(chance: Random, day: date) -> date:
    return day + timedelta(chance.choice((-2, -1, 0, 0, 1, 2)))
