"""整份撤回与代为上传: what the worker does with whole files, begun here, approved here, and watched here."""

from __future__ import annotations

from flask import redirect, request
from werkzeug.wrappers import Response

from haihe.domain.errors import InvalidInput
from haihe.usecases.sources import find_source, reachable_import, sources_of
from haihe.usecases.uploads import find_upload, hand_in, uploads_under_way
from haihe.usecases.withdraw_file import (
    approve_withdrawal,
    begin_withdrawal,
    find_withdrawal,
    refuse_withdrawal,
    withdrawal_of,
    withdrawals_waiting,
)
from haihe.web.admin.pages.lock import ConsolePages, page, staff
from haihe.web.context import context
from haihe.web.problems import status_of

blp = ConsolePages("withdrawals", __name__)
STATES = {
    "WAITING": ("待批准", "wait", "clock"),
    "REFUSED": ("未批准", "mute", "ban"),
    "APPROVED": ("撤回中", "wait", "hourglass"),
    "DONE": ("已撤回", "mute", "undo-2"),
}
blp.add_app_template_global(STATES, "WITHDRAWAL_STATES")


@blp.get("/data/uploads")
def uploads() -> Response:
    """The form for a file, and those that are on their way."""
    return _uploads()


@blp.post("/data/uploads")
def upload() -> Response:
    """Take a file in; the worker loads it."""
    ctx, source = context(), request.form.get("source", "").strip()
    try:
        sent = request.files.get("file")
        if not source:
            raise InvalidInput("SOURCE_MISSING", "请选择来源", "source")
        if sent is None or not sent.filename:
            raise InvalidInput("FILE_MISSING", "请先选择文件", "file")
        find_source(staff(), source)
        with sent.stream as stream:
            number = hand_in(ctx, staff(), source, sent.filename, stream, ctx.now())
    except InvalidInput as error:
        return _uploads(error, source)
    return redirect(f"/console/data/uploads/{number}", 303)


@blp.get("/data/uploads/<int:upload_id>")
def one_upload(upload_id: int) -> Response:
    """How far it has come, and what became of it."""
    return page("upload.html", upload=find_upload(staff(), upload_id))


@blp.get("/data/withdrawals")
def withdrawals() -> Response:
    """Those that wait for whoever is here."""
    return page("withdrawals.html", rows=withdrawals_waiting(staff()))


@blp.get("/data/imports/<int:import_id>/withdrawal")
def ask(import_id: int) -> Response:
    """The form that begins one."""
    return _ask(import_id)


@blp.post("/data/imports/<int:import_id>/withdrawal")
def begin(import_id: int) -> Response:
    """Begin it, with a reason."""
    try:
        number = begin_withdrawal(staff(), import_id, request.form.get("reason", ""), context().now())
    except InvalidInput as error:
        return _ask(import_id, error)
    return redirect(f"/console/data/withdrawals/{number}", 303)


@blp.get("/data/withdrawals/<int:withdrawal_id>")
def withdrawal(withdrawal_id: int) -> Response:
    """One of them: who and why, what it will do, and how far it has come."""
    return _withdrawal(withdrawal_id)


@blp.post("/data/withdrawals/<int:withdrawal_id>/approve")
def approve(withdrawal_id: int) -> Response:
    """Let the worker do it."""
    approve_withdrawal(staff(), withdrawal_id, context().now())
    return redirect(f"/console/data/withdrawals/{withdrawal_id}", 303)


@blp.post("/data/withdrawals/<int:withdrawal_id>/refuse")
def refuse(withdrawal_id: int) -> Response:
    """Leave the file as it is."""
    try:
        refuse_withdrawal(staff(), withdrawal_id, request.form.get("reason", ""), context().now())
    except InvalidInput as error:
        return _withdrawal(withdrawal_id, error)
    return redirect(f"/console/data/withdrawals/{withdrawal_id}", 303)


def _uploads(error: InvalidInput | None = None, source: str = "") -> Response:
    return page(
        "uploads.html",
        200 if error is None else status_of(error),
        error=error,
        source=source or request.args.get("source", ""),
        sources=sources_of(staff()),
        under_way=uploads_under_way(staff()),
    )


def _ask(import_id: int, error: InvalidInput | None = None) -> Response:
    held = reachable_import(staff(), import_id)
    known = withdrawal_of(import_id)
    if known is not None:
        return redirect(f"/console/data/withdrawals/{known.id}", 303)
    return page(
        "withdrawal_new.html",
        200 if error is None else status_of(error),
        held=held,
        error=error,
        reason=request.form.get("reason", ""),
    )


def _withdrawal(withdrawal_id: int, error: InvalidInput | None = None) -> Response:
    found, held = find_withdrawal(staff(), withdrawal_id)
    return page(
        "withdrawal.html",
        200 if error is None else status_of(error),
        one=found,
        held=held,
        error=error,
        reason=request.form.get("reason", ""),
        own=found.begun_by == staff().actor,
    )
