"""公共信用报告: what the city holds about a resident at one moment, on paper that anybody can check.

The content is signed as canonical JSON by the key that signs notices and statements, whose public half is shown for ever.
Everything is sealed, kept for thirty days and deleted on leaving.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson
from sqlalchemy import delete, func, select

from haihe.domain.errors import NotFound, TooOften
from haihe.domain.records import RecordState
from haihe.domain.reports import A_DAY_AT_MOST, CODE_LENGTH, KEPT_FOR, code_of, masked_number
from haihe.storage.audit import write_audit
from haihe.storage.copies import lock_residents
from haihe.storage.db import db, transaction
from haihe.storage.reading import JOIN
from haihe.storage.records import RecordRow, Source
from haihe.storage.reports import CONTENT_PURPOSE, PDF_PURPOSE, Report
from haihe.storage.residents import Resident
from haihe.usecases.consents import consents_in_force, not_joined
from haihe.usecases.context import TIANJIN, Context, day_of
from haihe.usecases.notice_keys import notice_signer
from haihe.usecases.show_points import ShownLine, ShownRecord, show_points

TITLE = "天津市个人公共信用报告"
USE = "供本人查阅，或由本人自愿出示；任何单位不得以此作为拒绝提供基本公共服务的理由。"


@dataclass(frozen=True, slots=True)
class Paper:
    """What is drawn as a PDF: the content, its canonical bytes with their signature, and where it can be checked."""

    content: dict[str, Any]
    canonical: bytes
    jws: str
    verify_url: str
    made_at: datetime


@dataclass(frozen=True, slots=True)
class ShownReport:
    """A report in its resident's list; `content` is what the paper says."""

    id: int
    code: str
    made_at: datetime
    expires_at: datetime
    shares_summary: bool
    pdf_sha256: str
    content_sha256: str
    jws: str
    content: dict[str, Any]


def verify_url(ctx: Context, code: str) -> str:
    """What the QR code leads to. Behind the # the code stays in the browser: in no server's log and in no referrer."""
    return f"{ctx.base_url}/verify#{code}"


def make_report(
    ctx: Context, resident_id: int, shares_summary: bool, draw: Callable[[Paper], bytes], at: datetime
) -> ShownReport:
    """Make one, as of this moment. NOT_JOINED without points; at most a few a day."""
    _refuse_too_many(resident_id, at)
    code = code_of(secrets.token_bytes(CODE_LENGTH))
    content = _content(ctx, resident_id, code, at)
    canonical = orjson.dumps(content, option=orjson.OPT_SORT_KEYS)
    jws = notice_signer(ctx, at).sign_detached(canonical)
    url = verify_url(ctx, code)
    pdf = draw(Paper(content, canonical, jws, url, at))
    sealed = ctx.vault.seal(canonical.decode(), CONTENT_PURPOSE)
    paper = ctx.vault.seal(base64.b64encode(pdf).decode(), PDF_PURPOSE)
    with transaction():
        lock_residents([resident_id])
        if JOIN not in consents_in_force(resident_id):
            raise not_joined()
        _refuse_too_many(resident_id, at)
        report = Report(
            resident_id=resident_id,
            code_hash=hash_of_code(code),
            key_id=sealed.key_id,
            content_sealed=sealed.ciphertext,
            pdf_sealed=paper.ciphertext,
            pdf_sha256=hashlib.sha256(pdf).digest(),
            jws=jws,
            shares_summary=shares_summary,
            made_at=at,
            expires_at=at + KEPT_FOR,
        )
        db.session.add(report)
        db.session.flush()
        write_audit(at, f"resident:{resident_id}", "make_report", f"report:{report.id}")
        return _shown(ctx, report)


def list_reports(ctx: Context, resident_id: int, at: datetime) -> list[ShownReport]:
    """One's own reports that are still kept, newest first."""
    query = select(Report).where(Report.resident_id == resident_id, Report.expires_at > at)
    return [_shown(ctx, report) for report in db.session.execute(query.order_by(Report.id.desc())).scalars()]


def show_report(ctx: Context, resident_id: int, report_id: int, at: datetime) -> ShownReport:
    """One of one's own; another resident's is not found."""
    return _shown(ctx, _own(resident_id, report_id, at))


def report_pdf(ctx: Context, resident_id: int, report_id: int, at: datetime) -> bytes:
    """The paper itself, always the same bytes."""
    report = _own(resident_id, report_id, at)
    return base64.b64decode(ctx.vault.open(report.key_id, report.pdf_sealed, PDF_PURPOSE))


def forget_reports(at: datetime) -> int:
    """Delete what has been kept long enough; returns how many."""
    with transaction():
        over = delete(Report).where(Report.expires_at <= at).returning(Report.id)
        return len(db.session.execute(over).all())


def hash_of_code(code: str) -> bytes:
    """What is kept of a code that is printed on paper."""
    return hashlib.sha256(code.encode()).digest()


def content_of(ctx: Context, report: Report) -> dict[str, Any]:
    """What the paper says."""
    told: dict[str, Any] = orjson.loads(_canonical(ctx, report))
    return told


def _canonical(ctx: Context, report: Report) -> str:
    return ctx.vault.open(report.key_id, report.content_sealed, CONTENT_PURPOSE)


def _own(resident_id: int, report_id: int, at: datetime) -> Report:
    query = select(Report).where(
        Report.id == report_id, Report.resident_id == resident_id, Report.expires_at > at
    )
    found = db.session.execute(query).scalar_one_or_none()
    if found is None:
        raise NotFound("REPORT_NOT_FOUND", "没有找到这份报告；报告保存 30 天，之后可以重新生成")
    return found


def _shown(ctx: Context, report: Report) -> ShownReport:
    canonical = _canonical(ctx, report)
    content = orjson.loads(canonical)
    return ShownReport(
        id=report.id,
        code=content["code"],
        made_at=report.made_at,
        expires_at=report.expires_at,
        shares_summary=report.shares_summary,
        pdf_sha256=report.pdf_sha256.hex(),
        content_sha256=hashlib.sha256(canonical.encode()).hexdigest(),
        jws=report.jws,
        content=content,
    )


def _refuse_too_many(resident_id: int, at: datetime) -> None:
    lately = select(func.count()).where(
        Report.resident_id == resident_id, Report.made_at > at - timedelta(days=1)
    )
    if db.session.execute(lately).scalar_one() >= A_DAY_AT_MOST:
        raise TooOften(
            "REPORTS_TOO_OFTEN",
            f"一天最多生成 {A_DAY_AT_MOST} 份报告；已生成的可以反复下载",
            retry_after=24 * 3600,
        )


def _content(ctx: Context, resident_id: int, code: str, at: datetime) -> dict[str, Any]:
    points = show_points(ctx, resident_id, at)
    told = points.explanation
    resident = db.session.get_one(Resident, resident_id)
    number = ctx.vault.open(resident.key_id, resident.id_number_sealed, "id_number")
    return {
        "title": TITLE,
        "use": USE,
        "code": code,
        "made_at": at.astimezone(TIANJIN).isoformat(timespec="seconds"),
        "kept_until": day_of(at + KEPT_FOR).isoformat(),
        "name": ctx.vault.open(resident.key_id, resident.name_sealed, "name"),
        "id_number": masked_number(number),
        "total": told.total,
        "grade": told.grade_name,
        "as_of": told.on.isoformat(),
        "rulebook": told.rulebook,
        "dimensions": [
            {
                "name": d.name,
                "points": d.points,
                "cap": d.cap,
                "lines": [_line(shown) for shown in points.lines if shown.dimension == d.code],
            }
            for d in told.dimensions
        ],
        "records": _effective_records(ctx, resident_id, at),
        "sources": [
            {"source": s.source, "last_on": day_of(s.last_at).isoformat(), "words": s.words}
            for s in points.sources
        ],
    }


def _line(shown: ShownLine) -> dict[str, Any]:
    line = shown.line
    return {
        "name": line.name,
        "points": line.points,
        "counts_from_zero": line.kind == "BASE",
        "because": line.because,
        "department": line.department,
        "legal_basis": line.legal_basis,
        "records": [_record(record) for record in shown.records],
    }


def _record(record: ShownRecord) -> dict[str, Any]:
    return {
        "record_no": record.record_no,
        "occurred_on": record.occurred_on.isoformat(),
        "issuer": record.issuer or record.source,
        "document_no": record.document_no,
    }


def _effective_records(ctx: Context, resident_id: int, at: datetime) -> list[dict[str, Any]]:
    """Everything that holds today. What has been repaired, withdrawn or is being disputed is not told on paper."""
    on = day_of(at)
    rulebook = ctx.rules.up_to_date().rulebook(on)
    rows = db.session.execute(
        select(RecordRow, Source.name)
        .join(Source, Source.code == RecordRow.source)
        .where(
            RecordRow.resident_id == resident_id,
            RecordRow.state == RecordState.EFFECTIVE,
            RecordRow.occurred_on <= on,
            (RecordRow.valid_to.is_(None)) | (RecordRow.valid_to >= on),
        )
        .order_by(RecordRow.occurred_on.desc(), RecordRow.id.desc())
    )
    names = rulebook.by_code
    return [
        {
            "indicator": names[row.indicator].name if row.indicator in names else row.indicator,
            "record_no": row.record_no,
            "occurred_on": row.occurred_on.isoformat(),
            "issuer": row.issuer or source,
            "document_no": row.document_no,
            "valid_to": row.valid_to.isoformat() if row.valid_to else None,
        }
        for row, source in rows
    ]
