"""通知: where a merchant's events go, and how each delivery went."""

from __future__ import annotations

from typing import Any, ClassVar

import orjson
from flask import Response, g
from flask_smorest import Blueprint

from haihe.storage.notices import WebhookEndpoint
from haihe.usecases.delivery_log import PAGE, Told, deliveries_of, find_delivery, replay, send_test
from haihe.usecases.notice_keys import SETTLES, notice_keys
from haihe.usecases.webhook_endpoints import (
    change_endpoint,
    delete_endpoint,
    endpoints_of,
    find_endpoint,
    register_endpoint,
)
from haihe.web.bodies import StrictBlueprint
from haihe.web.context import context
from haihe.web.merchant.webhook_schemas import (
    DeliveryPage,
    DeliveryQuery,
    DeliveryView,
    NoticeKeySet,
    WebhookBody,
    WebhookList,
    WebhookView,
)
from haihe.web.oauth_lock import require_partner

SCOPE = "webhook"
LOCK = [{"oauth2": [SCOPE]}]

keys_blp = Blueprint("merchant_notice_keys", __name__, description="通知与对账单的验签公钥")


class WebhookBlueprint(StrictBlueprint):
    """The doors of notices, and what their refusals mean."""

    REFUSALS: ClassVar[dict[int, str]] = {
        401: "访问令牌缺失、无效或已吊销",
        403: "令牌没有 webhook 权限",
        404: "没有这个通知地址或这次投递",
        409: "地址已登记、数量已满，或上一次测试还没有送达",
        415: "请求体不是 JSON",
        422: "地址或公钥不符合要求，或主机没有登记",
    }


blp = WebhookBlueprint(
    "merchant_webhooks", __name__, url_prefix="/v1/merchant/webhooks", description="商户通知"
)


@keys_blp.get("/v1/notice-keys")
@keys_blp.doc(summary="验证通知与对账单签名的公钥", security=[])
@keys_blp.response(200, NoticeKeySet, content_type="application/jwk-set+json")
def notice_key_set() -> Response:
    """Every key that ever signed a notice or a statement, and the one that will sign next (RFC 7517 §5)."""
    ctx = context()
    body = orjson.dumps({"keys": notice_keys(ctx, ctx.now())})
    answer = Response(body, content_type="application/jwk-set+json")
    # Whoever keeps the answer for so long has the next key before they meet a signature of it.
    answer.headers["Cache-Control"] = f"public, max-age={int(SETTLES.total_seconds())}"
    return answer


@blp.before_request
def locked() -> None:
    """Nothing is read before the door is open, and behind it everything is this merchant's."""
    g.partner = require_partner(SCOPE)


@blp.get("")
@blp.doc(summary="已登记的通知地址", security=LOCK)
@blp.response(200, WebhookList)
@blp.refuses(401, 403)
def endpoints() -> dict[str, Any]:
    """The merchant's endpoints."""
    return {"items": [_endpoint(one) for one in endpoints_of(g.partner)]}


@blp.post("")
@blp.doc(summary="登记通知地址", security=LOCK)
@blp.arguments(WebhookBody)
@blp.response(201, WebhookView)
@blp.refuses(401, 403, 409, 415, 422)
def register(body: dict[str, Any]) -> dict[str, Any]:
    """主机须先由管理员为贵方登记，且只能是 https。同一地址、同一公钥再次登记，得到同一个通知地址。"""
    ctx = context()
    return _endpoint(register_endpoint(ctx, g.partner, body["url"], body["encryption_key"], ctx.now()))


@blp.get("/<int:endpoint_id>")
@blp.doc(summary="一个通知地址", security=LOCK)
@blp.response(200, WebhookView)
@blp.refuses(401, 403, 404)
def endpoint(endpoint_id: int) -> dict[str, Any]:
    """One endpoint of this merchant."""
    return _endpoint(find_endpoint(g.partner, endpoint_id))


@blp.put("/<int:endpoint_id>")
@blp.doc(summary="更换通知地址或加密公钥", security=LOCK)
@blp.arguments(WebhookBody)
@blp.response(200, WebhookView)
@blp.refuses(401, 403, 404, 409, 415, 422)
def change(body: dict[str, Any], endpoint_id: int) -> dict[str, Any]:
    """尚未送达的通知此后也发往新地址、用新公钥加密；请保留旧私钥，直到在途的通知都已收到。"""
    ctx = context()
    changed = change_endpoint(ctx, g.partner, endpoint_id, body["url"], body["encryption_key"], ctx.now())
    return _endpoint(changed)


@blp.delete("/<int:endpoint_id>")
@blp.doc(summary="删除通知地址", security=LOCK)
@blp.response(204)
@blp.refuses(401, 403, 404)
def remove(endpoint_id: int) -> None:
    """尚未送达的通知不再投递。"""
    delete_endpoint(g.partner, endpoint_id, context().now())


@blp.post("/<int:endpoint_id>/test")
@blp.doc(summary="发送一条测试通知", security=LOCK)
@blp.response(202, DeliveryView)
@blp.refuses(401, 403, 404, 409)
def test_event(endpoint_id: int) -> dict[str, Any]:
    """类型为 webhook.test，不涉及任何订单；结果见投递日志。"""
    return _delivery(send_test(g.partner, endpoint_id, context().now()))


@blp.get("/deliveries")
@blp.doc(summary="投递日志", security=LOCK)
@blp.arguments(DeliveryQuery, location="query")
@blp.response(200, DeliveryPage)
@blp.refuses(401, 403, 422)
def deliveries(query: dict[str, Any]) -> dict[str, Any]:
    """Every delivery with every attempt, the newest first."""
    page = deliveries_of(g.partner, query.get("state"), query.get("out_order_no"), query.get("before"))
    return {
        "items": [_delivery(one) for one in page],
        "next_before": page[-1].delivery.id if len(page) == PAGE else None,
    }


@blp.get("/deliveries/<int:delivery_id>")
@blp.doc(summary="一次投递", security=LOCK)
@blp.response(200, DeliveryView)
@blp.refuses(401, 403, 404)
def delivery(delivery_id: int) -> dict[str, Any]:
    """One delivery with every attempt."""
    return _delivery(find_delivery(g.partner, delivery_id))


@blp.post("/deliveries/<int:delivery_id>/replay")
@blp.doc(summary="重新投递", security=LOCK)
@blp.response(202, DeliveryView)
@blp.refuses(401, 403, 404)
def replay_one(delivery_id: int) -> dict[str, Any]:
    """同一事件（id 不变）再发一次；还在等待重试的，立即再试。"""
    return _delivery(replay(g.partner, delivery_id, context().now()))


def _endpoint(one: WebhookEndpoint) -> dict[str, Any]:
    return {
        "id": one.id,
        "url": one.url,
        "encryption_key": one.encryption_jwk,
        "created_at": one.created_at,
        "changed_at": one.changed_at,
        "failing_since": one.failing_since,
    }


def _delivery(told: Told) -> dict[str, Any]:
    row = told.delivery
    return {
        "id": row.id,
        "event_id": told.event.event_id,
        "type": told.event.type,
        "sequence": told.event.sequence,
        "out_order_no": told.out_order_no,
        "url": told.url,
        "state": row.state,
        "replay": row.replay,
        "created_at": row.created_at,
        "due_at": row.due_at if row.state == "WAITING" else None,
        "settled_at": row.settled_at,
        "attempts": told.attempts,
    }
