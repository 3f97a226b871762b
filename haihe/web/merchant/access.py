"""The question at the counter, as the OpenID AuthZEN Authorization API 1.0 has it.

This is the hot path: the body is checked by hand here (a test holds the checks equal to `EvaluationRequest`), tokens are
verified in memory, and the answer comes from Redis in two round trips.
"""

from __future__ import annotations

from typing import Any

from flask import Response, request
from flask_smorest import Blueprint

from haihe.usecases.answer_question import answer_nobody, answer_question
from haihe.usecases.asking import Question
from haihe.web.bodies import LARGEST_BODY, json_in
from haihe.web.context import context
from haihe.web.merchant.schemas import EvaluationAnswer, EvaluationRequest, Metadata
from haihe.web.oauth_lock import verified_token
from haihe.web.problems import problem

blp = Blueprint("merchant_access", __name__, description="核验（AuthZEN）")

SCOPE = "check"
PARTS = (("subject", ("type", "id")), ("action", ("name",)), ("resource", ("type", "id")))


@blp.post("/access/v1/evaluation")
@blp.doc(
    summary="这位居民现在可以使用这项优惠吗？",
    security=[{"oauth2": [SCOPE]}],
    requestBody={"required": True, "content": {"application/json": {"schema": EvaluationRequest}}},
)
@blp.response(200, EvaluationAnswer)
@blp.alt_response(400, description="缺少字段或不是 JSON")
@blp.alt_response(401, description="访问令牌缺失、无效或已吊销")
@blp.alt_response(403, description="未获准接入该场景，或令牌没有 check 权限")
@blp.alt_response(413, description="请求体超过 16 KB")
def evaluation() -> Response:
    """Yes or no for the pass that was scanned; the same merchant asking again gets the same answer."""
    token = verified_token(SCOPE)
    if request.mimetype != "application/json":
        return problem(415)
    request.max_content_length = LARGEST_BODY
    asked = _parse(request.get_data())
    if isinstance(asked, Response):
        return asked
    ctx = context()
    subject, resource = asked["subject"], asked["resource"]
    question = Question(token.client_id, subject["id"], resource["id"], ctx.now())
    known = subject["type"] == "pass" and resource["type"] == "scenario" and asked["action"]["name"] == "use"
    answer = answer_question(ctx, question) if known else answer_nobody(ctx, question)
    return Response(answer, content_type="application/json")


@blp.get("/.well-known/authzen-configuration")
@blp.doc(summary="AuthZEN 元数据", security=[])
@blp.response(200, Metadata)
def authzen_configuration() -> dict[str, str]:
    """Where the policy decision point answers (AuthZEN §9)."""
    base = context().base_url
    return {"policy_decision_point": base, "access_evaluation_endpoint": f"{base}/access/v1/evaluation"}


def _parse(body: bytes) -> dict[str, Any] | Response:
    """The body as AuthZEN §6.1 wants it, or the problem that says which member is missing or wrong."""
    asked = json_in(body)
    if not isinstance(asked, dict):
        return problem(400, "REQUEST_INVALID", "请求体应为 JSON 对象")
    for name, members in PARTS:
        part = asked.get(name)
        if not isinstance(part, dict):
            return _missing(name, name in asked)
        for member in members:
            if not isinstance(part.get(member), str):
                return _missing(f"{name}.{member}", member in part)
        if not isinstance(part.get("properties", {}), dict):
            return _missing(f"{name}.properties", True)
    if not isinstance(asked.get("context", {}), dict):
        return _missing("context", True)
    return asked


def _missing(field: str, there: bool) -> Response:
    expected = "对象" if "." not in field or field.endswith("properties") else "文字"
    detail = f"字段 {field} 应为{expected}" if there else f"缺少字段 {field}"
    return problem(400, "REQUEST_INVALID", detail, field=field)
