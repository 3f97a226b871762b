"""亲情代办: inviting a relative, accepting, ending, and turning to act for somebody."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields, validate

from haihe.domain.helping import CODE_DIGITS, SCOPE_WORDS, Relation, Scope
from haihe.usecases.act_for import Acting, start_acting, stop_acting
from haihe.usecases.consent_texts import helping_text
from haihe.usecases.helping import (
    Invitation,
    Wish,
    accept_invitation,
    end_helping,
    helped_by,
    helpers_of,
    invite_helper,
    look_at_invitation,
)
from haihe.web.bodies import LARGEST_ID, Body, Moment, Number, Text
from haihe.web.context import context
from haihe.web.resident.acting import acting_of
from haihe.web.resident.door import LOCKED, Blueprint, bearer
from haihe.web.resident.lock import keep_locked, require_bound, require_resident

blp = Blueprint("resident_helpers", description="亲情代办")
keep_locked(blp)
RELATIONS = "CHILD 子女、SPOUSE 配偶、PARENT 父母、SIBLING 兄弟姐妹、GRANDCHILD 孙辈、OTHER 亲友"
SCOPES = "、".join(f"{scope} {words}" for scope, words in SCOPE_WORDS.items())


class Day(fields.Date):
    """A day, as 2027-01-31."""

    default_error_messages = {  # noqa: RUF012
        "required": "必填",
        "null": "不能为空",
        "invalid": "应为日期，例如 2027-01-31",
        "format": "应为日期，例如 2027-01-31",
    }


class InvitationBody(Body):
    """Whom, for what, and until when."""

    name = Text(64, metadata={"description": "亲友的姓名，须与其实名一致", "example": "李明"})
    relation = Text(
        16,
        validate=validate.OneOf([r.value for r in Relation], error=f"应为其中之一：{RELATIONS}"),
        metadata={"description": RELATIONS, "example": "CHILD"},
    )
    scopes = fields.List(
        Text(16),
        required=True,
        validate=validate.Length(1, len(Scope), error="请至少勾选一项可以代办的事项"),
        error_messages={"required": "必填", "null": "不能为空", "invalid": "应为列表"},
        metadata={"description": SCOPES, "example": ["VIEW", "PASS"]},
    )
    until = Day(required=True, metadata={"description": "代办到哪一天为止（含），最长一年"})
    version = Text(32, metadata={"description": "所阅读的授权书版本", "example": "2026-1"})


class InvitationCodeBody(Body):
    """What the relative was shown."""

    code = Text(16, metadata={"description": f"{CODE_DIGITS} 位邀请码", "example": "40281736"})


class ActingBody(Body):
    """For whom."""

    helping = Number(1, LARGEST_ID, required=True, metadata={"description": "helping 列表中的 id"})


class HelpingView(Schema):
    """One side of a consent to help."""

    id = fields.Integer(required=True)
    other = fields.String(
        required=True, metadata={"description": "另一方的姓名（打码）；还没有人接受时为空", "example": "李**"}
    )
    relation_words = fields.String(required=True, metadata={"example": "子女"})
    scopes = fields.List(fields.String(), required=True)
    scopes_words = fields.String(required=True, metadata={"example": "查看积分与消息、出示信用码"})
    given_at = Moment(required=True)
    accepted_at = Moment(required=True, allow_none=True)
    last_day = fields.Date(required=True)


class InvitationView(Schema):
    """What is shown to the relative, once."""

    code = fields.String(required=True, metadata={"description": "只在此时给出"})
    expires_at = Moment(required=True)
    accept_url = fields.Url(required=True, metadata={"description": "可画成二维码，由亲友扫开"})
    helping = fields.Nested(HelpingView, required=True)


class HelpingTextView(Schema):
    """What is agreed to."""

    title = fields.String(required=True)
    version = fields.String(required=True)
    text = fields.String(required=True)


class HelpersView(Schema):
    """Both sides, and the text."""

    helpers = fields.List(fields.Nested(HelpingView), required=True, metadata={"description": "谁可以代我办"})
    helping = fields.List(fields.Nested(HelpingView), required=True, metadata={"description": "我可以代谁办"})
    consent = fields.Nested(HelpingTextView, required=True)


class ActingView(Schema):
    """For whom this login acts at the moment."""

    helping = fields.Integer(required=True, allow_none=True)
    name = fields.String(required=True, metadata={"description": "为谁办理（打码）；为自己时为空"})
    scopes = fields.List(fields.String(), required=True)


@blp.get("/v1/me/helpers")
@blp.doc(summary="亲情代办", **LOCKED)
@blp.response(200, HelpersView, description="谁可以代我办、我可以代谁办，以及授权书全文")
@blp.refuses(401, 403)
def helpers() -> dict[str, Any]:
    """谁可以代我办、我可以代谁办，以及现行的授权书。"""
    caller, ctx = require_bound(), context()
    at = ctx.now()
    return {
        "helpers": helpers_of(ctx, caller.resident_id, at),
        "helping": helped_by(ctx, caller.resident_id, at),
        "consent": helping_text(),
    }


@blp.post("/v1/me/helpers")
@blp.doc(summary="邀请亲友代办", **LOCKED)
@blp.arguments(InvitationBody)
@blp.response(201, InvitationView, description="同意已记下；亲友接受后生效")
@blp.refuses(401, 403, 409, 415, 422)
def invite(body: dict[str, Any]) -> dict[str, Any]:
    """写明亲友姓名、可办的事项与结束日期并同意授权书，得到 10 分钟内有效的邀请码；只有实名一致的人能接受。"""
    caller, ctx = require_bound(), context()
    wish = Wish(body["name"], Relation(body["relation"]), body["scopes"], body["until"], body["version"])
    invited = invite_helper(ctx, caller.resident_id, wish, ctx.now())
    return {
        "code": invited.code,
        "expires_at": invited.expires_at,
        "accept_url": accept_url(invited),
        "helping": invited.helping,
    }


@blp.delete("/v1/me/helpers/<int:helping_id>")
@blp.doc(summary="结束代办", **LOCKED)
@blp.response(204, description="已结束，立即生效")
@blp.refuses(401, 403, 404)
def end(helping_id: int) -> None:
    """双方都可以结束，立即生效，并告诉另一方；重复结束不产生变化。"""
    caller, ctx = require_bound(), context()
    end_helping(caller.resident_id, helping_id, ctx.now())


@blp.post("/v1/me/helping/look")
@blp.doc(summary="看一看邀请", **LOCKED)
@blp.arguments(InvitationCodeBody)
@blp.response(200, HelpingView, description="邀请您代办哪些事、到哪一天")
@blp.refuses(401, 403, 415, 422, 429)
def look(body: dict[str, Any]) -> Any:
    """接受之前先看清：为谁、办什么、到哪一天。"""
    caller, ctx = require_bound(), context()
    return look_at_invitation(ctx, caller.resident_id, body["code"], ctx.now())


@blp.post("/v1/me/helping")
@blp.doc(summary="接受邀请", **LOCKED)
@blp.arguments(InvitationCodeBody)
@blp.response(201, HelpingView, description="已接受，立即生效")
@blp.refuses(401, 403, 409, 415, 422, 429)
def accept(body: dict[str, Any]) -> Any:
    """须实名与邀请所写的一致、年满 18 周岁；一个人最多为 5 位家人代办。"""
    caller, ctx = require_bound(), context()
    return accept_invitation(ctx, caller.resident_id, body["code"], ctx.now())


@blp.get("/v1/me/acting")
@blp.doc(summary="现在为谁办理", **LOCKED)
@blp.response(200, ActingView)
@blp.refuses(401, 403)
def acting() -> dict[str, Any]:
    """这一次登录现在为谁办理；代办已结束时答 403 HELPING_ENDED，须先回到自己。"""
    caller = require_resident()
    return _view(None if caller.helping_id is None else acting_of(caller))


@blp.put("/v1/me/acting")
@blp.doc(summary="开始为家人办理", **LOCKED)
@blp.arguments(ActingBody)
@blp.response(200, ActingView, description="此后这一次登录的请求都是为这位家人办理")
@blp.refuses(401, 403, 404, 415, 422)
def start(body: dict[str, Any]) -> dict[str, Any]:
    """此后这一次登录所见所办都是这位家人的，限于所同意的事项，其余答 403；每一件事都告诉这位家人。"""
    caller, ctx = require_bound(), context()
    return _view(start_acting(ctx, bearer() or "", caller.resident_id, body["helping"], ctx.now()))


@blp.delete("/v1/me/acting")
@blp.doc(summary="回到自己", **LOCKED)
@blp.response(204)
@blp.refuses(401, 403)
def stop() -> None:
    """此后所见所办都是自己的；重复也无妨。"""
    caller, ctx = require_bound(), context()
    stop_acting(bearer() or "", caller.resident_id, ctx.now())


def accept_url(invited: Invitation) -> str:
    """Where the relative accepts."""
    return f"{context().base_url}/m/helping?code={invited.code}"


def _view(acting: Acting | None) -> dict[str, Any]:
    if acting is None:
        return {"helping": None, "name": "", "scopes": []}
    return {
        "helping": acting.helping_id,
        "name": acting.helped_name,
        "scopes": [s for s in Scope if s in acting.scopes],
    }
