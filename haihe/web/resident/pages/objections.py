"""异议: saying on a page that a record is wrong, and following what becomes of it."""

from __future__ import annotations

from flask import redirect, request
from werkzeug.wrappers import Response as AnyResponse

from haihe.domain.errors import HaiheError, NotFound
from haihe.usecases.attach import (
    LARGEST_ATTACHMENT,
    MOST_ATTACHMENTS,
    add_attachment,
    open_own_attachment,
    remove_attachment,
)
from haihe.usecases.objections import (
    ShownObjection,
    file_objection,
    list_objections,
    show_objection,
    take_back_objection,
)
from haihe.usecases.show_points import ShownRecord, show_points
from haihe.web.bodies import LARGEST_ID
from haihe.web.context import context
from haihe.web.files import download, sent_paper, sent_papers
from haihe.web.resident.objections import LONGEST_REASON
from haihe.web.resident.pages.door import MemberPages, member, page

# So much may be sent at once; more is added afterwards, file by file.
LARGEST_AT_ONCE = 24 << 20
blp = MemberPages("objections", __name__, largest_form=LARGEST_AT_ONCE)


@blp.get("/objections")
def objections() -> AnyResponse:
    """One's own objections, newest first."""
    caller = member()
    ctx = context()
    return page("objections.html", "me", objections=list_objections(ctx, caller.resident_id, ctx.now()))


@blp.get("/objections/new")
def new() -> AnyResponse:
    """Which record, and what is wrong with it."""
    return _form(request.args.get("record", ""))


@blp.post("/objections")
def file() -> AnyResponse:
    """File it; what was typed is never lost where something is missing."""
    caller = member()
    ctx = context()
    given, reason = request.form.get("record", ""), request.form.get("reason", "").strip()
    if not reason or len(reason) > LONGEST_REASON or not "".join(reason.split()).isprintable():
        wrong = "请写明哪里有误" if not reason else f"最多 {LONGEST_REASON} 个字，且不含控制字符"
        return _form(given, reason, wrong)
    try:
        papers = sent_papers(LARGEST_ATTACHMENT)
        filed = file_objection(ctx, caller.resident_id, _record_id(given), reason, ctx.now(), papers)
    except HaiheError as error:
        if error.field != "document":
            raise
        return _form(given, reason, wrong_file=error.detail)
    return redirect(f"/m/objections/{filed.id}", 303)


@blp.get("/objections/<int:objection_id>")
def objection(objection_id: int) -> AnyResponse:
    """How far it has come."""
    caller = member()
    ctx = context()
    return _shown(show_objection(ctx, caller.resident_id, objection_id, ctx.now()))


@blp.post("/objections/<int:objection_id>/take-back")
def take_back(objection_id: int) -> AnyResponse:
    """Withdraw it; the record counts again."""
    caller = member()
    ctx = context()
    take_back_objection(ctx, caller.resident_id, objection_id, ctx.now())
    return redirect(f"/m/objections/{objection_id}", 303)


@blp.post("/objections/<int:objection_id>/attachments")
def add(objection_id: int) -> AnyResponse:
    """One file more."""
    caller = member()
    ctx = context()
    objection = show_objection(ctx, caller.resident_id, objection_id, ctx.now())
    try:
        add_attachment(ctx, caller.resident_id, objection_id, sent_paper(LARGEST_ATTACHMENT), ctx.now())
    except HaiheError as error:
        if error.field != "document":
            raise
        return _shown(objection, error.detail)
    return redirect(f"/m/objections/{objection_id}", 303)


@blp.get("/objections/<int:objection_id>/attachments/<int:attachment_id>")
def attachment(objection_id: int, attachment_id: int) -> AnyResponse:
    """What one handed in."""
    caller = member()
    ctx = context()
    paper = open_own_attachment(ctx, caller.resident_id, objection_id, attachment_id, ctx.now())
    return download(paper, f"attachment-{attachment_id}")


@blp.post("/objections/<int:objection_id>/attachments/<int:attachment_id>/remove")
def remove(objection_id: int, attachment_id: int) -> AnyResponse:
    """Take a wrong one away again."""
    remove_attachment(member().resident_id, objection_id, attachment_id, context().now())
    return redirect(f"/m/objections/{objection_id}", 303)


def _shown(o: ShownObjection, wrong_file: str = "") -> AnyResponse:
    status = 422 if wrong_file else 200
    return page("objection.html", "me", status, o=o, most=MOST_ATTACHMENTS, wrong_file=wrong_file)


def _form(record: str, reason: str = "", wrong: str = "", wrong_file: str = "") -> AnyResponse:
    caller = member()
    ctx = context()
    name, shown = _shown_record(show_points(ctx, caller.resident_id, ctx.now()).lines, _record_id(record))
    return page(
        "objection_new.html",
        "me",
        422 if wrong or wrong_file else 200,
        name=name,
        r=shown,
        reason=reason,
        wrong=wrong,
        wrong_file=wrong_file,
        most=MOST_ATTACHMENTS,
    )


def _shown_record(lines: tuple, record_id: int) -> tuple[str, ShownRecord]:  # type: ignore[type-arg]
    for shown in lines:
        for record in shown.records:
            if record.record_id == record_id:
                return shown.line.name, record
    raise NotFound("RECORD_NOT_FOUND", "没有找到这条记录；已在异议处理中或不再计分的记录不需要再提出")


def _record_id(given: str) -> int:
    number = int(given) if given.isascii() and given.isdecimal() and len(given) <= len(str(LARGEST_ID)) else 0
    return min(number, LARGEST_ID)
