"""The question at the counter, as the OpenID AuthZEN Authorization API 1.0 has it.

This is the hot path: bodies are checked by hand (see questions.py), tokens are verified in memory, and the answers come
from Redis in two round trips, however many there are.
"""

from __future__ import annotations

from typing import Any

from flask import Response
from flask_smorest import Blueprint

from haihe.domain.errors import Forbidden
from haihe.usecases.answer_question import answer_nobody, answer_question
from haihe.usecases.answer_questions import (
    Asked,
    SubjectKind,
    Unanswerable,
    answer_about_linked,
    answer_questions,
)
from haihe.usecases.asking import Asker, Question
from haihe.usecases.context import Context
from haihe.usecases.search_scenarios import may_use, usable_scenarios
from haihe.web.context import context
from haihe.web.merchant.pages_of_results import Page
from haihe.web.merchant.questions import (
    ACTION_SEARCH,
    LARGEST_BATCH_BODY,
    QUESTION,
    RESOURCE_SEARCH,
    SUBJECT_SEARCH,
    kind_of,
    question_in,
    questions_in,
    read_object,
    require,
)
from haihe.web.merchant.schemas import (
    ActionSearchRequest,
    EvaluationAnswer,
    EvaluationRequest,
    EvaluationsAnswer,
    EvaluationsRequest,
    Metadata,
    ResourceSearchRequest,
    SearchAnswer,
    SubjectSearchRequest,
)
from haihe.web.oauth_lock import VerifiedToken, unless_revoked, verified_token
from haihe.web.rate_limits import count_calls

blp = Blueprint("merchant_access", __name__, description="核验（AuthZEN）")

# The rules in force are as current as the answer by then, and nothing has been asked of the database for it.
blp.after_request(unless_revoked)

SCOPE = "check"
JSON = "application/json"


def _described(summary: str, schema: Any) -> dict[str, Any]:
    body = {"required": True, "content": {JSON: {"schema": schema}}}
    return {"summary": summary, "security": [{"oauth2": [SCOPE]}], "requestBody": body}


@blp.post("/access/v1/evaluation")
@blp.doc(**_described("这位居民现在可以使用这项优惠吗？", EvaluationRequest))
@blp.response(200, EvaluationAnswer)
@blp.alt_response(400, description="缺少字段或不是 JSON")
@blp.alt_response(401, description="访问令牌缺失、无效或已吊销")
@blp.alt_response(403, description="未获准接入该场景，或令牌没有 check 权限")
@blp.alt_response(413, description="请求体超过 16 KB")
@blp.alt_response(429, description="询问过于频繁，Retry-After 秒后再试")
def evaluation() -> Response:
    """Yes or no for the pass that was scanned; the same merchant asking again gets the same answer."""
    token = verified_token(SCOPE)
    asked = read_object()
    require(asked, QUESTION)
    question = question_in(asked)
    _only_whom_it_speaks_for(token, question)
    return Response(_answer(context(), _asker(token), question), content_type=JSON)


@blp.post("/access/v1/evaluations")
@blp.doc(**_described("一次询问多项，逐项回答", EvaluationsRequest))
@blp.response(200, EvaluationsAnswer)
@blp.alt_response(400, description="顶层缺少字段、选项不认识，或超过 1000 项；单项的错误在该项的 context 里")
@blp.alt_response(401, description="访问令牌缺失、无效或已吊销")
@blp.alt_response(403, description="令牌没有 check 权限")
@blp.alt_response(413, description="请求体超过 512 KB")
@blp.alt_response(429, description="请求过于频繁，Retry-After 秒后再试")
def evaluations() -> Response:
    """Each question answered as if asked alone, in order; without a batch it is the single question (AuthZEN §7)."""
    token = verified_token(SCOPE)
    asked = read_object(LARGEST_BATCH_BODY)
    ctx = context()
    batch = questions_in(asked)
    if batch is None:
        require(asked, QUESTION)
        question = question_in(asked)
        _only_whom_it_speaks_for(token, question)
        return Response(_answer(ctx, _asker(token), question), content_type=JSON)
    questions, semantic = batch
    _only_whom_it_speaks_for(token, *questions)
    # Many questions are more work than one, and count as more calls.
    count_calls(ctx, token.client_id, len(questions) // 10)
    answers = answer_questions(ctx, _asker(token), questions, semantic, ctx.now())
    return Response(b'{"evaluations":[' + b",".join(answers) + b"]}", content_type=JSON)


@blp.post("/access/v1/search/resource")
@blp.doc(**_described("这位居民现在可以使用哪些优惠？", ResourceSearchRequest))
@blp.response(200, SearchAnswer)
@blp.alt_response(400, description="缺少字段，或 page 无效")
@blp.alt_response(401, description="访问令牌缺失、无效或已吊销")
@blp.alt_response(429, description="询问过于频繁，Retry-After 秒后再试")
def search_resource() -> dict[str, Any]:
    """The scenarios that the answer is yes for, among those this merchant is admitted to; a pass is for one of them."""
    token = verified_token(SCOPE)
    asked = read_object()
    require(asked, RESOURCE_SEARCH)
    ctx = context()
    page = Page(ctx, token.client_id, asked)
    _only_whom_it_speaks_for(token, (kind_of(asked), asked["subject"]["id"], ""))
    codes = usable_scenarios(ctx, _asker(token), kind_of(asked), asked["subject"]["id"], ctx.now())
    return page.of([{"type": "scenario", "id": code} for code in codes])


@blp.post("/access/v1/search/action")
@blp.doc(**_described("对这项优惠，这位居民现在可以做什么？", ActionSearchRequest))
@blp.response(200, SearchAnswer)
@blp.alt_response(400, description="缺少字段，或 page 无效")
@blp.alt_response(401, description="访问令牌缺失、无效或已吊销")
@blp.alt_response(429, description="询问过于频繁，Retry-After 秒后再试")
def search_action() -> dict[str, Any]:
    """`use`, where the answer is yes; it is a question like any other."""
    token = verified_token(SCOPE)
    asked = read_object()
    require(asked, ACTION_SEARCH)
    ctx = context()
    page = Page(ctx, token.client_id, asked)
    kind, name, scenario = kind_of(asked), asked["subject"]["id"], asked["resource"]["id"]
    _only_whom_it_speaks_for(token, (kind, name, scenario))
    usable = may_use(ctx, _asker(token), kind, name, scenario, ctx.now())
    return page.of([{"name": "use"}] if usable else [])


@blp.post("/access/v1/search/subject")
@blp.doc(**_described("哪些居民可以使用？（从不透露）", SubjectSearchRequest))
@blp.response(200, SearchAnswer)
@blp.alt_response(400, description="缺少字段，或 page 无效")
@blp.alt_response(401, description="访问令牌缺失、无效或已吊销")
def search_subject() -> dict[str, Any]:
    """Nobody, always: who may use a benefit is told by each resident alone. The context says that this is why."""
    token = verified_token(SCOPE)
    asked = read_object()
    require(asked, SUBJECT_SEARCH)
    # Nothing is looked up that would say whether the rules in force are current, and so whether the token is still good.
    context().rules.up_to_date()
    page = Page(context(), token.client_id, asked)
    return {**page.of([]), "context": {"reason": "SUBJECTS_NOT_DISCLOSED"}}


@blp.get("/.well-known/authzen-configuration")
@blp.doc(summary="AuthZEN 元数据", security=[])
@blp.response(200, Metadata)
def authzen_configuration() -> Response | dict[str, str]:
    """Where the policy decision point answers (AuthZEN §9)."""
    base = context().base_url
    return {
        "policy_decision_point": base,
        "access_evaluation_endpoint": f"{base}/access/v1/evaluation",
        "access_evaluations_endpoint": f"{base}/access/v1/evaluations",
        "search_subject_endpoint": f"{base}/access/v1/search/subject",
        "search_resource_endpoint": f"{base}/access/v1/search/resource",
        "search_action_endpoint": f"{base}/access/v1/search/action",
    }


def _asker(token: VerifiedToken) -> Asker:
    return Asker(token.client_id, token.jti)


def _answer(ctx: Context, asker: Asker, asked: Asked) -> bytes:
    kind, name, scenario = asked
    if kind is SubjectKind.RESIDENT:
        return answer_about_linked(ctx, asker, name, scenario, ctx.now())
    question = Question(asker, name, scenario, ctx.now())
    return answer_question(ctx, question) if kind is SubjectKind.PASS else answer_nobody(ctx, question)


def _only_whom_it_speaks_for(token: VerifiedToken, *questions: Asked | Unanswerable) -> None:
    """A token that a resident's consent gave speaks of that resident alone; Forbidden for anybody else, and for a pass."""
    if token.grant_id is None:
        return
    for question in questions:
        if not isinstance(question, Unanswerable) and question[:2] != (SubjectKind.RESIDENT, token.subject):
            raise Forbidden(
                "SUBJECT_NOT_GRANTED",
                "此令牌只代表同意关联的那位居民；询问其他人或信用码，请用客户端凭证换取的令牌",
                "subject.id",
            )
