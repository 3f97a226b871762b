"""One shape for everything that goes wrong: RFC 9457 `application/problem+json`, with a stable `code` and Chinese words."""

from __future__ import annotations

from typing import Any

import orjson
from flask import Flask, Response, request
from sqlalchemy.exc import OperationalError
from werkzeug.exceptions import HTTPException

from haihe.domain.errors import (
    Conflict,
    Forbidden,
    HaiheError,
    InvalidInput,
    NotFound,
    TooOften,
    Unauthenticated,
    Unavailable,
)

STATUS: dict[type[HaiheError], int] = {
    InvalidInput: 422,
    Unauthenticated: 401,
    Forbidden: 403,
    NotFound: 404,
    Conflict: 409,
    TooOften: 429,
    Unavailable: 503,
}

TITLES = {
    400: ("BAD_REQUEST", "请求无法理解，请检查格式"),
    401: ("UNAUTHENTICATED", "请先登录或出示有效的凭证"),
    403: ("FORBIDDEN", "没有权限这样做"),
    404: ("NOT_FOUND", "没有找到，请检查地址"),
    405: ("METHOD_NOT_ALLOWED", "此地址不支持这种请求方法"),
    406: ("NOT_ACCEPTABLE", "不能以所要求的格式回答"),
    409: ("CONFLICT", "与现有状态冲突"),
    413: ("TOO_LARGE", "内容过大，请分批提交"),
    414: ("ADDRESS_TOO_LONG", "网址过长，请缩短后再试"),
    415: ("UNSUPPORTED_MEDIA_TYPE", "请以 Content-Type: application/json 提交"),
    417: ("EXPECTATION_FAILED", "不支持所要求的 Expect 请求头"),
    422: ("INVALID", "内容不符合要求，请按提示修改"),
    429: ("TOO_MANY_REQUESTS", "请求过于频繁，请稍后再试"),
    431: ("HEADERS_TOO_LARGE", "请求头过多或过长"),
    500: ("INTERNAL_ERROR", "系统出现问题，已记录，请稍后再试"),
    501: ("NOT_IMPLEMENTED", "不支持这种传输编码"),
    503: ("UNAVAILABLE", "服务暂时不可用，请稍后再试"),
}

# Our codes in the words of RFC 6750 §3.1, for the WWW-Authenticate header.
BEARER_ERRORS = {"TOKEN_INVALID": "invalid_token", "INSUFFICIENT_SCOPE": "insufficient_scope"}


def problem(
    status: int,
    code: str | None = None,
    detail: str | None = None,
    headers: dict[str, str] | None = None,
    **members: Any,
) -> Response:
    """A problem document; `members` are further members, such as `errors` by field."""
    default_code, default_detail = TITLES.get(status, TITLES[400 if status < 500 else 500])
    body = {
        "type": "about:blank",
        "title": default_detail,
        "status": status,
        "code": code or default_code,
        "detail": detail or default_detail,
        **{k: v for k, v in members.items() if v is not None},
    }
    response = Response(orjson.dumps(body), status, content_type="application/problem+json; charset=utf-8")
    response.headers.update(headers or {})
    return response


def status_of(error: HaiheError) -> int:
    """A domain error as HTTP's status."""
    return next((s for kind, s in STATUS.items() if isinstance(error, kind)), 400)


def told_by(error: HaiheError) -> Response:
    """A domain error in HTTP's words."""
    status = status_of(error)
    headers = {"Retry-After": "1"} if status == 503 else {}
    if isinstance(error, TooOften):
        headers["Retry-After"] = str(error.retry_after)
    if status == 401 or error.code in BEARER_ERRORS:
        headers["WWW-Authenticate"] = _challenge(error.code)
    return problem(status, error.code, error.detail, headers, field=error.field)


def _challenge(code: str) -> str:
    """RFC 6750 §3.1: the error is named where a token was shown; where none was, nothing more is said."""
    named = BEARER_ERRORS.get(code)
    return f'Bearer realm="haihe", error="{named}"' if named else 'Bearer realm="haihe"'


def register_problems(app: Flask) -> None:
    """Turn every error of this application into a problem document."""

    @app.errorhandler(HaiheError)
    def domain_error(error: HaiheError) -> Response:
        return told_by(error)

    @app.errorhandler(HTTPException)
    def http_error(error: HTTPException) -> Response:
        # webargs puts marshmallow's messages, by place and field, on the exception.
        fields = getattr(error, "data", {}).get("messages") if hasattr(error, "data") else None
        headers = {
            k: v for k, v in error.get_headers() if k.lower() not in ("content-type", "content-length")
        }
        return problem(error.code or 500, headers=headers, errors=fields)

    @app.errorhandler(OperationalError)
    def database_away(error: OperationalError) -> Response:
        app.logger.error("database: %s", type(error.orig).__name__)
        return problem(503, headers={"Retry-After": "2"})

    @app.errorhandler(Exception)
    def unexpected(error: Exception) -> Response:
        app.logger.exception("unexpected error on %s %s", request.method, request.endpoint)
        return problem(500)
