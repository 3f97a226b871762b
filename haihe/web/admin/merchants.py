"""商户准入: applications, admissions, suspension, and the first credentials. For the partner managers; auditors may look."""

from __future__ import annotations

from typing import Any

from flask import Response, g, request

from haihe.domain.errors import InvalidInput
from haihe.domain.papers import LARGEST, Paper
from haihe.storage.onboarding import Application
from haihe.usecases import judge_merchant
from haihe.usecases.apply import Wish, amend, apply
from haihe.usecases.client_registrations import Owner, Registered, Registration, register_client
from haihe.usecases.judge_merchant import Judge, admissions_of, find_merchant, search_merchants
from haihe.usecases.look_at_merchant import look_at_contact
from haihe.usecases.merchant_documents import add_document, documents_of, open_document
from haihe.usecases.merchant_people import NewPerson, close_person, open_person, people_of
from haihe.usecases.oauth_clients import clients_of, revoke_client_of
from haihe.usecases.staff_login import Role
from haihe.web.admin.lock import StaffDoors, require_staff
from haihe.web.admin.merchant_schemas import (
    ClientAnswer,
    ClientBody,
    Made,
    MerchantsAnswer,
    MerchantsQuery,
    MerchantView,
    PersonBody,
    ReasonBody,
    ScenariosBody,
    WishBody,
)
from haihe.web.context import context
from haihe.web.files import BINARY, FILE, download, sent_paper

STAFF = [{"staff": []}]


class MerchantDoors(StaffDoors):
    """Doors that all refuse alike."""

    REFUSALS = {  # noqa: RUF012 - declared as ClassVar where it comes from
        403: "岗位没有这项权限，或这是自己录入的申请",
        404: "没有这家商户，或不在所管的区",
        409: "商户或申请的状态不允许",
        422: "内容不符合要求",
    }


blp = MerchantDoors("admin_merchants", __name__, url_prefix="/v1/admin/merchants", description="商户准入")


@blp.before_request
def locked() -> None:
    """Partner managers do; auditors look. Everybody only within their districts."""
    reading = request.method in ("GET", "HEAD")
    roles = (Role.PARTNER_MANAGER, Role.AUDITOR) if reading else (Role.PARTNER_MANAGER,)
    caller = require_staff(*roles)
    g.judge = Judge(f"staff:{caller.username}", caller.districts)


@blp.get("")
@blp.doc(summary="商户与申请", security=STAFF)
@blp.arguments(MerchantsQuery, location="query")
@blp.response(200, MerchantsAnswer)
def view_merchants(query: dict[str, Any]) -> dict[str, Any]:
    """按申请先后；可只看某一状态。"""
    found = search_merchants(g.judge, query["state"], "", query["after"], query["limit"] + 1)
    more = len(found) > query["limit"]
    page = found[: query["limit"]]
    return {"items": page, "next": page[-1].id if more else None}


@blp.post("")
@blp.doc(summary="代商户录入申请", security=STAFF)
@blp.arguments(WishBody)
@blp.response(201, Made)
@blp.refuses(403, 422)
def enter(body: dict[str, Any]) -> dict[str, int]:
    """录入的人不能审批这份申请。"""
    ctx = context()
    wish = _wish(body)
    judge = g.judge
    if judge.districts and wish.districts[:1] and wish.districts[0] not in judge.districts:
        raise InvalidInput("DISTRICT_INVALID", "门店所在的区不归您管", "districts")
    return {"merchant_id": apply(ctx, wish, ctx.now(), judge.actor)}


@blp.get("/<int:merchant_id>")
@blp.doc(summary="一家商户", security=STAFF)
@blp.response(200, MerchantView)
@blp.refuses(404)
def view_merchant(merchant_id: int) -> dict[str, Any]:
    """商户、申请、材料清单、员工与客户端。"""
    merchant, application = find_merchant(g.judge, merchant_id)
    columns = {c.name: getattr(merchant, c.name) for c in merchant.__table__.columns}
    return {
        **columns,
        "scenarios": admissions_of(merchant_id),
        "application": None if application is None else _application(application),
        "documents": documents_of(merchant_id),
        "people": people_of(merchant_id),
        "clients": clients_of(merchant_id),
    }


@blp.put("/<int:merchant_id>/application")
@blp.doc(summary="代商户修改申请", security=STAFF)
@blp.arguments(WishBody)
@blp.response(204)
@blp.refuses(404, 409, 422)
def put_right(body: dict[str, Any], merchant_id: int) -> None:
    """修改之后重新进入待审，修改的人不能审批。"""
    find_merchant(g.judge, merchant_id)
    amend(context(), merchant_id, _wish(body), context().now(), g.judge.actor)


@blp.post("/<int:merchant_id>/documents")
@blp.doc(summary="补充申请材料", security=STAFF, requestBody=FILE)
@blp.response(201, description="已加密存放")
@blp.refuses(404, 409, 422)
def send_document(merchant_id: int) -> None:
    """PDF、JPEG 或 PNG，每份不超过 4 MB，最多 6 份。"""
    find_merchant(g.judge, merchant_id)
    sent = sent_paper(LARGEST)
    add_document(context(), merchant_id, sent.name, sent.content, context().now(), g.judge.actor)


@blp.get("/<int:merchant_id>/documents/<int:document_id>")
@blp.doc(summary="查看申请材料", security=STAFF)
@blp.response(200, BINARY, content_type="application/octet-stream")
@blp.refuses(404)
def view_document(merchant_id: int, document_id: int) -> Response:
    """查看会留下审计记录；总是作为附件下载，不在页面中打开。"""
    find_merchant(g.judge, merchant_id)
    document, content = open_document(context(), merchant_id, document_id, context().now(), g.judge.actor)
    return download(Paper(document.name, document.media_type, content), f"document-{document_id}")


@blp.post("/<int:merchant_id>/vouch")
@blp.doc(summary="认可校验位不符的早期代码", security=STAFF)
@blp.arguments(ReasonBody)
@blp.response(204)
@blp.refuses(404, 409, 422)
def vouch(body: dict[str, str], merchant_id: int) -> None:
    """核对执照后写明理由；认可的人不能审批这份申请。"""
    judge_merchant.vouch_for_uscc(g.judge, merchant_id, body["reason"], context().now())


@blp.post("/<int:merchant_id>/approve")
@blp.doc(summary="批准申请并准入场景", security=STAFF)
@blp.arguments(ScenariosBody)
@blp.response(204)
@blp.refuses(403, 404, 409, 422)
def approve(body: dict[str, Any], merchant_id: int) -> None:
    """下一次核验即生效。"""
    judge_merchant.approve(context(), g.judge, merchant_id, body["scenarios"], context().now())


@blp.post("/<int:merchant_id>/return")
@blp.doc(summary="退回申请", security=STAFF)
@blp.arguments(ReasonBody)
@blp.response(204)
@blp.refuses(404, 409, 422)
def give_back(body: dict[str, str], merchant_id: int) -> None:
    """写明要改什么，商户修改后再审。"""
    judge_merchant.return_application(g.judge, merchant_id, body["reason"], context().now())


@blp.post("/<int:merchant_id>/refuse")
@blp.doc(summary="不予批准", security=STAFF)
@blp.arguments(ReasonBody)
@blp.response(204)
@blp.refuses(404, 409, 422)
def refuse(body: dict[str, str], merchant_id: int) -> None:
    """写明原因；同一企业可以另行申请。"""
    judge_merchant.refuse(g.judge, merchant_id, body["reason"], context().now())


@blp.post("/<int:merchant_id>/suspend")
@blp.doc(summary="暂停商户", security=STAFF)
@blp.arguments(ReasonBody)
@blp.response(204)
@blp.refuses(404, 409, 422)
def suspend(body: dict[str, str], merchant_id: int) -> None:
    """下一次请求起不再回答，接口与柜台都是。"""
    judge_merchant.suspend(context(), g.judge, merchant_id, body["reason"], context().now())


@blp.post("/<int:merchant_id>/resume")
@blp.doc(summary="恢复商户", security=STAFF)
@blp.arguments(ReasonBody)
@blp.response(204)
@blp.refuses(404, 409, 422)
def resume(body: dict[str, str], merchant_id: int) -> None:
    """写明原因，恢复回答。"""
    judge_merchant.resume(context(), g.judge, merchant_id, body["reason"], context().now())


@blp.put("/<int:merchant_id>/scenarios")
@blp.doc(summary="变更准入的场景", security=STAFF)
@blp.arguments(ScenariosBody)
@blp.response(204)
@blp.refuses(404, 409, 422)
def admit(body: dict[str, Any], merchant_id: int) -> None:
    """此后只准这些场景。"""
    judge_merchant.admit(context(), g.judge, merchant_id, body["scenarios"], context().now())


@blp.post("/<int:merchant_id>/people")
@blp.doc(summary="开立商户员工账号", security=STAFF)
@blp.arguments(PersonBody)
@blp.response(204)
@blp.refuses(404, 409, 422)
def open_account(body: dict[str, str], merchant_id: int) -> None:
    """通常只开第一位店长，其余由店长自己开立。"""
    find_merchant(g.judge, merchant_id)
    open_person(context(), merchant_id, NewPerson(**body), context().now(), g.judge.actor)


@blp.delete("/<int:merchant_id>/people/<username>")
@blp.doc(summary="停用商户员工账号", security=STAFF)
@blp.response(204)
@blp.refuses(404)
def close_account(merchant_id: int, username: str) -> None:
    """停用后立即退出登录。"""
    find_merchant(g.judge, merchant_id)
    close_person(merchant_id, username, context().now(), g.judge.actor)


@blp.post("/<int:merchant_id>/clients")
@blp.doc(summary="登记商户的 OAuth 客户端", security=STAFF)
@blp.arguments(ClientBody)
@blp.response(201, ClientAnswer)
@blp.refuses(404, 422)
def add_client(body: dict[str, Any], merchant_id: int) -> Registered:
    """client_secret 只在此时给出一次。"""
    find_merchant(g.judge, merchant_id)
    registration = Registration(
        auth_method=body["auth_method"],
        scopes=tuple(s for s in body["scopes"] if s != "records"),
        jwks=body["jwks"],
        redirect_uris=tuple(body["redirect_uris"]),
        dpop_required=body["dpop_required"],
    )
    return register_client(context(), Owner(merchant_id), registration, context().now(), g.judge.actor)


@blp.delete("/<int:merchant_id>/clients/<client_id>")
@blp.doc(summary="吊销商户的 OAuth 客户端", security=STAFF)
@blp.response(204)
@blp.refuses(404)
def revoke(merchant_id: int, client_id: str) -> None:
    """下一次请求即失效。"""
    find_merchant(g.judge, merchant_id)
    revoke_client_of(context(), merchant_id, client_id, context().now(), g.judge.actor)


def _wish(body: dict[str, Any]) -> Wish:
    lists = {name: tuple(body[name]) for name in ("districts", "scenarios")}
    return Wish(**{**body, **lists})


def _application(application: Application) -> dict[str, Any]:
    columns = {c.name: getattr(application, c.name) for c in application.__table__.columns}
    who = look_at_contact(context(), g.judge, application.merchant_id, context().now())
    return {**columns, "contact": who and who.contact, "phone": who and who.phone}
