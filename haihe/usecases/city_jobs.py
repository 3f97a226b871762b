"""全市任务: ask something about everybody; a worker of the city's engine works it out, and the asker sees how far it is.

A draft is read before it is queued, so that a wrong one is refused at once. What is kept of an answer is counts, with the
small ones left out already.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from haihe.domain.errors import InvalidInput, NotFound, TooOften
from haihe.storage.audit import write_audit
from haihe.storage.city_jobs import CityJob, last_report, waiting_of
from haihe.storage.db import db, transaction
from haihe.usecases.context import Context, day_of
from haihe.usecases.drafts import draft_rulebook, draft_scenario

MOST_WAITING = 5
MOST_ATTEMPTS = 3
PATIENCE_S = 30
LONGEST_DRAFT = 256 << 10
LARGEST_ID = 2**63 - 1


class CityQuestion(StrEnum):
    """What can be asked about everybody."""

    TRY_SCENARIO = "TRY_SCENARIO"
    TRY_RULEBOOK = "TRY_RULEBOOK"
    REPORT = "REPORT"


@dataclass(frozen=True, slots=True)
class Taken:
    """A job as the worker that has taken it needs it."""

    job_id: int
    kind: CityQuestion
    on: date
    draft: str | None
    asked_by: str


def ask_city(
    ctx: Context, kind: CityQuestion, draft: str | None, on: date | None, at: datetime, actor: str
) -> CityJob:
    """Queue a question; InvalidDraft with line and reason, before anything is queued, where the draft is wrong."""
    what = _check(ctx, kind, draft, on or day_of(at))
    with transaction():
        if waiting_of(actor) >= MOST_WAITING:
            raise TooOften(
                "CITY_JOBS_WAITING", f"您已有 {MOST_WAITING} 项全市任务在等待，请等它们完成", PATIENCE_S
            )
        job = CityJob(
            kind=kind, asked_by=actor, on=on, draft=draft, state="WAITING", doing="等待计算", created_at=at
        )
        db.session.add(job)
        db.session.flush()
        write_audit(at, actor, "ask_city", f"city_job:{job.id}", kind=kind, **what)
    return job


def city_job(job_id: int) -> CityJob:
    """How far a job has come, and its answer once it is there."""
    found = db.session.get(CityJob, job_id, populate_existing=True) if job_id <= LARGEST_ID else None
    if found is None:
        raise NotFound("CITY_JOB_NOT_FOUND", "没有这项全市任务")
    return found


def record_answer(
    kind: CityQuestion, draft: str | None, on: date, result: dict[str, Any], at: datetime, actor: str
) -> None:
    """Leave the trace of a question that an operator had answered on the spot, with its answer if it is a report."""
    with transaction():
        subject = str(kind)
        if kind is CityQuestion.REPORT:
            job = CityJob(
                kind=kind, asked_by=actor, on=on, state="DONE", progress=1.0, doing="完成", result=result
            )
            job.created_at = job.started_at = job.ended_at = at
            db.session.add(job)
            db.session.flush()
            subject = f"city_job:{job.id}"
        write_audit(at, actor, "ask_city", subject, kind=kind, on=on.isoformat(), **_digest(draft))


def report_before(on: date) -> dict[str, Any] | None:
    """What the last report of an earlier day said."""
    job = last_report(on)
    return job.result if job is not None else None


def take_job(job_id: int, at: datetime) -> Taken | None:
    """Begin (or begin again) a job that we hold; None if it has brought down so many workers that it is given up."""
    with transaction():
        job = db.session.get_one(CityJob, job_id, populate_existing=True)
        if job.attempts >= MOST_ATTEMPTS:
            _end(job, at, "CITY_JOB_GIVEN_UP", f"计算程序已中断 {MOST_ATTEMPTS} 次，不再重试；请联系运维")
            return None
        job.state, job.attempts, job.started_at = "RUNNING", job.attempts + 1, job.started_at or at
        job.on = job.on or day_of(at)
        job.progress, job.doing = 0.0, "开始"
        return Taken(job.id, CityQuestion(job.kind), job.on, job.draft, job.asked_by)


def tell_progress(job_id: int, progress: float, doing: str) -> None:
    """Say how far a job has come, and what is being done now."""
    with transaction():
        job = db.session.get_one(CityJob, job_id)
        job.progress, job.doing = min(max(progress, job.progress), 1.0), doing


def finish_job(job_id: int, result: dict[str, Any], at: datetime) -> None:
    """The answer is there."""
    with transaction():
        job = db.session.get_one(CityJob, job_id)
        job.state, job.progress, job.doing, job.result, job.ended_at = "DONE", 1.0, "完成", result, at
        write_audit(at, "worker:city", "answer_city", f"city_job:{job_id}", kind=job.kind)


def fail_job(job_id: int, code: str, detail: str, at: datetime) -> None:
    """There will be no answer, and why."""
    with transaction():
        _end(db.session.get_one(CityJob, job_id), at, code, detail)


def _end(job: CityJob, at: datetime, code: str, detail: str) -> None:
    job.state, job.doing, job.ended_at = "FAILED", "没有完成", at
    job.error_code, job.error_detail = code, detail
    write_audit(at, "worker:city", "answer_city_failed", f"city_job:{job.id}", kind=job.kind, code=code)


def _check(ctx: Context, kind: CityQuestion, draft: str | None, on: date) -> dict[str, str]:
    """Read the draft as the worker will; returns what the audit is to know of it."""
    if kind is CityQuestion.REPORT:
        if draft is not None:
            raise InvalidInput("DRAFT_NOT_WANTED", "报告不需要草稿", "draft")
        return {}
    if draft is None:
        raise InvalidInput("DRAFT_MISSING", "请提交要试算的草稿", "draft")
    if kind is CityQuestion.TRY_RULEBOOK:
        return {"tried": draft_rulebook(draft).version, **_digest(draft)}
    scenario = draft_scenario(draft, ctx.rules.up_to_date().rulebook(on))
    return {"tried": scenario.code, **_digest(draft)}


def _digest(draft: str | None) -> dict[str, str]:
    return {} if draft is None else {"draft_sha256": hashlib.sha256(draft.encode()).hexdigest()}
