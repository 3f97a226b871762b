"""来源部门的登记: who may send records, how often they are expected, with which credentials, and how fresh their data is."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import func, select

from haihe.domain.districts import DISTRICTS
from haihe.domain.errors import Conflict, Forbidden, InvalidInput, NotFound, OutOfReach
from haihe.storage import imports
from haihe.storage.audit import write_audit
from haihe.storage.db import db, transaction
from haihe.storage.partners import OAuthClient
from haihe.storage.records import MADE_HERE, Import, Source
from haihe.usecases.client_registrations import (
    BASIC,
    Owner,
    Registered,
    Registration,
    register_client,
    renew_secret,
)
from haihe.usecases.context import Context, day_of
from haihe.usecases.oauth_clients import revoke_client
from haihe.usecases.staff_login import StaffCaller

CODE = re.compile(r"[A-Za-z][0-9A-Za-z_]{1,31}")
LONGEST_NAME = 64
MOST_DAYS = 366
SCOPES = ("records",)


@dataclass(frozen=True, slots=True)
class Wanted:
    """How a source is to be: what the form says."""

    name: str
    district: str | None
    indicators: tuple[str, ...]
    expected_days: int | None


@dataclass(frozen=True, slots=True)
class Freshness:
    """When something of a source was last loaded, and whether that is longer ago than agreed; in words for people."""

    last_on: date | None
    days: int | None
    overdue: bool
    words: str


def freshness_of(source: Source, on: date) -> Freshness:
    """How fresh the data of a source is on a day."""
    every = source.expected_days
    agreed = f"约定每 {every} 天报送一次" if every else "没有约定多久报送一次"
    if source.last_import_at is None:
        return Freshness(None, None, every is not None, f"还没有报送过，{agreed}")
    last = day_of(source.last_import_at)
    days = max((on - last).days, 0)
    when = {0: "今天", 1: "昨天"}.get(days, f"{days} 天前")
    if every is not None and days > every:
        return Freshness(last, days, True, f"{when}报送过，{agreed}，已晚 {days - every} 天")
    return Freshness(last, days, False, f"{when}报送过，{agreed}")


def sources_of(caller: StaffCaller) -> list[Source]:
    """The sources that somebody looks after: of their districts, or all of them, by code."""
    return [s for s in imports.list_sources() if _sees(caller, s)]


def overdue_sources(caller: StaffCaller, on: date) -> list[Source]:
    """Those among them whose data is later than agreed."""
    return [s for s in sources_of(caller) if freshness_of(s, on).overdue]


def find_source(caller: StaffCaller, code: str) -> Source:
    """One source; OutOfReach where it is another district's."""
    source = db.session.get(Source, code)
    if source is None or code in MADE_HERE:
        raise NotFound("SOURCE_UNKNOWN", "没有这个来源部门", "source")
    if not _sees(caller, source):
        raise OutOfReach("SOURCE_UNKNOWN", "没有这个来源部门，或不归您管", "source")
    return source


def reachable_import(caller: StaffCaller, import_id: int) -> Import:
    """A file of a source that somebody looks after."""
    held = imports.find_import(import_id, None) if import_id < 2**63 else None
    if held is None:
        raise NotFound("IMPORT_NOT_FOUND", "没有这次导入")
    find_source(caller, held.source)
    return held


def open_source(ctx: Context, clerk: StaffCaller, code: str, wanted: Wanted, at: datetime) -> None:
    """Register a source; Conflict where there is one of this code."""
    if not CODE.fullmatch(code) or code in MADE_HERE:
        raise InvalidInput("SOURCE_CODE_INVALID", "代码应为 2 至 32 个字母、数字或下划线，以字母开头", "code")
    _check(ctx, clerk, wanted, at)
    with transaction():
        if db.session.get(Source, code) is not None:
            raise Conflict("SOURCE_EXISTS", "已有这个代码的来源，请换一个", "code")
        source = Source(code=code)
        _write(source, wanted)
        db.session.add(source)
        write_audit(at, clerk.actor, "open_source", f"source:{code}", **_told(source))


def change_source(ctx: Context, clerk: StaffCaller, code: str, wanted: Wanted, at: datetime) -> None:
    """Put a source's name, district, indicators and rhythm anew."""
    find_source(clerk, code)
    _check(ctx, clerk, wanted, at)
    with transaction():
        source = db.session.get_one(Source, code, with_for_update=True, populate_existing=True)
        before = _told(source)
        _write(source, wanted)
        write_audit(at, clerk.actor, "change_source", f"source:{code}", before=before, after=_told(source))


def credentials_of(code: str) -> list[OAuthClient]:
    """A source's clients, the revoked ones too, the latest first."""
    query = select(OAuthClient).where(OAuthClient.source == code).order_by(OAuthClient.created_at.desc())
    return list(db.session.execute(query).scalars())


def give_credentials(ctx: Context, clerk: StaffCaller, code: str, at: datetime) -> Registered:
    """A client for a source; its secret is told this once."""
    find_source(clerk, code)
    return register_client(ctx, Owner(source=code), Registration(BASIC, SCOPES), at, clerk.actor)


def rotate_credentials(
    ctx: Context, clerk: StaffCaller, code: str, client_id: str, at: datetime
) -> Registered:
    """A new secret in the place of the old one, which is worth nothing from the next request on."""
    _client_of(clerk, code, client_id)
    return renew_secret(ctx, client_id, at, clerk.actor)


def revoke_credentials(ctx: Context, clerk: StaffCaller, code: str, client_id: str, at: datetime) -> None:
    """Take a client of a source away."""
    _client_of(clerk, code, client_id)
    revoke_client(ctx, client_id, at, clerk.actor)


def imports_of(
    caller: StaffCaller, source: str | None, sought: str, before: int | None, most: int
) -> list[Import]:
    """Files of the sources that somebody looks after, the latest first."""
    query = select(Import).order_by(Import.id.desc()).limit(most)
    if source is not None:
        query = query.where(Import.source == source)
    if caller.districts:
        query = query.where(Import.source.in_([s.code for s in sources_of(caller)]))
    if sought:
        query = query.where(Import.file_name.icontains(sought, autoescape=True))
    if before is not None:
        query = query.where(Import.id < before)
    return list(db.session.execute(query).scalars())


def waiting_lines(caller: StaffCaller) -> int:
    """How many lines wait for a clerk: set aside and not yet sent back."""
    return _count_waiting(None if not caller.districts else [s.code for s in sources_of(caller)])


def _count_waiting(sources: Sequence[str] | None) -> int:
    line = imports.QuarantinedLine
    query = select(func.count()).select_from(line).where(line.sent_back_at.is_(None))
    if sources is not None:
        query = query.join(Import, Import.id == line.import_id).where(Import.source.in_(sources))
    return db.session.execute(query).scalar_one()


def _sees(caller: StaffCaller, source: Source) -> bool:
    return not caller.districts or source.district in caller.districts


def _client_of(clerk: StaffCaller, code: str, client_id: str) -> None:
    find_source(clerk, code)
    if not any(c.client_id == client_id and c.revoked_at is None for c in credentials_of(code)):
        raise NotFound("CLIENT_NOT_FOUND", "没有这个客户端，或已吊销", "client_id")


def _check(ctx: Context, clerk: StaffCaller, wanted: Wanted, at: datetime) -> None:
    if not 0 < len(wanted.name) <= LONGEST_NAME or not wanted.name.isprintable():
        raise InvalidInput("SOURCE_NAME_INVALID", f"请填写名称，最多 {LONGEST_NAME} 字", "name")
    if wanted.district is not None and wanted.district not in DISTRICTS:
        raise InvalidInput("DISTRICT_INVALID", "没有这个区", "district")
    if clerk.districts and wanted.district not in clerk.districts:
        raise Forbidden("DISTRICT_NOT_YOURS", "您只能登记所管的区的来源", "district")
    if wanted.expected_days is not None and not 1 <= wanted.expected_days <= MOST_DAYS:
        raise InvalidInput("DAYS_INVALID", f"天数应为 1 至 {MOST_DAYS}", "expected_days")
    rulebook = ctx.rules.up_to_date().rulebook(day_of(at))
    known = {*rulebook.by_code, *rulebook.fact_by_code}
    if strange := [i for i in wanted.indicators if i not in known]:
        raise InvalidInput("INDICATOR_UNKNOWN", f"没有这个指标：{'、'.join(strange[:5])}"[:200], "indicators")


def _write(source: Source, wanted: Wanted) -> None:
    source.name, source.district = wanted.name, wanted.district
    source.indicators, source.expected_days = list(wanted.indicators), wanted.expected_days


def _told(source: Source) -> dict[str, object]:
    return {
        "name": source.name,
        "district": source.district,
        "indicators": source.indicators,
        "expected_days": source.expected_days,
    }
