"""How often things happen to people: one row for each indicator and fact, plausible rather than measured."""

from __future__ import annotations

from dataclasses import dataclass

from haihe.usecases.own_records import REAL_NAME, SELF


@dataclass(frozen=True, slots=True)
class Habit:
    """How one indicator's records come about.

    Of the people in the circle `who`, `share` have any; `lean` ties that to a person's diligence. `times` gives the
    odds of having 1, 2, 3 … records. They lie `every` so many months apart, or anywhere between `months` ago, which
    reaches beyond the indicator's window so that windows matter. `ended` is the share of records with a last day.
    """

    code: str
    source: str
    who: str
    share: float
    lean: float = 0.0
    times: tuple[float, ...] = (1.0,)
    months: tuple[int, int] = (0, 30)
    every: int | None = None
    quantity: tuple[int, int] = (1, 1)
    levels: tuple[tuple[str, float], ...] = ()
    severity: str | None = None
    ended: float = 0.0
    from_age: int = 18


YEARLY = (0.18, 0.80, 0.02)
MANY = (0.44, 0.26, 0.14, 0.08, 0.05, 0.03)
FEW = (0.65, 0.25, 0.10)

GOOD = (
    Habit("A01", REAL_NAME, "joined", 0.97, levels=(("L3", 0.85), ("L2", 0.15)), months=(0, 38)),
    Habit("A02", "police", "adults", 0.93, months=(0, 11), quantity=(3, 12)),
    Habit("A03", "labour", "working", 0.27, 0.3, (0.85, 0.15), (0, 120), ended=0.1),
    Habit("A04", SELF, "joined", 0.30, months=(0, 18), quantity=(2, 5)),
    Habit("B01", "platform", "adults", 0.90, months=(6, 90)),
    Habit("B02", "tax", "working", 0.80, 0.5, (0.4, 0.6), (1, 8), every=12),
    Habit("B03", "police", "driving", 0.88, 0.3, (0.4, 0.6), (0, 10), every=12),
    Habit("C01", "labour", "working", 0.92, 0.6, YEARLY, (0, 11), every=12, quantity=(11, 12)),
    Habit("C02", "housing_fund", "working", 0.76, 0.5, YEARLY, (0, 11), every=12, quantity=(11, 12)),
    Habit("C03", "utilities", "households", 0.95, 0.5, YEARLY, (0, 11), every=12, quantity=(11, 12)),
    Habit("C04", "approvals", "working", 0.06, 0.2, FEW, (0, 44)),
    Habit("C05", "culture", "readers", 0.08, 0.3, FEW, (0, 15), quantity=(2, 9), from_age=6),
    Habit("C06", "housing", "adults", 0.03, 0.2, (0.5, 0.5), (0, 10), every=12, quantity=(3, 12)),
    Habit("C07", "court", "adults", 0.008, months=(0, 44)),
    Habit("D01", "volunteers", "readers", 0.15, 1.0, FEW, (0, 28), quantity=(8, 90), from_age=14),
    Habit("D02", "political_legal", "adults", 0.0006, levels=(("区级", 0.8), ("市级", 0.2)), months=(0, 70)),
    Habit(
        "D03",
        "civility",
        "adults",
        0.003,
        levels=(("区级", 0.8), ("市级", 0.18), ("国家级", 0.02)),
        months=(0, 70),
    ),
    Habit("D04", "union", "working", 0.003, levels=(("市级", 0.9), ("国家级", 0.1)), months=(0, 70)),
    Habit("D05", "civil_affairs", "adults", 0.09, 0.4, FEW, (0, 28)),
    Habit("D06", "health", "donors", 0.70, times=MANY, months=(0, 44)),
    Habit("D07", "civility", "readers", 0.05, 0.3, FEW, (0, 18), from_age=10),
    Habit("D08", "science", "working", 0.004, levels=(("市级", 0.85), ("国家级", 0.15)), months=(0, 70)),
    Habit("E01", "platform", "joined", 0.34, 1.2, FEW, (0, 13), quantity=(2, 6)),
    Habit("E02", "platform", "joined", 0.22, 1.2, FEW, (0, 13), quantity=(1, 6)),
    Habit("E03", "platform", "patients", 0.45, times=FEW, months=(0, 28)),
    Habit("E04", "platform", "joined", 0.32, 0.8, months=(0, 28), quantity=(2, 5)),
)

BAD = (
    Habit("B11", "court", "adults", 0.005, -0.8, months=(0, 40), severity="严重", ended=0.35),
    Habit("B12", "court", "adults", 0.0006, -0.8, months=(0, 40), severity="严重"),
    Habit("B13", "market", "adults", 0.015, -0.4, FEW, (0, 6), severity="轻微"),
    Habit("B14", "market", "adults", 0.008, -0.6, FEW, (0, 16), severity="一般"),
    Habit("B15", "market", "adults", 0.0015, -0.8, months=(0, 40), severity="严重"),
    Habit("B16", "tax", "adults", 0.001, -0.8, months=(0, 30), severity="严重", ended=0.3),
    Habit("B17", "labour", "adults", 0.0005, -0.8, months=(0, 40), severity="严重"),
    Habit("B18", "education", "adults", 0.0004, -0.4, months=(0, 30), severity="一般"),
    Habit("B19", "police", "adults", 0.0008, -0.8, months=(0, 24), severity="严重", ended=0.3),
    Habit("B20", "science", "working", 0.0002, months=(0, 36), severity="严重", ended=0.2),
    Habit("B21", "police", "driving", 0.003, -0.6, months=(0, 40), severity="严重"),
    Habit("B22", "patents", "working", 0.0003, months=(0, 40), severity="严重"),
    Habit("C11", "approvals", "working", 0.003, -0.6, FEW, (0, 16), severity="一般"),
    Habit("E11", "platform", "joined", 0.008, -0.6, FEW, (0, 4), severity="轻微", ended=0.5),
    Habit("E12", "platform", "joined", 0.003, -0.8, months=(0, 16), severity="一般"),
    Habit("E13", "platform", "joined", 0.0004, months=(0, 14), severity="一般"),
)

YES_OR_NO = (("YES", 0.97), ("NO", 0.03))
FACTS = (
    Habit("F01", "police", "driving", 0.97, levels=YES_OR_NO, months=(0, 60)),
    Habit("F02", SELF, "drivers_joined", 0.35, levels=(("YES", 1.0),), months=(0, 24)),
    Habit("F03", SELF, "joined", 0.04, levels=(("YES", 1.0),), months=(0, 24)),
)

HABITS = GOOD + BAD + FACTS
NEGATIVE = frozenset(h.code for h in BAD)
