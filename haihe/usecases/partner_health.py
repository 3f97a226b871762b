"""运行与告警: what the city's merchants did with each scenario in the last thirty days, who is silent, and who is probing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from sqlalchemy import select

from haihe.storage.alarms import Alarm
from haihe.storage.db import db, transaction
from haihe.storage.partners import Admission, Merchant
from haihe.storage.uses import Use, count_day, counted_days, uses_since
from haihe.usecases.context import TIANJIN, Context, day_of
from haihe.usecases.judge_merchant import Judge

DAYS = 30
# Batches of questions are taken over from Redis a little later: a day is counted for good once it has been over so long.
SETTLES = timedelta(hours=1)
FRESH = timedelta(minutes=10)
FEWEST = 20


@dataclass(frozen=True, slots=True)
class Health:
    """One merchant in one scenario, or one scenario at all merchants. A small number is told as None."""

    merchant_id: int | None
    name: str
    scenario: str
    asked: int | None
    eligible: int | None
    opened: int | None
    kept: int | None
    silent: bool


@dataclass(frozen=True, slots=True)
class Probing:
    """A merchant that ran into the limits: how often, of which kind, and when last."""

    merchant_id: int
    name: str
    kind: str
    count: int
    days: int
    last_at: datetime


@dataclass(frozen=True, slots=True)
class Board:
    """The last thirty days, as counted until a moment (None: not yet)."""

    since: date
    counted_at: datetime | None
    scenarios: list[Health]
    merchants: list[Health]
    silent: list[Health]
    probing: list[Probing]


def count_uses(at: datetime) -> int:
    """Count the days that are not counted for good yet; returns how many were."""
    today = day_of(at)
    since = today - timedelta(days=DAYS)
    known = counted_days(since)
    db.session.rollback()
    done = 0
    for back in range(DAYS, -1, -1):
        day = today - timedelta(days=back)
        begin = datetime.combine(day, time(), TIANJIN)
        end = begin + timedelta(days=1)
        before = known.get(day)
        if before is not None and (before >= end + SETTLES or at - before < FRESH):
            continue
        with transaction():
            count_day(day, begin, end, at)
        done += 1
    return done


def health_board(ctx: Context, judge: Judge, at: datetime) -> Board:
    """What there is to see of the merchants of one's districts."""
    since = day_of(at) - timedelta(days=DAYS)
    names = {s.code: s.name for s in ctx.rules.up_to_date().scenarios()}
    merchants = {m.id: m for m in _merchants(judge)}
    used = {(u.merchant_id, u.scenario): u for u in uses_since(since) if u.merchant_id in merchants}
    before = at - timedelta(days=DAYS)
    rows = []
    for merchant_id, scenario, admitted_at in _admissions():
        if merchant_id not in merchants:
            continue
        use = used.pop((merchant_id, scenario), None) or Use(merchant_id, scenario, 0, 0, 0, 0)
        active = merchants[merchant_id].state == "ACTIVE"
        silent = active and admitted_at < before and not use.asked and not use.opened
        rows.append(_health(use, merchants[merchant_id].name, silent))
    rows += [_health(use, merchants[use.merchant_id].name, False) for use in used.values()]
    rows.sort(key=lambda h: (h.merchant_id or 0, h.scenario))
    return Board(
        since,
        max(counted_days(since).values(), default=None),
        _by_scenario(judge, since, merchants, names),
        rows,
        [h for h in rows if h.silent],
        _probing(merchants, day_of(at) - timedelta(days=DAYS)),
    )


def alarms_to_see(ctx: Context, judge: Judge, at: datetime) -> int:
    """How many merchants are silent or probing."""
    board = health_board(ctx, judge, at)
    return len({h.merchant_id for h in board.silent} | {p.merchant_id for p in board.probing})


def _by_scenario(
    judge: Judge, since: date, merchants: dict[int, Merchant], names: dict[str, str]
) -> list[Health]:
    sums: dict[str, list[int]] = {code: [0, 0, 0, 0] for code in names}
    for use in uses_since(since):
        if use.merchant_id in merchants:
            held = sums.setdefault(use.scenario, [0, 0, 0, 0])
            for place, number in enumerate((use.asked, use.eligible, use.opened, use.kept)):
                held[place] += number
    return [
        _health(Use(0, code, *numbers), names.get(code, code), False)
        for code, numbers in sorted(sums.items())
    ]


def _health(use: Use, name: str, silent: bool) -> Health:
    told = (_told(n) for n in (use.asked, use.eligible, use.opened, use.kept))
    return Health(use.merchant_id or None, name, use.scenario, *told, silent)


def _told(number: int) -> int | None:
    """A number that might point at somebody is not told."""
    return None if 0 < number < FEWEST else int(number)


def _merchants(judge: Judge) -> list[Merchant]:
    query = select(Merchant).where(Merchant.state.in_(("ACTIVE", "SUSPENDED")), Merchant.sandbox_of.is_(None))
    if judge.districts:
        query = query.where(Merchant.district.in_(judge.districts))
    return list(db.session.execute(query).scalars())


def _admissions() -> list[tuple[int, str, datetime]]:
    query = select(Admission.merchant_id, Admission.scenario, Admission.admitted_at)
    return [(m, s, at) for m, s, at in db.session.execute(query)]


def _probing(merchants: dict[int, Merchant], since: date) -> list[Probing]:
    rows = db.session.execute(
        select(Alarm).where(Alarm.on_day >= since).order_by(Alarm.merchant_id, Alarm.kind)
    ).scalars()
    found: dict[tuple[int, str], Probing] = {}
    for row in rows:
        if row.merchant_id not in merchants:
            continue
        key, name = (row.merchant_id, row.kind), merchants[row.merchant_id].name
        held = found.get(key) or Probing(row.merchant_id, name, row.kind, 0, 0, row.last_at)
        found[key] = Probing(
            row.merchant_id,
            name,
            row.kind,
            held.count + row.count,
            held.days + 1,
            max(held.last_at, row.last_at),
        )
    return sorted(found.values(), key=lambda p: p.last_at, reverse=True)
