"""Files that come in by a form and go out again: never believed, never opened inside one of our pages."""

from __future__ import annotations

from typing import Any

from flask import Response, request
from werkzeug.datastructures import FileStorage

from haihe.domain.errors import InvalidInput
from haihe.domain.papers import Paper, read_paper

FIELD = "document"
# What a form weighs beside its file.
BESIDE = 64 << 10
FILE: dict[str, Any] = {
    "required": True,
    "content": {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": [FIELD],
                "properties": {FIELD: {"type": "string", "format": "binary"}},
            }
        }
    },
}
BINARY = {"type": "string", "format": "binary"}


def sent_paper(largest: int) -> Paper:
    """The one file of this request."""
    request.max_content_length = largest + BESIDE
    sent = request.files.get(FIELD)
    if sent is None or not sent.filename:
        raise InvalidInput("DOCUMENT_MISSING", "请先选择文件（表单中名为 document 的一项）", FIELD)
    return _read(sent, largest)


def sent_papers(largest: int) -> list[Paper]:
    """All files of this request; fields in which nothing was chosen are none."""
    return [_read(sent, largest) for sent in request.files.getlist(FIELD) if sent.filename]


def download(paper: Paper, name: str) -> Response:
    """A file as an attachment: whatever may be hidden in it, no browser opens it as a page of ours."""
    ending = paper.media_type.partition("/")[2]
    headers = {"Content-Disposition": f'attachment; filename="{name}.{ending}"', "Cache-Control": "no-store"}
    return Response(paper.content, content_type=paper.media_type, headers=headers)


def _read(sent: FileStorage, largest: int) -> Paper:
    with sent.stream as stream:
        return read_paper(sent.filename or "", stream.read(largest + 1), largest)
