"""What all doors have in common: bodies are read strictly, and what is wrong with them is said in Chinese."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, ClassVar, NoReturn, TypeVar

import flask_smorest
import orjson
from flask import Request
from marshmallow import RAISE, Schema, ValidationError, fields
from webargs.core import missing
from webargs.flaskparser import FlaskParser
from werkzeug.exceptions import HTTPException

from haihe.usecases.context import TIANJIN
from haihe.web.problems import problem
from haihe.web.spec import Problem

LARGEST_BODY = 16 << 10
LARGEST_ID = 2**63 - 1
F = TypeVar("F", bound=Callable[..., Any])


def json_in(body: bytes) -> Any:
    """What the bytes say in JSON, or the 400 that tells where they stop being JSON."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        where = f"第 {error.lineno} 行第 {error.colno} 列"
        answer = problem(400, "JSON_INVALID", f"请求体不是有效的 JSON（{where}）")
        raise HTTPException(response=answer) from None


class StrictParser(FlaskParser):  # type: ignore[misc]
    """Takes JSON objects of a modest size and nothing else; every refusal is a problem document."""

    LARGEST: ClassVar = LARGEST_BODY

    def _raw_load_json(self, req: Request) -> Any:
        req.max_content_length = self.LARGEST
        if not req.mimetype and req.content_length in (None, 0) and not req.headers.get("Transfer-Encoding"):
            # No body at all: whether one is needed is for the schema to say.
            return missing
        if req.mimetype != "application/json":
            raise HTTPException(response=problem(415))
        body = req.get_data(cache=True)
        return json_in(body) if body.strip() else missing

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


class StrictBlueprint(flask_smorest.Blueprint):  # type: ignore[misc]
    """A door whose bodies and queries are read strictly."""

    ARGUMENTS_PARSER = StrictParser()
    # What a refusal means at this door, in the words of its description.
    REFUSALS: ClassVar[dict[int, str]] = {}

    def refuses(self, *statuses: int) -> Callable[[F], F]:
        """Describe the problem documents with which an operation may answer."""

        def describe(view: F) -> F:
            for status in statuses:
                view = self.alt_response(
                    status,
                    schema=Problem,
                    content_type="application/problem+json",
                    description=self.REFUSALS[status],
                )(view)
            return view

        return describe


def _shown(name: str) -> str:
    """A field's name as it was sent, cut where somebody sent a novel."""
    return name.replace("\0", "")[:40]


class Body(Schema):
    """What comes in: an object with these members and no others."""

    class Meta:
        unknown = RAISE

    error_messages: ClassVar = {"unknown": "不认识的字段", "type": "请求体应为 JSON 对象"}


class Text(fields.String):
    """A short text without control characters, which PostgreSQL would refuse and nobody types.

    Blanks around it are no part of it, except where it is `verbatim`: a password, or a number that the caller made.
    """

    default_error_messages: ClassVar = {
        "required": "必填",
        "null": "不能为空",
        "invalid": "应为文字",
        "invalid_utf8": "应为 UTF-8 文字",
    }

    def __init__(self, longest: int, *, verbatim: bool = False, **more: Any) -> None:
        more.setdefault("required", True)
        if more.get("load_default") == "":
            # What stands for nothing given could not be sent, and is not described as if it could.
            more["load_default"] = str
        more["metadata"] = {"minLength": 1, "maxLength": longest, **more.get("metadata", {})}
        super().__init__(**more)
        self.longest = longest
        self.verbatim = verbatim

    def _deserialize(self, value: Any, attr: str | None, data: Any, **more: Any) -> str:
        text = str(super()._deserialize(value, attr, data, **more))
        if not self.verbatim:
            text = text.strip()
        if not text:
            raise ValidationError("不能为空")
        if len(text) > self.longest:
            raise ValidationError(f"最多 {self.longest} 个字")
        if not self.printable(text):
            raise ValidationError("含有不可见的控制字符")
        return text

    def printable(self, text: str) -> bool:
        """Whether everything in it can be seen."""
        return text.isprintable()


class Prose(Text):
    """What somebody writes in their own words: line breaks and tabs belong to it. It is kept as written."""

    def printable(self, text: str) -> bool:
        return "".join(text.split()).isprintable()


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
