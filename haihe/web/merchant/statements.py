"""对账单: listed, and handed out again as often as asked, always to the same byte."""

from __future__ import annotations

import base64
from datetime import date
from typing import Any, ClassVar

from flask import Response, g
from marshmallow import Schema, fields

from haihe.domain.errors import NotFound
from haihe.storage.statements import Statement
from haihe.usecases.make_statements import PAGE, find_statement, statements_of
from haihe.web.bodies import Body, Moment, StrictBlueprint
from haihe.web.oauth_lock import require_partner

SCOPE = "statement"
LOCK = [{"oauth2": [SCOPE]}]


class StatementBlueprint(StrictBlueprint):
    """The doors of statements, and what their refusals mean."""

    REFUSALS: ClassVar[dict[int, str]] = {
        401: "访问令牌缺失、无效或已吊销",
        403: "令牌没有 statement 权限",
        404: "没有这一天的对账单",
        422: "日期格式不对",
    }


blp = StatementBlueprint(
    "merchant_statements", __name__, url_prefix="/v1/merchant/statements", description="对账单"
)


class StatementFile(Schema):
    """One of the two files of a statement."""

    url = fields.String(required=True)
    bytes = fields.Integer(required=True)
    sha256 = fields.String(required=True, metadata={"description": "文件的 SHA-256，十六进制"})
    jws = fields.String(
        required=True, metadata={"description": "分离式 JWS（RFC 7515 附录 F），公钥在 /v1/notice-keys"}
    )


class StatementView(Schema):
    """A day's statement."""

    day = fields.Date(required=True)
    lines = fields.Integer(required=True)
    corrections = fields.Integer(required=True, metadata={"description": "其中更正以前对账单的行数"})
    change_fen = fields.Integer(
        required=True, metadata={"description": "各行变动之和（分），即当日应记的金额"}
    )
    made_at = Moment(required=True)
    csv = fields.Nested(StatementFile, required=True)
    json = fields.Nested(StatementFile, required=True)


class StatementPage(Schema):
    """Statements, the newest first."""

    items = fields.List(fields.Nested(StatementView), required=True)
    next_before = fields.Date(required=True, allow_none=True)


class StatementQuery(Body):
    """Where the page begins."""

    before = fields.Date(error_messages={"invalid": "应为日期，如 2026-11-20"})


@blp.before_request
def locked() -> None:
    """Nothing is read before the door is open, and behind it everything is this merchant's."""
    g.partner = require_partner(SCOPE)


@blp.get("")
@blp.doc(summary="对账单列表", security=LOCK)
@blp.arguments(StatementQuery, location="query")
@blp.response(200, StatementPage)
@blp.refuses(401, 403, 422)
def statements(query: dict[str, Any]) -> dict[str, Any]:
    """The merchant's statements, the newest first."""
    page = statements_of(g.partner, query.get("before"))
    return {
        "items": [_view(one) for one in page],
        "next_before": page[-1].day if len(page) == PAGE else None,
    }


@blp.get("/<day>")
@blp.doc(summary="某日对账单", security=LOCK)
@blp.response(200, StatementView)
@blp.refuses(401, 403, 404)
def statement(day: str) -> dict[str, Any]:
    """The statement of one day in Tianjin."""
    return _view(_find(day))


@blp.get("/<day>/csv")
@blp.doc(summary="下载对账单（CSV）", security=LOCK)
@blp.response(200, {"type": "string", "format": "binary"}, content_type="text/csv")
@blp.refuses(401, 403, 404)
def statement_csv(day: str) -> Response:
    """UTF-8 with BOM; always the same bytes."""
    one = _find(day)
    return _file(one.csv, one.csv_sha256, "text/csv; charset=utf-8", f"{one.day.isoformat()}.csv")


@blp.get("/<day>/json")
@blp.doc(summary="下载对账单（JSON）", security=LOCK)
@blp.response(200, {"type": "string", "format": "binary"}, content_type="application/json")
@blp.refuses(401, 403, 404)
def statement_json(day: str) -> Response:
    """Always the same bytes."""
    one = _find(day)
    return _file(one.json, one.json_sha256, "application/json", f"{one.day.isoformat()}.json")


def _find(day: str) -> Statement:
    try:
        return find_statement(g.partner, date.fromisoformat(day))
    except ValueError:
        raise NotFound("STATEMENT_NOT_FOUND", "没有这一天的对账单；日期应写作 2026-11-20") from None


def _view(one: Statement) -> dict[str, Any]:
    path = f"/v1/merchant/statements/{one.day.isoformat()}"
    return {
        "day": one.day,
        "lines": one.lines,
        "corrections": one.corrections,
        "change_fen": one.change_fen,
        "made_at": one.made_at,
        "csv": {
            "url": f"{path}/csv",
            "bytes": len(one.csv),
            "sha256": one.csv_sha256.hex(),
            "jws": one.csv_jws,
        },
        "json": {
            "url": f"{path}/json",
            "bytes": len(one.json),
            "sha256": one.json_sha256.hex(),
            "jws": one.json_jws,
        },
    }


def _file(content: bytes, sha256: bytes, kind: str, name: str) -> Response:
    digest = base64.b64encode(sha256).decode()
    headers = {
        "Content-Disposition": f'attachment; filename="haihe-{name}"',
        "Content-Digest": f"sha-256=:{digest}:",
    }
    return Response(content, content_type=kind, headers=headers)
