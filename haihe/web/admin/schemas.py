"""All that a department and the staff send and see."""

from __future__ import annotations

from typing import Any, ClassVar

from marshmallow import Schema, ValidationError, fields, validate

from haihe.usecases.city_jobs import LONGEST_DRAFT, CityQuestion
from haihe.web.bodies import LARGEST_ID, Body, Moment, Number, Text


class StaffLoginBody(Body):
    """What a member of the staff types in."""

    username = Text(64, verbatim=True)
    password = Text(256, verbatim=True, load_only=True)
    totp = Text(
        6,
        validate=validate.Regexp(r"^[0-9]{6}$", error="应为 6 位数字"),
        metadata={"description": "动态口令，每个只能用一次", "example": "123456"},
    )


class OwnPasswordBody(Body):
    """One's own password, changed."""

    password = Text(256, verbatim=True, load_only=True, metadata={"description": "现在的密码"})
    new_password = Text(
        256, verbatim=True, load_only=True, metadata={"description": "新密码，至少 12 个字符"}
    )


class StaffLoginAnswer(Schema):
    """A session of half an hour."""

    token = fields.String(required=True, metadata={"description": "以 Authorization: Bearer 出示"})
    expires_at = Moment(required=True)
    role = fields.String(required=True, metadata={"description": "岗位", "example": "data_clerk"})


class StaffAnswer(Schema):
    """Whoever is logged in."""

    username = fields.String(required=True)
    role = fields.String(required=True)
    districts = fields.List(fields.String(), required=True, metadata={"description": "空表示全市"})
    expires_at = Moment(required=True)
    must_change_password = fields.Boolean(required=True, metadata={"description": "须先修改密码"})


class LineErrorView(Schema):
    """Why one line was not taken."""

    line = fields.Integer(required=True, metadata={"description": "文件中的行号，从 1 起，含表头"})
    record_no = fields.String(required=True, allow_none=True)
    field = fields.String(required=True, metadata={"description": "有问题的列；整行有问题时为 line"})
    code = fields.String(required=True, metadata={"description": "稳定的错误代码", "example": "ID_INVALID"})
    detail = fields.String(required=True)


class ImportReportView(Schema):
    """What became of a file."""

    import_id = fields.Integer(required=True)
    added = fields.Integer(required=True)
    changed = fields.Integer(required=True)
    unchanged = fields.Integer(required=True)
    quarantined = fields.Integer(required=True, metadata={"description": "未能入库的行数"})
    lines = fields.Integer(required=True, metadata={"description": "文件中的数据行数"})
    repeated = fields.Boolean(
        required=True,
        metadata={"description": "同一文件此前已导入，本次只重试退回的行；added 与 changed 为本次新入库的"},
    )
    errors = fields.List(fields.Nested(LineErrorView), required=True, metadata={"description": "最多 100 条"})
    report_url = fields.String(required=True, metadata={"description": "全部退回行的 CSV"})


class ImportView(Schema):
    """A file that was sent, and how far it has been loaded."""

    import_id = fields.Integer(required=True, attribute="id")
    source = fields.String(required=True)
    file_name = fields.String(required=True)
    format = fields.String(required=True, metadata={"description": "csv、jsonl 或 penalties（双公示）"})
    lines_done = fields.Integer(required=True, metadata={"description": "已处理到文件的第几行"})
    added = fields.Integer(required=True)
    changed = fields.Integer(required=True)
    unchanged = fields.Integer(required=True)
    quarantined = fields.Integer(required=True)
    started_at = Moment(required=True)
    finished_at = Moment(required=True, allow_none=True, metadata={"description": "为空表示尚未导完"})
    report_url = fields.String(required=True)


class ImportsQuery(Body):
    """Which page of the list."""

    limit = Number(1, 100, load_default=20)
    before = Number(1, LARGEST_ID, load_default=None, metadata={"description": "上一页的 next"})


class ImportsAnswer(Schema):
    """A page of imports, the latest first."""

    items = fields.List(fields.Nested(ImportView), required=True)
    next = fields.Integer(required=True, allow_none=True, metadata={"description": "为空表示没有更多"})


class Draft(fields.String):
    """A text of many lines, as somebody wrote it."""

    default_error_messages: ClassVar = {"invalid": "应为文字", "invalid_utf8": "应为 UTF-8 文字"}

    def _deserialize(self, value: Any, attr: str | None, data: Any, **more: Any) -> str:
        text = str(super()._deserialize(value, attr, data, **more))
        if len(text) > LONGEST_DRAFT:
            raise ValidationError(f"最多 {LONGEST_DRAFT} 个字")
        if "\0" in text:
            raise ValidationError("含有不可见的控制字符")
        return text


class CityJobBody(Body):
    """What is to be asked about everybody."""

    kind = fields.String(
        required=True,
        error_messages={"required": "必填", "null": "不能为空", "invalid": "应为文字"},
        validate=validate.OneOf([k.value for k in CityQuestion], error="应为 {choices} 之一"),
    )
    draft = Draft(
        load_default=None,
        allow_none=True,
        metadata={"description": "草稿全文（YAML）；报告不需要", "maxLength": LONGEST_DRAFT},
    )
    on = fields.Date(
        load_default=None,
        allow_none=True,
        error_messages={"invalid": "应为日期，如 2026-01-01"},
        metadata={"description": "按哪一天；不写为计算的当天"},
    )


class CityJobView(Schema):
    """How far a question has come, and its answer."""

    id = fields.Integer(required=True)
    kind = fields.String(required=True)
    asked_by = fields.String(required=True)
    on = fields.Date(required=True, allow_none=True)
    state = fields.String(required=True, metadata={"description": "WAITING、RUNNING、DONE 或 FAILED"})
    progress = fields.Float(required=True, metadata={"minimum": 0, "maximum": 1})
    doing = fields.String(required=True, metadata={"description": "正在做什么"})
    result = fields.Dict(
        required=True, allow_none=True, metadata={"description": "汇总数字；null 的人数不列出"}
    )
    error_code = fields.String(required=True, allow_none=True)
    error_detail = fields.String(required=True, allow_none=True)
    created_at = Moment(required=True)
    started_at = Moment(required=True, allow_none=True)
    ended_at = Moment(required=True, allow_none=True)
