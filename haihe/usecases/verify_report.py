"""验真: somebody holds a report in their hand and asks whether we made it. A wrong code and an expired one look alike."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import select

from haihe.cache.copies import CacheDown
from haihe.domain.allowances import WRONG_REPORT_CODES
from haihe.domain.errors import NotFound, TooOften
from haihe.domain.reports import masked_name, read_code
from haihe.storage.db import db
from haihe.storage.reports import Report
from haihe.usecases.context import Context, day_of
from haihe.usecases.reports import content_of, hash_of_code


@dataclass(frozen=True, slots=True)
class Genuine:
    """What anybody with the code may know; the points only where the resident chose to let them be seen."""

    made_on: date
    name: str
    id_number: str
    pdf_sha256: str
    valid_until: date
    total: int | None
    grade: str | None


def verify_report(ctx: Context, typed: str, at: datetime) -> Genuine:
    """The report with this code; NotFound REPORT_NOT_GENUINE for any other, TooOften where many are being tried."""
    code = read_code(typed)
    query = select(Report).where(Report.code_hash == hash_of_code(code or ""), Report.expires_at > at)
    report = db.session.execute(query).scalar_one_or_none() if code else None
    if report is None:
        _count_wrong(ctx, at)
        raise NotFound(
            "REPORT_NOT_GENUINE", "没有这份报告：请核对验证码；报告超过 30 天或本人已退出的，也查不到"
        )
    content = content_of(ctx, report)
    shares = report.shares_summary
    return Genuine(
        made_on=day_of(report.made_at),
        name=masked_name(content["name"]),
        id_number=content["id_number"],
        pdf_sha256=report.pdf_sha256.hex(),
        valid_until=day_of(report.expires_at),
        total=content["total"] if shares else None,
        grade=content["grade"] if shares else None,
    )


def _count_wrong(ctx: Context, at: datetime) -> None:
    """A hundred random bits are not found by trying; this keeps the trying itself within bounds."""
    at_ms = int(at.timestamp() * 1000)
    with suppress(CacheDown):
        if ctx.copies.count("wrong-report-codes", 1, WRONG_REPORT_CODES, at_ms) > WRONG_REPORT_CODES.most:
            wait = WRONG_REPORT_CODES.seconds_left(at_ms)
            raise TooOften("TOO_MANY_WRONG_CODES", f"查询过于频繁，请 {wait} 秒后再试", retry_after=wait)
