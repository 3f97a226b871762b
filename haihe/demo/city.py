"""The demo city as a whole: made once, in one transaction, and looked after at every start.

Everything about residents is committed together with the audit entry that says so. A creation that is killed leaves
nothing behind, and the next one begins from the beginning.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select

from haihe.demo.births import births
from haihe.demo.cast import cast
from haihe.demo.departments import ensure_departments
from haihe.demo.files import send_files
from haihe.demo.first_scores import score_for_the_first_time
from haihe.demo.histories import records_of
from haihe.demo.loading import (
    store_accounts,
    store_consents,
    store_records,
    store_residents,
    tell_the_planner,
)
from haihe.demo.merchants import ensure_merchants
from haihe.demo.named_residents import Placed, place_named
from haihe.demo.objections import file_objections
from haihe.demo.people import NEVER, Residents, residents_of
from haihe.demo.plan import Plan
from haihe.demo.shop_people import ensure_shop_people
from haihe.demo.staff import ensure_staff
from haihe.demo.storing_named import OPENID
from haihe.storage.audit import AuditEntry, write_audit
from haihe.storage.copies import next_generation
from haihe.storage.db import db, transaction
from haihe.storage.residents import Account, Resident
from haihe.usecases.context import Context, day_of
from haihe.usecases.gather_facts import try_renew_copies
from haihe.usecases.publish_rules import configuration_changed

ACTOR = "operator:demo"
CREATED = "create_demo_city"
SUBJECT = "demo-city"
CHUNK = 1_000
ORDINARY_ACCOUNTS = 300
LOCK = 0x6861696865
Progress = Callable[[int], None]


class NotADemo(Exception):
    """The database holds residents whom the demo city has not made: it is left as it is."""


class BeingMade(Exception):
    """Another process is making the city at this moment."""


@dataclass(frozen=True, slots=True)
class City:
    """What there is: whether it has just been made, its size and seed, and the named residents."""

    new: bool
    residents: int
    seed: int
    placed: list[Placed]


def create_city(ctx: Context, residents: int, seed: int, at: datetime, progress: Progress) -> City:
    """Make the city if there is none, and bring the named residents to today. The rules must have been published."""
    _ensure_partners(ctx, at)
    with transaction():
        if not db.session.execute(select(func.pg_try_advisory_xact_lock(LOCK))).scalar():
            raise BeingMade("另一个进程正在建立示范城市，请等它完成")
        made = _made()
        new = made is None
        if made is None:
            if db.session.execute(select(Resident.id).limit(1)).scalar() is not None:
                raise NotADemo("数据库里已有居民，却不是示范城市建立的；为免混入真实数据，没有写入任何内容")
            _populate(ctx, Plan(residents, seed, day_of(at)), at, progress)
            write_audit(at, ACTOR, CREATED, SUBJECT, residents=residents, seed=seed)
        else:
            residents, seed = made
        ctx.rules.up_to_date()
        people = cast(ctx.rules.rulebook(day_of(at)), ctx.rules.scenarios())
        # By rules that somebody has published since, a life may come to something else; that is no reason not to start.
        placed = place_named(ctx, people, at, strict=new)
        file_objections(ctx, at)
    try_renew_copies(ctx, [p.resident_id for p in placed], at)
    if new:
        send_files(ctx, at)
    return City(new, residents, seed, placed)


def _made() -> tuple[int, int] | None:
    """Size and seed of the city, if it has been made."""
    entry = db.session.execute(
        select(AuditEntry.detail).where(AuditEntry.subject == SUBJECT, AuditEntry.deed == CREATED).limit(1)
    ).scalar()
    return None if entry is None else (int(entry["residents"]), int(entry["seed"]))


def _ensure_partners(ctx: Context, at: datetime) -> None:
    rules = ctx.rules.up_to_date()
    with transaction():
        departments = ensure_departments(ctx.vault, rules.rulebook(day_of(at)), at)
        merchants = ensure_merchants(ctx.vault, rules.scenarios(), at)
        changed = departments or merchants
        if changed:
            write_audit(at, ACTOR, "create_demo_partners", SUBJECT)
            number = next_generation()
    if changed:
        configuration_changed(ctx, number)
    ensure_staff(ctx, at, ACTOR)
    ensure_shop_people(ctx, at, ACTOR)


def _populate(ctx: Context, plan: Plan, at: datetime, progress: Progress) -> None:
    born = births(plan)
    stored: list[int] = []
    accounts_left = ORDINARY_ACCOUNTS
    for block, first, count in plan.blocks():
        residents = residents_of(plan, born, block, first, count)
        ids = store_residents(ctx.vault, residents, at)
        store_consents(residents, ids, at)
        store_records(records_of(plan, residents, block), ids, plan, block, at)
        accounts_left -= _give_accounts(ctx, residents, ids, accounts_left, at)
        stored += ids
    tell_the_planner()
    for start in range(0, len(stored), CHUNK):
        chunk = stored[start : start + CHUNK]
        score_for_the_first_time(ctx, chunk, at)
        db.session.expunge_all()
        progress(len(chunk))


def ordinary_residents(ctx: Context, most: int) -> list[tuple[str, int]]:
    """The first ordinary residents who have an account: (what follows `demo-` in their js_code, id)."""
    keys = {ctx.vault.index(f"{OPENID}{n:05d}", "openid"): f"{n:05d}" for n in range(1, ORDINARY_ACCOUNTS)}
    found = db.session.execute(
        select(Account.openid_index, Account.resident_id).where(
            Account.openid_index.in_(keys), Account.resident_id.is_not(None)
        )
    )
    return sorted((keys[index], resident_id) for index, resident_id in found)[:most]


def _give_accounts(ctx: Context, residents: Residents, ids: list[int], most: int, at: datetime) -> int:
    """Accounts for the first ordinary residents who have joined, named by their number; returns how many."""
    joined = (residents.joined_days != NEVER).nonzero()[0][:most].tolist()
    store_accounts(ctx.vault, ((f"{OPENID}{residents.first + n + 1:05d}", ids[n], "L3") for n in joined), at)
    return len(joined)
