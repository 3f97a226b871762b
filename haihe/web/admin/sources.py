"""来源部门 over HTTP: the same deeds as the console's pages. A secret is told once."""

from __future__ import annotations

from typing import Any

from flask import g, request
from marshmallow import Schema, fields, validate

from haihe.storage.records import Source
from haihe.usecases import sources as deed
from haihe.usecases.client_registrations import Registered
from haihe.usecases.context import day_of
from haihe.usecases.staff_login import Role
from haihe.web.admin.lock import StaffDoors, require_staff
from haihe.web.admin.merchant_schemas import ClientAnswer, ClientView
from haihe.web.bodies import Body, Number, Text
from haihe.web.context import context

STAFF = [{"staff": []}]
READERS = (Role.DATA_CLERK, Role.APPROVER, Role.SYSTEM_ADMIN, Role.AUDITOR)


class SourceDoors(StaffDoors):
    """Doors that all refuse alike."""

    REFUSALS = {  # noqa: RUF012 - declared as ClassVar where it comes from
        403: "岗位没有这项权限，或要登记到所管的区之外",
        404: "没有这个来源或客户端，或不在所管的区",
        409: "已有这个来源",
        422: "内容不符合要求",
    }


blp = SourceDoors("admin_sources", __name__, url_prefix="/v1/admin/sources", description="来源部门")


class SourceBody(Body):
    """A source as it is to be."""

    name = Text(deed.LONGEST_NAME, metadata={"description": "居民看到的名称"})
    district = Text(6, required=False, load_default=None, metadata={"description": "不写表示全市"})
    indicators = fields.List(
        Text(16),
        load_default=[],
        validate=validate.Length(max=200, error="最多 200 项"),
        error_messages={"invalid": "应为列表", "null": "不能为空"},
        metadata={"description": "可以报送的指标；空表示全部", "example": ["D01"]},
    )
    expected_days = Number(
        1, deed.MOST_DAYS, load_default=None, metadata={"description": "多少天报送一次；不写表示没有约定"}
    )


class NewSourceBody(SourceBody):
    """A source to be registered."""

    code = Text(32, metadata={"description": "字母开头的字母、数字与下划线"})


class SourceView(Schema):
    """A source with its freshness."""

    code = fields.String(required=True)
    name = fields.String(required=True)
    district = fields.String(required=True, allow_none=True)
    indicators = fields.List(fields.String(), required=True)
    expected_days = fields.Integer(required=True, allow_none=True)
    last_on = fields.Date(required=True, allow_none=True, metadata={"description": "最近报送的日子"})
    overdue = fields.Boolean(required=True)
    words = fields.String(
        required=True, metadata={"example": "10 天前报送过，约定每 7 天报送一次，已晚 3 天"}
    )


class SourcesAnswer(Schema):
    """Every source that one looks after."""

    items = fields.List(fields.Nested(SourceView), required=True)


class SourceAnswer(SourceView):
    """One source with its clients."""

    clients = fields.List(fields.Nested(ClientView), required=True)


@blp.before_request
def locked() -> None:
    """Data clerks do; those who approve, administer and audit look."""
    g.clerk = require_staff(*(READERS if request.method in ("GET", "HEAD") else (Role.DATA_CLERK,)))


@blp.get("")
@blp.doc(summary="来源部门", security=STAFF)
@blp.response(200, SourcesAnswer)
def view_sources() -> dict[str, Any]:
    """所管的来源，带约定与是否逾期。"""
    return {"items": [_view(s) for s in deed.sources_of(g.clerk)]}


@blp.post("")
@blp.doc(summary="登记来源", security=STAFF)
@blp.arguments(NewSourceBody)
@blp.response(204)
@blp.refuses(403, 409, 422)
def open_source(body: dict[str, Any]) -> None:
    """登记之后再生成凭据。"""
    deed.open_source(context(), g.clerk, body["code"], _wanted(body), context().now())


@blp.get("/<code>")
@blp.doc(summary="一个来源", security=STAFF)
@blp.response(200, SourceAnswer)
@blp.refuses(404)
def view_source(code: str) -> dict[str, Any]:
    """来源与它的客户端。"""
    return {**_view(deed.find_source(g.clerk, code)), "clients": deed.credentials_of(code)}


@blp.put("/<code>")
@blp.doc(summary="修改来源", security=STAFF)
@blp.arguments(SourceBody)
@blp.response(204)
@blp.refuses(403, 404, 422)
def change_source(body: dict[str, Any], code: str) -> None:
    """以新写的为准。"""
    deed.change_source(context(), g.clerk, code, _wanted(body), context().now())


@blp.post("/<code>/clients")
@blp.doc(summary="生成来源的凭据", security=STAFF)
@blp.response(201, ClientAnswer)
@blp.refuses(404)
def give(code: str) -> Registered:
    """client_secret 只在此时给出一次。"""
    return deed.give_credentials(context(), g.clerk, code, context().now())


@blp.post("/<code>/clients/<client_id>/rotate")
@blp.doc(summary="更换来源的密钥", security=STAFF)
@blp.response(200, ClientAnswer)
@blp.refuses(404)
def rotate(code: str, client_id: str) -> Registered:
    """旧密钥从下一次请求起失效；新密钥只在此时给出一次。"""
    return deed.rotate_credentials(context(), g.clerk, code, client_id, context().now())


@blp.delete("/<code>/clients/<client_id>")
@blp.doc(summary="吊销来源的凭据", security=STAFF)
@blp.response(204)
@blp.refuses(404)
def revoke(code: str, client_id: str) -> None:
    """下一次请求即失效。"""
    deed.revoke_credentials(context(), g.clerk, code, client_id, context().now())


def _wanted(body: dict[str, Any]) -> deed.Wanted:
    return deed.Wanted(body["name"], body["district"], tuple(body["indicators"]), body["expected_days"])


def _view(source: Source) -> dict[str, Any]:
    fresh = deed.freshness_of(source, day_of(context().now()))
    columns = {c.name: getattr(source, c.name) for c in source.__table__.columns}
    return {**columns, "last_on": fresh.last_on, "overdue": fresh.overdue, "words": fresh.words}
