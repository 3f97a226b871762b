"""Records in: files from departments, and what became of them."""

from __future__ import annotations

from typing import IO, Any

from flask import Response, g, request, stream_with_context
from werkzeug.exceptions import HTTPException

from haihe.domain.errors import InvalidInput
from haihe.storage.records import Import
from haihe.usecases.import_records import import_records
from haihe.usecases.import_reports import find_import, list_imports, report_csv
from haihe.usecases.sources import imports_of, reachable_import
from haihe.usecases.staff_login import Role
from haihe.web.admin.lock import SOURCE_SCOPE, StaffDoors, bearer, require_source, require_staff
from haihe.web.admin.schemas import ImportReportView, ImportsAnswer, ImportsQuery, ImportView
from haihe.web.context import context
from haihe.web.problems import problem

blp = StaffDoors("admin_records", __name__, url_prefix="/v1/admin", description="信用记录报送")

DEPARTMENT = [{"oauth2": [SOURCE_SCOPE]}]
DEPARTMENT_OR_STAFF = [*DEPARTMENT, {"staff": []}]
READERS = (Role.DATA_CLERK, Role.SYSTEM_ADMIN, Role.AUDITOR)
FILE_TYPES = (
    "text/csv",
    "application/x-ndjson",
    "application/gzip",
    "application/octet-stream",
)
FORM = "multipart/form-data"
BINARY = {"schema": {"type": "string", "format": "binary"}}
REQUEST_BODY = {
    "required": True,
    "content": {
        **dict.fromkeys(FILE_TYPES, BINARY),
        FORM: {
            "schema": {
                "type": "object",
                "required": ["file"],
                "properties": {"file": {"type": "string", "format": "binary"}},
            }
        },
    },
}


@blp.before_request
def locked() -> None:
    """Whose records may be sent or seen is settled before anything of the request is read."""
    sends = (request.endpoint or "").endswith(".send_records")
    g.source = require_source() if sends else _readable_source()


@blp.post("/records")
@blp.doc(summary="报送信用记录文件", security=DEPARTMENT, requestBody=REQUEST_BODY)
@blp.response(200, ImportReportView, description="已处理；未能入库的行见 errors 与 report_url")
@blp.alt_response(422, description="整个文件无法读取，未作任何改动")
def send_records() -> dict[str, Any]:
    """CSV、JSON Lines 或双公示表，UTF-8 或 GB18030，可用 gzip 压缩。好的行入库，其余逐行说明原因；重复报送不产生变化。"""
    ctx = context()
    source = g.source
    name, stream = _file()
    report = import_records(ctx, source, name, stream, ctx.now(), f"source:{source}")
    return {
        "import_id": report.import_id,
        "added": report.added,
        "changed": report.changed,
        "unchanged": report.unchanged,
        "quarantined": report.quarantined,
        "lines": report.lines,
        "repeated": report.repeated,
        "errors": report.errors,
        "report_url": _report_url(report.import_id),
    }


@blp.get("/imports")
@blp.doc(summary="历次导入", security=DEPARTMENT_OR_STAFF)
@blp.arguments(ImportsQuery, location="query")
@blp.response(200, ImportsAnswer)
def view_imports(query: dict[str, Any]) -> dict[str, Any]:
    """部门看自己的，数据管理、系统管理与审计岗位看所管的；最近的在前。"""
    if g.clerk is None:
        rows, following = list_imports(g.source, query["before"], query["limit"])
    else:
        found = imports_of(g.clerk, None, "", query["before"], query["limit"] + 1)
        rows = found[: query["limit"]]
        following = rows[-1].id if len(found) > len(rows) else None
    return {"items": [_view(row) for row in rows], "next": following}


@blp.get("/imports/<int:import_id>")
@blp.doc(summary="一次导入", security=DEPARTMENT_OR_STAFF)
@blp.response(200, ImportView)
@blp.alt_response(404, description="没有这次导入，或不是本部门的")
def view_import(import_id: int) -> dict[str, Any]:
    """导到哪里，各有多少行。"""
    return _view(_find(import_id))


@blp.get("/imports/<int:import_id>/report.csv")
@blp.doc(summary="退回行的清单（CSV）", security=DEPARTMENT_OR_STAFF)
@blp.response(200, {"type": "string"}, content_type="text/csv", description="行号、记录编号、列、代码、原因")
@blp.alt_response(404, description="没有这次导入，或不是本部门的")
def view_report(import_id: int) -> Response:
    """未能入库的每一行及其原因，可用表格软件打开。"""
    found = _find(import_id)
    return Response(
        stream_with_context(report_csv(found.id)),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="import-{found.id}.csv"'},
    )


def _readable_source() -> str | None:
    """Whose imports the caller may see: a department's own, or, for the staff, those that they look after (None). Only
    tokens of clients have dots."""
    g.clerk = None
    if "." in bearer():
        return require_source()
    g.clerk = require_staff(*READERS)
    return None


def _find(import_id: int) -> Import:
    return find_import(import_id, g.source) if g.clerk is None else reachable_import(g.clerk, import_id)


def _file() -> tuple[str, IO[bytes]]:
    if request.mimetype == FORM:
        sent = request.files.get("file")
        if sent is None:
            raise InvalidInput("FILE_MISSING", "表单中没有名为 file 的文件", "file")
        return sent.filename or "file", sent.stream
    if request.mimetype not in FILE_TYPES:
        accepted = "、".join((*FILE_TYPES, FORM))
        raise HTTPException(response=problem(415, detail=f"请以 Content-Type: {accepted} 之一提交文件"))
    return "upload", request.stream


def _view(row: Import) -> dict[str, Any]:
    columns = {c.name: getattr(row, c.name) for c in Import.__table__.columns}
    return {**columns, "report_url": _report_url(row.id)}


def _report_url(import_id: int) -> str:
    return f"{context().base_url}/v1/admin/imports/{import_id}/report.csv"
