"""授权: joining, sensitive classes, leaving."""

from __future__ import annotations

import re
from typing import Any

from marshmallow import Schema, fields

from haihe.usecases.consent_texts import link_texts
from haihe.usecases.consents import ConsentState, Withdrawn, give_consent, list_consents, withdraw_consent
from haihe.usecases.links import HeldLink, links_of, withdraw_link
from haihe.web.bodies import Body, Moment, Text
from haihe.web.context import context
from haihe.web.resident.door import LOCKED, Blueprint
from haihe.web.resident.lock import keep_locked, require_bound, require_resident

blp = Blueprint("resident_consents", description="授权与退出")
keep_locked(blp)
CHANNEL = "mini-program"
# A link is given on the merchant's behalf at /oauth/authorize; here it is seen and taken back.
LINK = re.compile(r"LINK:([0-9]{1,9})")


class ConsentView(Schema):
    """One purpose: what is asked, and whether it is agreed to."""

    purpose = fields.String(required=True, metadata={"description": "用途代码", "example": "JOIN"})
    title = fields.String(required=True)
    version = fields.String(required=True, metadata={"description": "现行授权书的版本，同意时须写明"})
    text = fields.String(required=True, metadata={"description": "授权书全文（Markdown）"})
    in_force = fields.Boolean(required=True, metadata={"description": "是否有效"})
    given_at = Moment(required=True, allow_none=True)
    given_version = fields.String(
        required=True, allow_none=True, metadata={"description": "您同意的是哪一版"}
    )
    scenarios = fields.List(
        fields.String(), metadata={"description": "仅关联线上商户（LINK:…）：商户可以询问的场景"}
    )
    expires_at = Moment(metadata={"description": "仅关联线上商户（LINK:…）：何时自动失效"})


class ConsentList(Schema):
    """Every purpose, joining first."""

    consents = fields.List(fields.Nested(ConsentView), required=True)


class GivenBody(Body):
    """Agreeing names the version that was read."""

    version = Text(32, metadata={"description": "所阅读的授权书版本", "example": "2026-1"})


class KeptView(Schema):
    """One thing that the law keeps."""

    what = fields.String(required=True, metadata={"description": "保留的内容"})
    reason = fields.String(required=True, metadata={"description": "为什么"})
    until = fields.Date(
        required=True, allow_none=True, metadata={"description": "保留到哪一天；尚不确定时为空"}
    )
    until_words = fields.String(required=True, metadata={"description": "期限，用文字表达"})


class WithdrawnView(Schema):
    """A consent taken back."""

    purpose = fields.String(required=True)
    in_force = fields.Boolean(required=True)
    kept = fields.List(
        fields.Nested(KeptView), required=True, metadata={"description": "退出海河分后依法保留的内容"}
    )


@blp.get("/v1/me/consents")
@blp.doc(summary="我的授权", **LOCKED)
@blp.response(200, ConsentList, description="每一项授权的全文与状态")
@blp.refuses(401)
def consents() -> dict[str, Any]:
    """列出每一项授权的全文、版本和是否有效；未实名时也可先阅读。已关联的线上商户（LINK:…）列在最后。"""
    resident_id = require_resident().resident_id
    held = [] if resident_id is None else links_of(resident_id, context().now())
    return {"consents": [*list_consents(resident_id), *map(_link_view, held)]}


@blp.put("/v1/me/consents/<string:purpose>")
@blp.doc(summary="同意一项授权", **LOCKED)
@blp.arguments(GivenBody)
@blp.response(200, ConsentView, description="已同意，立即生效")
@blp.refuses(401, 403, 404, 409, 415, 422)
def give(body: dict[str, Any], purpose: str) -> ConsentState:
    """同意现行版本的授权书；JOIN 即开通海河分，须年满 18 周岁。重复提交不产生变化。"""
    caller = require_bound()
    ctx = context()
    return give_consent(ctx, caller.resident_id, purpose, body["version"], CHANNEL, ctx.now())


@blp.delete("/v1/me/consents/<string:purpose>")
@blp.doc(summary="撤回一项授权", **LOCKED)
@blp.response(200, WithdrawnView, description="已撤回，立即生效")
@blp.refuses(401, 403, 404)
def withdraw(purpose: str) -> Withdrawn:
    """撤回授权；撤回 JOIN 即退出海河分，积分立即删除，其他授权一并撤回，并列出依法保留的内容。

    撤回 LINK:… 即解除与一家线上商户的关联，它的下一次询问就会被拒绝。"""
    caller = require_bound()
    ctx = context()
    merchant_id = LINK.fullmatch(purpose)
    if merchant_id:
        withdraw_link(ctx, caller.resident_id, int(merchant_id[1]), ctx.now())
        return Withdrawn(purpose, False, ())
    return withdraw_consent(ctx, caller.resident_id, purpose, ctx.now())


def _link_view(link: HeldLink) -> dict[str, Any]:
    text = link_texts()[link.text_version]
    return {
        "purpose": f"LINK:{link.merchant_id}",
        "title": f"{text.title}：{link.merchant_name}",
        "version": text.version,
        "text": text.text,
        "in_force": True,
        "given_at": link.given_at,
        "given_version": text.version,
        "scenarios": link.scenarios,
        "expires_at": link.expires_at,
    }
