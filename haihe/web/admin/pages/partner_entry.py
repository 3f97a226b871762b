"""代商户录入: an application that came on paper is written down, and documents are added; whoever does may not approve it."""

from __future__ import annotations

from flask import redirect, request
from werkzeug.wrappers import Response

from haihe.domain.districts import DISTRICTS
from haihe.domain.errors import Conflict, Forbidden, HaiheError, InvalidInput
from haihe.usecases.apply import Wish, apply
from haihe.usecases.merchant_documents import LARGEST, add_document
from haihe.web.admin.pages.lock import ConsolePages, page, staff
from haihe.web.admin.pages.partners import partner_page, reachable
from haihe.web.context import context
from haihe.web.problems import status_of

blp = ConsolePages("partner_entry", __name__)
TEXTS = ("name", "uscc", "kind", "contact", "phone")
LONGEST = {"name": 128, "uscc": 32, "kind": 64, "contact": 32, "phone": 32}


@blp.get("/partners/new")
def new() -> Response:
    """An empty form."""
    return _form()


@blp.post("/partners")
def enter() -> Response:
    """Write the application down."""
    ctx, form = context(), request.form
    texts = {name: form.get(name, "").replace("\0", "").strip() for name in TEXTS}
    try:
        for name, longest in LONGEST.items():
            if not 0 < len(texts[name]) <= longest or not texts[name].isprintable():
                raise InvalidInput("FIELD_INVALID", f"请填写，最多 {longest} 字", name)
        first = form.get("first", "")
        districts = tuple(dict.fromkeys((first, *form.getlist("districts"))))
        if first not in DISTRICTS:
            raise InvalidInput("DISTRICT_INVALID", "请选择门店所在的区", "districts")
        if staff().districts and first not in staff().districts:
            raise Forbidden("DISTRICT_NOT_YOURS", "门店所在的区不归您管")
        wish = Wish(**texts, districts=districts, scenarios=tuple(form.getlist("scenarios")))
        number = apply(ctx, wish, ctx.now(), staff().actor)
    except (InvalidInput, Conflict) as error:
        return _form(error)
    return redirect(f"/console/partners/{number}", 303)


@blp.post("/partners/<int:merchant_id>/documents")
def hand_in(merchant_id: int) -> Response:
    """Add a document to an application that is still open."""
    reachable(merchant_id)
    ctx = context()
    try:
        sent = request.files.get("document")
        if sent is None or not sent.filename:
            raise InvalidInput("DOCUMENT_MISSING", "请先选择文件", "document")
        with sent.stream as stream:
            content = stream.read(LARGEST + 1)
        add_document(ctx, merchant_id, sent.filename, content, ctx.now(), staff().actor)
    except (InvalidInput, Conflict) as error:
        return partner_page(merchant_id, status_of(error), error=error, deed="documents")
    return redirect(f"/console/partners/{merchant_id}#documents", 303)


def _form(error: HaiheError | None = None) -> Response:
    own = sorted(staff().districts) or sorted(DISTRICTS)
    return page(
        "partner_new.html",
        200 if error is None else status_of(error),
        error=error,
        typed=request.form,
        own={code: DISTRICTS[code] for code in own},
        DISTRICTS=DISTRICTS,
        scenarios=context().rules.up_to_date().scenarios(),
    )
