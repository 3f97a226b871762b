"""信用报告: the list, making one, reading it, printing it at a service hall, taking it away as PDF."""

from __future__ import annotations

from flask import redirect, request
from werkzeug.wrappers import Response as AnyResponse

from haihe.usecases.reports import list_reports, make_report, show_report, verify_url
from haihe.web.context import context
from haihe.web.resident.acting import only_oneself
from haihe.web.resident.pages.door import MemberPages, member, page
from haihe.web.resident.report_paper import draw_report, draw_verify_code
from haihe.web.resident.reports import pdf_file

blp = MemberPages("reports", __name__)


@blp.get("/reports")
def reports() -> AnyResponse:
    """What has been made in thirty days, and one button to make another."""
    caller = member()
    ctx = context()
    return page("reports.html", "me", reports=list_reports(ctx, caller.resident_id, ctx.now()))


@blp.post("/reports")
def make() -> AnyResponse:
    """Make one as of now, and show it."""
    caller = member()
    ctx = context()
    shares = request.form.get("share_summary") == "yes"
    if shares:
        only_oneself()
    made = make_report(ctx, caller.resident_id, shares, draw_report, ctx.now())
    return redirect(f"/m/reports/{made.id}", 303)


@blp.get("/reports/<int:report_id>")
def report(report_id: int) -> AnyResponse:
    """The report as a page: the same words as the PDF, ready for the printer of a service hall."""
    caller = member()
    ctx = context()
    shown = show_report(ctx, caller.resident_id, report_id, ctx.now())
    qr = draw_verify_code(verify_url(ctx, shown.code))
    drawn = qr.svg_data_uri(scale=4, border=4, light="#fff")
    return page("report.html", "me", r=shown, told=shown.content, qr=drawn, verify=f"{ctx.base_url}/verify")


@blp.get("/reports/<int:report_id>.pdf")
def pdf(report_id: int) -> AnyResponse:
    """The paper itself."""
    return pdf_file(member().resident_id, report_id)
