"""What every door of the residents has in common: bodies are read strictly, and what is wrong is said in Chinese."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, ClassVar, NoReturn, TypeVar

import flask_smorest
import orjson
from flask import Request, Response, request
from marshmallow import RAISE, Schema, ValidationError, fields
from webargs.core import missing
from webargs.flaskparser import FlaskParser
from werkzeug.exceptions import HTTPException

from haihe.domain.too_often import TooOften
from haihe.usecases.context import TIANJIN
from haihe.web.problems import problem
from haihe.web.spec import Problem

LARGEST_BODY = 16 << 10
LOCKED = {"security": [{"resident": []}]}
REFUSALS = {
    401: "未登录，或登录已过期",
    403: "尚未完成实名绑定，或未满 18 周岁",
    404: "没有找到，或不属于您",
    409: "与现有状态冲突，例如尚未开通",
    415: "不是 application/json",
    422: "内容不符合要求，见 field 与 errors",
    429: "过于频繁，见 Retry-After",
    503: "外部服务暂时不可用",
}
F = TypeVar("F", bound=Callable[..., Any])


class StrictParser(FlaskParser):  # type: ignore[misc]
    """Takes JSON objects of a modest size and nothing else; every refusal is a problem document."""

    def _raw_load_json(self, req: Request) -> Any:
        req.max_content_length = LARGEST_BODY
        if req.mimetype != "application/json":
            raise HTTPException(response=problem(415))
        body = req.get_data(cache=True)
        if not body.strip():
            return missing
        try:
            return orjson.loads(body)
        except orjson.JSONDecodeError as error:
            where = f"第 {error.lineno} 行第 {error.colno} 列"
            raise HTTPException(
                response=problem(400, "JSON_INVALID", f"请求体不是有效的 JSON（{where}）")
            ) from None

    def handle_error(self, error: ValidationError, req: Request, schema: Schema, **_status: Any) -> NoReturn:
        """One sentence about the first field that is wrong, and all of them under `errors`."""
        faults = {
            str(name): [str(m) for m in messages] if isinstance(messages, list) else ["格式不符合要求"]
            for place in error.normalized_messages().values()
            for name, messages in (place if isinstance(place, dict) else {"_schema": place}).items()
        }
        name, messages = next(iter(faults.items()))
        told = messages[0] if name == "_schema" else f"{_shown(name)}：{messages[0]}"
        field = None if name == "_schema" else _shown(name)
        raise HTTPException(
            response=problem(
                422, "REQUEST_INVALID", told, field=field, errors={_shown(n): m for n, m in faults.items()}
            )
        )


class Blueprint(flask_smorest.Blueprint):  # type: ignore[misc]
    """A door of the residents."""

    ARGUMENTS_PARSER = StrictParser()

    def __init__(self, name: str, description: str) -> None:
        super().__init__(name, __name__, description=description)
        self.register_error_handler(TooOften, _too_often)

    def refuses(self, *statuses: int) -> Callable[[F], F]:
        """Describe the problem documents with which an operation may answer."""

        def describe(view: F) -> F:
            for status in statuses:
                view = self.alt_response(
                    status,
                    schema=Problem,
                    content_type="application/problem+json",
                    description=REFUSALS[status],
                )(view)
            return view

        return describe


def _too_often(error: TooOften) -> Response:
    return problem(429, error.code, error.detail, {"Retry-After": str(error.retry_after)})


def _shown(name: str) -> str:
    """A field's name as it was sent, cut where somebody sent a novel."""
    return name.replace("\0", "")[:40]


class Body(Schema):
    """What comes in: an object with these members and no others."""

    class Meta:
        unknown = RAISE

    error_messages: ClassVar = {"unknown": "不认识的字段", "type": "请求体应为 JSON 对象"}


class Text(fields.String):
    """A short text without control characters, which PostgreSQL would refuse and nobody types."""

    default_error_messages: ClassVar = {
        "required": "必填",
        "null": "不能为空",
        "invalid": "应为文字",
        "invalid_utf8": "应为 UTF-8 文字",
    }

    def __init__(self, longest: int, **more: Any) -> None:
        more.setdefault("required", True)
        more["metadata"] = {"minLength": 1, "maxLength": longest, **more.get("metadata", {})}
        super().__init__(**more)
        self.longest = longest

    def _deserialize(self, value: Any, attr: str | None, data: Any, **more: Any) -> str:
        text = str(super()._deserialize(value, attr, data, **more)).strip()
        if not text:
            raise ValidationError("不能为空")
        if len(text) > self.longest:
            raise ValidationError(f"最多 {self.longest} 个字")
        if not text.isprintable():
            raise ValidationError("含有不可见的控制字符")
        return text


class YesNo(fields.Boolean):
    """true or false, and nothing that merely resembles them."""

    default_error_messages: ClassVar = {
        "required": "必填",
        "null": "不能为空",
        "invalid": "应为 true 或 false",
    }

    def _deserialize(self, value: Any, attr: str | None, data: Any, **more: Any) -> bool:
        if not isinstance(value, bool):
            raise self.make_error("invalid", input=value)
        return value


class Number(fields.Integer):
    """A whole number between two bounds, in a query string."""

    default_error_messages: ClassVar = {
        "required": "必填",
        "null": "不能为空",
        "invalid": "应为整数",
        "too_large": "数字过大",
    }

    def __init__(self, least: int, most: int, **more: Any) -> None:
        more["metadata"] = {"minimum": least, "maximum": most, **more.get("metadata", {})}
        super().__init__(**more)
        self.least, self.most = least, most

    def _deserialize(self, value: Any, attr: str | None, data: Any, **more: Any) -> int:
        number = super()._deserialize(value, attr, data, **more)
        if number is None or not self.least <= number <= self.most:
            raise ValidationError(f"应在 {self.least} 与 {self.most} 之间")
        return int(number)


class Moment(fields.DateTime):
    """A moment as RFC 3339 in Tianjin's time."""

    def _serialize(self, value: datetime | None, attr: str | None, obj: Any, **more: Any) -> str | None:
        return None if value is None else value.astimezone(TIANJIN).isoformat(timespec="seconds")


def bearer() -> str | None:
    """The token in the Authorization header."""
    kind, _space, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if kind.lower() == "bearer" and token.strip() else None
