"""商户页: applications and their documents, approved, returned or refused; scenarios admitted; suspended and resumed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Response as FlaskResponse
from flask import redirect, request
from werkzeug.wrappers import Response

from haihe.domain.districts import DISTRICTS
from haihe.domain.errors import Conflict, InvalidInput, NotFound
from haihe.storage.onboarding import Application
from haihe.storage.partners import Merchant
from haihe.usecases import judge_merchant
from haihe.usecases.judge_merchant import Judge, admissions_of, find_merchant, search_merchants
from haihe.usecases.look_at_merchant import decided_about, look_at_contact
from haihe.usecases.merchant_documents import documents_of, open_document
from haihe.usecases.merchant_people import people_of
from haihe.usecases.oauth_clients import clients_of
from haihe.usecases.staff_login import Role
from haihe.web.admin.pages.asked import asked, number_of
from haihe.web.admin.pages.export import csv_file
from haihe.web.admin.pages.lock import ConsolePages, page, staff
from haihe.web.context import context
from haihe.web.pages import policy
from haihe.web.problems import status_of

blp = ConsolePages("partners", __name__)
PAGE = 30
MOST_EXPORTED = 10_000
STATES = {
    "APPLIED": ("待审批", "wait", "clock"),
    "RETURNED": ("已退回，待修改", "wait", "undo-2"),
    "REFUSED": ("未批准", "mute", "ban"),
    "ACTIVE": ("已准入", "good", "check"),
    "SUSPENDED": ("已暂停", "wait", "pause"),
}
blp.add_app_template_global(STATES, "PARTNER_STATES")
DECISIONS = {
    "vouch_for_uscc": "特别认可代码",
    "approve_merchant": "批准准入",
    "merchant_returned": "退回修改",
    "merchant_refused": "不予批准",
    "merchant_suspended": "暂停",
    "merchant_active": "恢复",
    "admit_scenarios": "变更准入的场景",
}
blp.add_app_template_global(DECISIONS, "PARTNER_DECISIONS")
DEEDS: dict[str, Callable[[Judge, int], None]] = {
    "vouch": lambda judge, n: judge_merchant.vouch_for_uscc(judge, n, _reason(), context().now()),
    "approve": lambda judge, n: judge_merchant.approve(
        context(), judge, n, request.form.getlist("scenarios"), context().now()
    ),
    "return": lambda judge, n: judge_merchant.return_application(judge, n, _reason(), context().now()),
    "refuse": lambda judge, n: judge_merchant.refuse(judge, n, _reason(), context().now()),
    "suspend": lambda judge, n: judge_merchant.suspend(context(), judge, n, _reason(), context().now()),
    "resume": lambda judge, n: judge_merchant.resume(context(), judge, n, _reason(), context().now()),
    "scenarios": lambda judge, n: judge_merchant.admit(
        context(), judge, n, request.form.getlist("scenarios"), context().now()
    ),
}


@blp.get("/partners")
def partners() -> Response:
    """Merchants and applications, those that wait first."""
    state, sought = asked("state", 16), asked("q")
    after = number_of(request.args.get("after", "")) or 0
    rows = search_merchants(judge(), state if state in STATES else None, sought, after, PAGE + 1)
    return page(
        "partners.html",
        rows=rows[:PAGE],
        more=rows[PAGE - 1].id if len(rows) > PAGE else None,
        q=sought,
        state=state,
        DISTRICTS=DISTRICTS,
    )


@blp.get("/partners.csv")
def export() -> Response:
    """The same list for a spreadsheet."""
    state = asked("state", 16)
    rows = search_merchants(judge(), state if state in STATES else None, asked("q"), 0, MOST_EXPORTED)
    columns = ("编号", "名称", "统一社会信用代码", "区", "行业", "状态", "申请时间")
    return csv_file(
        "partners",
        columns,
        (
            (
                m.id,
                m.name,
                m.uscc,
                DISTRICTS.get(m.district, m.district),
                m.kind,
                STATES[m.state][0],
                m.created_at,
            )
            for m in rows
        ),
    )


@blp.get("/partners/<int:merchant_id>")
def partner(merchant_id: int) -> Response:
    """One merchant: application, documents, scenarios, people and clients."""
    return partner_page(merchant_id)


@blp.get("/partners/<int:merchant_id>/documents/<int:document_id>")
def document(merchant_id: int, document_id: int) -> FlaskResponse:
    """A document as it was handed in; nothing in it may run or reach out. The look leaves a trace."""
    reachable(merchant_id)
    held, content = open_document(context(), merchant_id, document_id, context().now(), staff().actor)
    ending = held.media_type.partition("/")[2]
    return FlaskResponse(
        content,
        content_type=held.media_type,
        headers={
            "Content-Disposition": f'inline; filename="document-{document_id}.{ending}"',
            "Content-Security-Policy": policy(script_src="'none'", style_src="'unsafe-inline'"),
        },
    )


@blp.post("/partners/<int:merchant_id>/<deed>")
def do(merchant_id: int, deed: str) -> Response:
    """Vouch, approve, return, refuse, suspend, resume, or admit other scenarios."""
    if deed not in DEEDS:
        raise NotFound("NOT_FOUND", "没有这个页面")
    reachable(merchant_id)
    try:
        DEEDS[deed](judge(), merchant_id)
    except (InvalidInput, Conflict) as error:
        return partner_page(merchant_id, status_of(error), error=error, deed=deed)
    return redirect(f"/console/partners/{merchant_id}?done={deed}", 303)


def judge() -> Judge:
    """Whoever is here, as one who decides about merchants."""
    return Judge(staff().actor, staff().districts)


def reachable(merchant_id: int) -> tuple[Merchant, Application | None]:
    """A merchant of one's own districts."""
    return find_merchant(judge(), merchant_id)


def partner_page(merchant_id: int, status: int = 200, **more: Any) -> Response:
    """The page of one merchant, with what has just been done or refused."""
    ctx = context()
    merchant, application = reachable(merchant_id)
    return page(
        "partner.html",
        status,
        merchant=merchant,
        application=application,
        contact=look_at_contact(ctx, judge(), merchant_id, ctx.now()),
        documents=documents_of(merchant_id),
        decided=decided_about(merchant_id),
        admitted=admissions_of(merchant_id),
        scenarios=ctx.rules.up_to_date().scenarios(),
        people=people_of(merchant_id),
        clients=clients_of(merchant_id),
        manager=staff().role is Role.PARTNER_MANAGER,
        own=application is not None and staff().actor in (application.entered_by, application.vouched_by),
        typed=request.form,
        done=request.args.get("done", ""),
        DISTRICTS=DISTRICTS,
        **{"error": None, "deed": "", "handed": None, **more},
    )


def _reason() -> str:
    return request.form.get("reason", "").replace("\0", "").strip()
