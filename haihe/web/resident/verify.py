"""验真: for everybody who holds a report in their hand. A page to type the code into, and the same as JSON."""

from __future__ import annotations

from typing import Any

from flask import request
from marshmallow import Schema, fields
from werkzeug.wrappers import Response as AnyResponse

from haihe.domain.errors import NotFound, TooOften
from haihe.usecases.verify_report import Genuine, verify_report
from haihe.web.bodies import Body, Text
from haihe.web.context import context
from haihe.web.pages import Pages, check_form, show
from haihe.web.resident.door import Blueprint

LONGEST_CODE = 64
blp = Blueprint("verify", description="信用报告验真")
pages = Pages("verify_page", __name__)


class CodeBody(Body):
    """The code that is printed on the report."""

    code = Text(LONGEST_CODE, metadata={"description": "验证码，大小写与连字符均可省略"})


class GenuineView(Schema):
    """A report of ours. The points are told only where the resident chose so when making it."""

    made_on = fields.Date(required=True)
    valid_until = fields.Date(required=True)
    name = fields.String(required=True, metadata={"description": "姓和 *"})
    id_number = fields.String(required=True, metadata={"description": "打码的证件号码"})
    pdf_sha256 = fields.String(
        required=True, metadata={"description": "与手中电子文件的 SHA-256 相同，即未被改动"}
    )
    total = fields.Integer(required=True, allow_none=True)
    grade = fields.String(required=True, allow_none=True)


@blp.post("/v1/verify")
@blp.doc(summary="验证一份信用报告", security=[])
@blp.arguments(CodeBody)
@blp.response(200, GenuineView, description="确由本系统生成")
@blp.refuses(404, 415, 422, 429)
def verify(body: dict[str, Any]) -> Genuine:
    """凭报告上的验证码核对真伪。写错的与过期的验证码，回答相同。"""
    ctx = context()
    return verify_report(ctx, body["code"], ctx.now())


@pages.before_request
def _own_forms() -> None:
    check_form()


@pages.get("/verify")
def verify_page() -> AnyResponse:
    """The same on a page. The QR code on the paper leads here, with its code where only the browser sees it."""
    return show("verify.html", code="", found=None, wrong="")


@pages.post("/verify")
def verify_typed() -> AnyResponse:
    """Whether the code that was typed, or brought along by the QR code, is of a report of ours."""
    ctx, code = context(), request.form.get("code", "")[:LONGEST_CODE]
    try:
        return show("verify.html", code=code, found=verify_report(ctx, code, ctx.now()), wrong="")
    except NotFound as error:
        return show("verify.html", 404, code=code, found=None, wrong=error.detail)
    except TooOften as error:
        answer = show("verify.html", 429, code=code, found=None, wrong=error.detail)
        answer.headers["Retry-After"] = str(error.retry_after)
        return answer
