"""查人 through the API: for whom a purpose is named, masked until a second reason is given."""

from __future__ import annotations

from typing import Any

from flask import g
from marshmallow import Schema, fields, validate

from haihe.domain.identity import IdType
from haihe.usecases.look_up_person import (
    PURPOSE_WORDS,
    Purpose,
    SeenPerson,
    Whom,
    look_up_person,
    reveal_person,
    see_person,
)
from haihe.usecases.staff_login import Role
from haihe.web.admin.lock import StaffDoors, require_staff
from haihe.web.bodies import Body, Moment, Text
from haihe.web.context import context

blp = StaffDoors("admin_people", __name__, url_prefix="/v1/admin", description="查人")

LOCKED = {"security": [{"staff": []}]}
LOOKERS = (Role.OBJECTION_OFFICER, Role.AUDITOR)
LONGEST_REASON = 200


class LookBody(Body):
    """What for, on what ground, and who: by the number of a document, or by a record of a source."""

    purpose = Text(
        16,
        validate=validate.OneOf(list(Purpose), error="请选择查看的用途"),
        metadata={"description": "、".join(f"{code} {words}" for code, words in PURPOSE_WORDS.items())},
    )
    basis = Text(LONGEST_REASON, metadata={"description": "工单号、来函文号等；会进入审计，不要写证件号码"})
    id_type = Text(32, required=False, load_default=IdType.RESIDENT)
    id_number = Text(32, required=False, load_default="")
    source = Text(32, required=False, load_default="")
    record_no = Text(64, required=False, load_default="")


class RevealBody(Body):
    """The second reason."""

    reason = Text(LONGEST_REASON)


class SeenLineView(Schema):
    """One line of the points and the records behind it."""

    indicator = fields.String(required=True, allow_none=True, attribute="line.indicator")
    name = fields.String(required=True, attribute="line.name")
    points = fields.Integer(required=True, attribute="line.points")
    because = fields.String(required=True, attribute="line.because")
    record_ids = fields.List(fields.Integer, required=True, attribute="line.record_ids")


class SeenRecordView(Schema):
    """One record, and the file and line that it came from."""

    record_id = fields.Integer(required=True)
    record_no = fields.String(required=True)
    indicator = fields.String(required=True)
    source = fields.String(required=True)
    occurred_on = fields.Date(required=True)
    state = fields.String(required=True)
    import_id = fields.Integer(required=True, allow_none=True)
    file_name = fields.String(required=True, allow_none=True)
    line_no = fields.Integer(required=True, allow_none=True)


class SeenPersonView(Schema):
    """What a look shows; name and number are masked unless `revealed`."""

    look_id = fields.Integer(required=True)
    purpose = fields.String(required=True)
    until = Moment(required=True)
    revealed = fields.Boolean(required=True)
    pseudonym = fields.String(required=True)
    name = fields.String(required=True)
    id_number = fields.String(required=True)
    age = fields.Integer(required=True)
    district = fields.String(required=True, allow_none=True)
    total = fields.Integer(allow_none=True, attribute="points.explanation.total")
    lines = fields.List(fields.Nested(SeenLineView), attribute="points.lines")
    records = fields.List(fields.Nested(SeenRecordView), required=True)


@blp.before_request
def locked() -> None:
    """Objection officers, each in their districts, and auditors."""
    g.looker = require_staff(*LOOKERS)


@blp.post("/looks")
@blp.doc(summary="查看一位居民", **LOCKED)
@blp.arguments(LookBody)
@blp.response(201, SeenPersonView)
@blp.alt_response(404, description="没有找到，或不在所辖区内；查找已留痕")
def look(body: dict[str, Any]) -> SeenPerson:
    """先写明用途与依据；姓名与号码是遮住的。每次查看都留痕，居民可在导出里看到。"""
    ctx = context()
    whom = Whom(body["id_type"], body["id_number"], body["source"], body["record_no"])
    number = look_up_person(ctx, g.looker, body["purpose"], body["basis"], whom, ctx.now())
    return see_person(ctx, g.looker, number, ctx.now())


@blp.get("/looks/<int:look_id>")
@blp.doc(summary="再看一次", **LOCKED)
@blp.response(200, SeenPersonView)
@blp.alt_response(404, description="不是自己的，或已满 30 分钟")
def again(look_id: int) -> SeenPerson:
    """三十分钟之内，同一次查看可以再打开。"""
    ctx = context()
    return see_person(ctx, g.looker, look_id, ctx.now())


@blp.post("/looks/<int:look_id>/identity")
@blp.doc(summary="显示姓名与完整号码", **LOCKED)
@blp.arguments(RevealBody)
@blp.response(200, SeenPersonView)
@blp.alt_response(404, description="不是自己的，或已满 30 分钟")
def reveal(body: dict[str, Any], look_id: int) -> SeenPerson:
    """须写明第二个理由。"""
    ctx = context()
    return reveal_person(ctx, g.looker, look_id, body["reason"], ctx.now())
