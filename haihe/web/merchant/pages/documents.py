"""材料页: an applicant adds licences to the application while it is open."""

from __future__ import annotations

from flask import request
from werkzeug.wrappers import Response

from haihe.domain.errors import HaiheError, InvalidInput
from haihe.domain.papers import LARGEST
from haihe.usecases.apply import CHANGEABLE
from haihe.usecases.merchant_documents import MOST_DOCUMENTS, add_document, documents_of
from haihe.usecases.merchant_people import MerchantRole
from haihe.web.context import context
from haihe.web.merchant.pages.lock import caller, keep_locked
from haihe.web.pages import Pages, show
from haihe.web.problems import STATUS

blp = Pages("merchant_documents", __name__, url_prefix="/merchant/desk/documents")
# What the form weighs beside the file.
keep_locked(blp, MerchantRole.MANAGER, largest=LARGEST + (64 << 10))


@blp.get("")
def documents() -> Response:
    """What has been handed in."""
    return _page()


@blp.post("")
def hand_in() -> Response:
    """Hand one in; it is kept sealed, and only administrators open it."""
    ctx, mine = context(), caller()
    try:
        sent = request.files.get("document")
        if sent is None or not sent.filename:
            raise InvalidInput("DOCUMENT_MISSING", "请先选择文件", "document")
        with sent.stream as stream:
            content = stream.read(LARGEST + 1)
        add_document(ctx, mine.merchant_id, sent.filename, content, ctx.now(), mine.actor)
    except HaiheError as error:
        status = next((s for kind, s in STATUS.items() if isinstance(error, kind)), 400)
        return _page(status, error.detail)
    return _page(done=True)


def _page(status: int = 200, wrong: str = "", done: bool = False) -> Response:
    mine = caller()
    return show(
        "merchant/desk_documents.html",
        status,
        documents=documents_of(mine.merchant_id),
        open=mine.merchant_state in CHANGEABLE,
        most=MOST_DOCUMENTS,
        wrong=wrong,
        done=done,
    )
