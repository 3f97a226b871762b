"""审计 for auditors: searched, exported, and never silently."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Any

import orjson
from flask import Response, g, stream_with_context
from marshmallow import Schema, fields

from haihe.storage.audit import AuditEntry
from haihe.usecases.read_audit import Sought, Verified, check_chains, export_audit, search_audit
from haihe.usecases.staff_login import Role
from haihe.web.admin.lock import StaffDoors, require_staff
from haihe.web.bodies import LARGEST_ID, Body, Moment, Number, Text
from haihe.web.context import context

blp = StaffDoors("admin_audit", __name__, url_prefix="/v1/admin", description="审计")

LOCKED = {"security": [{"staff": []}]}
READERS = (Role.AUDITOR,)
COLUMNS = ("id", "at", "actor", "deed", "subject", "detail", "lane", "place", "hash")
MOMENT_WORDS = {"invalid": "应为时间，如 2026-11-20T00:00:00+08:00"}


class AuditQuery(Body):
    """What is sought; every condition may be left out."""

    actor = Text(96, required=False, load_default=None, metadata={"example": "staff:demo-editor"})
    deed = Text(64, required=False, load_default=None, metadata={"example": "approve_scenario"})
    subject = Text(96, required=False, load_default=None, metadata={"example": "resident:12"})
    since = fields.AwareDateTime(load_default=None, error_messages=MOMENT_WORDS)
    until = fields.AwareDateTime(load_default=None, error_messages=MOMENT_WORDS)


class AuditPageQuery(AuditQuery):
    """Which page of it."""

    before = Number(1, LARGEST_ID, load_default=None, metadata={"description": "上一页给出的 next_before"})
    limit = Number(1, 200, load_default=50)


class AuditEntryView(Schema):
    """One deed."""

    id = fields.Integer(required=True)
    at = Moment(required=True)
    actor = fields.String(required=True)
    deed = fields.String(required=True)
    subject = fields.String(required=True)
    detail = fields.Dict(required=True)


class AuditPage(Schema):
    """One page, newest first."""

    entries = fields.List(fields.Nested(AuditEntryView), required=True)
    next_before = fields.Integer(required=True, allow_none=True)


class BreakView(Schema):
    """Where a chain does not hold."""

    lane = fields.Integer(required=True)
    place = fields.Integer(required=True)
    what = fields.String(required=True)


class VerifiedView(Schema):
    """What was looked at, and every place that does not hold."""

    entries = fields.Integer(required=True)
    lanes = fields.Integer(required=True)
    whole = fields.Boolean(required=True, metadata={"description": "是否已是全部"})
    breaks = fields.List(fields.Nested(BreakView), required=True)


@blp.before_request
def locked() -> None:
    """Auditors alone."""
    g.auditor = require_staff(*READERS)


@blp.get("/audit")
@blp.doc(summary="查阅审计", **LOCKED)
@blp.arguments(AuditPageQuery, location="query")
@blp.response(200, AuditPage)
def search(query: dict[str, Any]) -> dict[str, Any]:
    """按人、事、对象与时间查；查阅本身也留痕。自己的操作不在其中，须由另一位审计人员查阅。"""
    limit = query.pop("limit")
    entries, following = search_audit(g.auditor, Sought(**query), limit, context().now())
    return {"entries": entries, "next_before": following}


@blp.get("/audit.csv")
@blp.doc(summary="导出审计（CSV）", **LOCKED)
@blp.arguments(AuditQuery, location="query")
@blp.response(200, {"type": "string"}, content_type="text/csv", description="最多十万条，含链上的位置与散列")
def export(query: dict[str, Any]) -> Response:
    """同样的条件，一次导出；导出本身也留痕。"""
    return csv_of_audit(export_audit(g.auditor, Sought(**query), context().now()))


@blp.post("/audit/verify")
@blp.doc(summary="校验审计链", **LOCKED)
@blp.response(200, VerifiedView)
def verify() -> Verified:
    """核对每条链最近的两千条；更早的由运维以 `flask audit verify` 核对。校验本身也留痕。"""
    return check_chains(g.auditor, context().now())


def csv_of_audit(entries: Iterator[AuditEntry]) -> Response:
    """Entries as a file, written while they are read."""
    return Response(
        stream_with_context(_csv(entries)),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": 'attachment; filename="audit.csv"'},
    )


def _csv(entries: Iterator[AuditEntry]) -> Iterator[str]:
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(COLUMNS)
    yield "\ufeff"
    for e in entries:
        detail = orjson.dumps(e.detail).decode()
        writer.writerow(
            (e.id, e.at.isoformat(), e.actor, e.deed, e.subject, detail, e.lane, e.place, e.hash.hex())
        )
        yield buffer.getvalue()
        buffer.seek(0)
        buffer.truncate()
    yield buffer.getvalue()
