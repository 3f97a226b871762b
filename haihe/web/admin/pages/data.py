"""数据页: the files that came in, one of them with what was set aside, and the way of a record back to its file and row."""

from __future__ import annotations

from flask import Response as FlaskResponse
from flask import redirect, request, stream_with_context
from werkzeug.wrappers import Response

from haihe.domain.errors import InvalidInput
from haihe.usecases.context import day_of
from haihe.usecases.import_reports import report_csv
from haihe.usecases.lineage import find_record, trace_record
from haihe.usecases.quarantine import (
    correct_line,
    look_at_line,
    quarantined,
    reasons_of,
    retry_file,
    send_back,
)
from haihe.usecases.sources import imports_of, overdue_sources, reachable_import, sources_of, waiting_lines
from haihe.usecases.withdraw_file import withdrawal_of
from haihe.web.admin.pages.asked import asked, number_of
from haihe.web.admin.pages.export import csv_file
from haihe.web.admin.pages.lock import ConsolePages, page, staff
from haihe.web.context import context
from haihe.web.problems import status_of

blp = ConsolePages("data", __name__)
PAGE = 20
LINES = 50
MOST_EXPORTED = 10_000
COLUMN_NAMES = {
    "record_no": "记录编号",
    "indicator": "指标代码",
    "id_type": "证件类型",
    "id_number": "证件号码",
    "name": "姓名",
    "occurred_on": "发生日期",
    "document_no": "文书号",
    "issuer": "出具单位",
    "quantity": "数量",
    "level": "级别",
    "severity": "失信类别",
    "valid_from": "有效期起",
    "valid_to": "有效期止",
    "state": "状态",
    "line": "整行",
    "CF_XDR_MC": "行政相对人名称",
    "CF_XDR_LB": "行政相对人类别",
    "CF_XDR_ZJLX": "证件类型",
    "CF_XDR_ZJHM": "证件号码",
    "CF_WSH": "行政处罚决定书文号",
    "CF_WFXW": "违法行为类型",
    "CF_WFSS": "违法事实",
    "CF_YJ": "处罚依据",
    "CF_CFLB": "处罚类别",
    "CF_NR": "处罚内容",
    "CF_NR_FK": "罚款金额（万元）",
    "CF_JDRQ": "处罚决定日期",
    "CF_YXQ": "处罚有效期",
    "CF_GSJZQ": "公示截止期",
    "CF_CFJG": "处罚机关",
    "CF_CFJGDM": "处罚机关代码",
    "CF_SJLY": "数据来源单位",
    "CF_SJLYDM": "数据来源单位代码",
    "BZ": "备注",
}
blp.add_app_template_global(COLUMN_NAMES, "COLUMN_NAMES")
blp.add_app_template_global(
    {
        "EFFECTIVE": "有效",
        "DISPUTED": "异议处理中",
        "CORRECTED": "已更正",
        "WITHDRAWN": "已撤回",
        "REPAIRED": "已修复",
        "EXPIRED": "已到期",
    },
    "RECORD_STATES",
)


@blp.get("/data")
def files() -> Response:
    """The latest files, and what of the data is late."""
    sought, source = _asked()
    rows = imports_of(staff(), source, sought, number_of(request.args.get("before", "")), PAGE + 1)
    return page(
        "data.html",
        rows=rows[:PAGE],
        more=rows[PAGE - 1].id if len(rows) > PAGE else None,
        q=sought,
        source=source or "",
        sources=sources_of(staff()),
        overdue=overdue_sources(staff(), day_of(context().now())),
        waiting=waiting_lines(staff()),
    )


@blp.get("/data/imports.csv")
def export() -> Response:
    """The list of files for a spreadsheet."""
    sought, source = _asked()
    rows = imports_of(staff(), source, sought, None, MOST_EXPORTED)
    columns = ("编号", "来源", "文件", "格式", "新增", "变更", "未变", "退回", "开始", "导完")
    return csv_file(
        "imports",
        columns,
        (
            (
                r.id,
                r.source,
                r.file_name,
                r.format,
                r.added,
                r.changed,
                r.unchanged,
                r.quarantined,
                r.started_at,
                r.finished_at,
            )
            for r in rows
        ),
    )


@blp.get("/data/imports/<int:import_id>")
def one_file(import_id: int) -> Response:
    """One file: how it went, and the lines that were set aside with their reasons."""
    held = reachable_import(staff(), import_id)
    sought = asked("q")
    lines = quarantined(import_id, number_of(request.args.get("after", "")) or 0, LINES + 1, sought)
    return page(
        "import.html",
        held=held,
        lines=lines[:LINES],
        more=lines[LINES - 1].line_no if len(lines) > LINES else None,
        reasons=reasons_of(import_id),
        q=sought,
        tried=request.args,
        withdrawal=withdrawal_of(import_id),
    )


@blp.get("/data/imports/<int:import_id>/report.csv")
def report(import_id: int) -> FlaskResponse:
    """Every line that was set aside, with its reason, to be given to the source."""
    held = reachable_import(staff(), import_id)
    return FlaskResponse(
        stream_with_context(report_csv(held.id)),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="import-{held.id}.csv"'},
    )


@blp.post("/data/imports/<int:import_id>/retry")
def retry(import_id: int) -> Response:
    """Try what was set aside again, as it was written."""
    ctx, after = context(), number_of(request.form.get("after", "")) or 0
    counts, following = retry_file(ctx, staff(), import_id, after, ctx.now())
    taken = counts.added + counts.changed + counts.unchanged
    onward = f"&on={following}" if following else ""
    return redirect(f"/console/data/imports/{import_id}?taken={taken}&left={counts.quarantined}{onward}", 303)


@blp.get("/data/imports/<int:import_id>/lines/<int:line_no>")
def line(import_id: int, line_no: int) -> Response:
    """One line that was set aside, in a form; the look leaves a trace."""
    return _line(import_id, line_no)


@blp.post("/data/imports/<int:import_id>/lines/<int:line_no>")
def correct(import_id: int, line_no: int) -> Response:
    """Take the line as it stands in the form."""
    ctx, form = context(), request.form
    typed = {name: form[name] for name in COLUMN_NAMES if name in form}
    try:
        correct_line(ctx, staff(), import_id, line_no, typed, form.get("basis", ""), ctx.now())
    except InvalidInput as error:
        return _line(import_id, line_no, error)
    return redirect(f"/console/data/imports/{import_id}?taken=1&left=0", 303)


@blp.post("/data/imports/<int:import_id>/lines/<int:line_no>/back")
def back(import_id: int, line_no: int) -> Response:
    """Leave the line to its source."""
    try:
        send_back(staff(), import_id, line_no, request.form.get("note", ""), context().now())
    except InvalidInput as error:
        return _line(import_id, line_no, error)
    return redirect(f"/console/data/imports/{import_id}?back={line_no}", 303)


@blp.get("/data/records")
def records() -> Response:
    """Find a record by its source and number."""
    source, record_no = asked("source"), asked("record_no")
    if source and record_no and (found := find_record(staff(), source, record_no)) is not None:
        return redirect(f"/console/data/records/{found}", 303)
    return page("record_search.html", sources=sources_of(staff()), source=source, record_no=record_no)


@blp.get("/data/records/<int:record_id>")
def record(record_id: int) -> Response:
    """Where a record comes from: file and row, version by version. The look leaves a trace."""
    return page("record.html", traced=trace_record(staff(), record_id, context().now()))


def _asked() -> tuple[str, str | None]:
    return asked("q"), asked("source") or None


def _line(import_id: int, line_no: int, error: InvalidInput | None = None) -> Response:
    ctx = context()
    held = reachable_import(staff(), import_id)
    shown = look_at_line(ctx, staff(), import_id, line_no, ctx.now())
    return page(
        "quarantined.html",
        200 if error is None else status_of(error),
        held=held,
        line=shown,
        typed=request.form,
        error=error,
    )
