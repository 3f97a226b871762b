"""场景、规则集与标准案例 over HTTP: drafted, tried, handed in, approved by another person, paused and retired, by the same deeds as at
the console."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from flask import Response, request
from werkzeug.exceptions import HTTPException

from haihe.domain.errors import NotFound
from haihe.domain.reading import InvalidRules
from haihe.domain.scenario_changes import changes
from haihe.storage.drafts import Draft
from haihe.usecases import drafting, golden_cases, reviewing, scenario_life
from haihe.usecases.drafting import DraftChanged, get_draft, read_draft, text_of_draft
from haihe.usecases.drafts import InvalidDraft
from haihe.usecases.staff_login import Role, StaffCaller
from haihe.web.admin import draft_schemas as shown
from haihe.web.admin.city_jobs import DraftParser
from haihe.web.admin.lock import StaffDoors, require_staff
from haihe.web.context import context
from haihe.web.problems import problem

STAFF = [{"staff": []}]
READERS = (Role.SCENARIO_EDITOR, Role.APPROVER, Role.AUDITOR)
ETAG = {"ETag": {"description": "草稿的版本", "schema": {"type": "string", "example": '"3"'}}}
IF_MATCH = [
    {
        "in": "header",
        "name": "If-Match",
        "required": True,
        "schema": {"type": "string", "example": '"3"'},
        "description": "您看到的那一版的 ETag；别人改过了就是 412，什么也不改",
    }
]


class RuleDoors(StaffDoors):
    """Doors that take whole drafts and all refuse alike."""

    ARGUMENTS_PARSER = DraftParser()
    REFUSALS = {  # noqa: RUF012 - declared as ClassVar where it comes from
        403: "岗位没有这项权限、超出所辖区，或审批自己改动过的草稿",
        404: "没有找到",
        409: "状态不允许，或有标准案例不符",
        412: "别人刚刚改动过这份草稿",
        422: "内容有误；草稿有误时 faults 或 lines 逐处说明",
        428: "没有带 If-Match",
        429: "已有 5 项全市任务在等待",
    }


blp = RuleDoors("admin_drafts", __name__, url_prefix="/v1/admin", description="场景、规则集与标准案例")


@blp.before_request
def locked() -> None:
    """Settled before anything of the request is read."""
    require_staff(*READERS)


@blp.errorhandler(DraftChanged)
def changed(error: DraftChanged) -> Response:
    """Somebody was quicker; the draft as it is now is told, so that both can be compared."""
    return problem(412, error.code, error.detail, {"ETag": _etag(error.draft)})


@blp.errorhandler(InvalidRules)
def faulty(error: InvalidRules) -> Response:
    """Every fault at once, with its line where there are lines."""
    lines = [asdict(line) for line in error.lines] if isinstance(error, InvalidDraft) else None
    return problem(422, error.code, error.detail, faults=[asdict(f) for f in error.faults], lines=lines)


def _editor() -> StaffCaller:
    return require_staff(Role.SCENARIO_EDITOR)


def _approver() -> StaffCaller:
    return require_staff(Role.APPROVER)


def _etag(draft: Draft) -> str:
    return f'"{draft.version}"'


def _view(draft_id: int) -> tuple[dict[str, Any], int, dict[str, str]]:
    draft = get_draft(draft_id)
    kept = {name: getattr(draft, name) for name in shown.DraftLine().fields}
    return {**kept, "text": text_of_draft(draft)}, 200, {"ETag": _etag(draft)}


def _seen() -> int:
    version = shown.version_in(request.headers.get("If-Match"))
    if version is None:
        refusal = problem(428, "IF_MATCH_MISSING", "请以 If-Match 带上您看到的草稿版本（ETag）")
        raise HTTPException(response=refusal)
    return version


@blp.get("/scenarios")
@blp.doc(summary="全部场景的最新一版", security=STAFF)
@blp.response(200, shown.Scenarios)
def scenarios() -> dict[str, Any]:
    """含已暂停与已停用的。"""
    return {"scenarios": scenario_life.latest_revisions()}


@blp.get("/scenarios/<code>/revisions")
@blp.doc(summary="一个场景的历次版本", security=STAFF)
@blp.response(200, shown.Scenarios)
@blp.refuses(404)
def revisions(code: str) -> dict[str, Any]:
    """新的在前；要退回旧版，以 revision 起草。"""
    found = scenario_life.revisions_of(code)
    if not found:
        raise NotFound("SCENARIO_NOT_FOUND", "没有这个场景")
    return {"scenarios": found}


def _move(code: str, deed: str, body: dict[str, Any]) -> None:
    ctx = context()
    scenario_life.move_scenario(ctx, code, deed, body["reason"], _approver(), ctx.now())


@blp.post("/scenarios/<code>/pause")
@blp.doc(summary="暂停场景（审批）", security=STAFF)
@blp.arguments(shown.DraftReasonBody)
@blp.response(204, description="已暂停，一秒之内处处生效")
@blp.refuses(403, 404, 409, 422)
def pause(body: dict[str, Any], code: str) -> None:
    """进行中的订单不受影响。"""
    _move(code, "pause", body)


@blp.post("/scenarios/<code>/resume")
@blp.doc(summary="恢复场景（审批）", security=STAFF)
@blp.arguments(shown.DraftReasonBody)
@blp.response(204, description="已恢复")
@blp.refuses(403, 404, 409, 422)
def resume(body: dict[str, Any], code: str) -> None:
    """恢复已暂停的场景。"""
    _move(code, "resume", body)


@blp.post("/scenarios/<code>/retire")
@blp.doc(summary="停用场景（审批）", security=STAFF)
@blp.arguments(shown.DraftReasonBody)
@blp.response(204, description="已停用")
@blp.refuses(403, 404, 409, 422)
def retire(body: dict[str, Any], code: str) -> None:
    """停用之后要再开，须重新起草与审批。"""
    _move(code, "retire", body)


@blp.get("/rulebooks")
@blp.doc(summary="全部规则集", security=STAFF)
@blp.response(200, shown.Rulebooks)
def rulebooks() -> dict[str, Any]:
    """现行的与以往的，新的在前。"""
    return {"rulebooks": scenario_life.published_rulebooks()}


@blp.get("/drafts")
@blp.doc(summary="办理中的草稿", security=STAFF)
@blp.arguments(shown.DraftsQuery, location="query")
@blp.response(200, shown.Drafts)
def drafts(query: dict[str, Any]) -> dict[str, Any]:
    """最近改动的在前。"""
    return {"drafts": drafting.open_drafts(query["kind"])}


@blp.post("/drafts")
@blp.doc(summary="起草（场景编辑）", security=STAFF)
@blp.arguments(shown.NewDraftBody)
@blp.response(201, shown.DraftView, headers=ETAG)
@blp.refuses(403, 404, 409, 422)
def begin(body: dict[str, Any]) -> Any:
    """从公开的一版、某一旧版或空白开始；同一代码同时只有一份草稿。"""
    draft = drafting.begin_draft(body["kind"], body["code"], _editor(), context().now(), body["revision"])
    view, _ok, headers = _view(draft.id)
    return view, 201, headers


@blp.get("/drafts/<int:draft_id>")
@blp.doc(summary="一份草稿", security=STAFF)
@blp.response(200, shown.DraftView, headers=ETAG)
@blp.refuses(404)
def view(draft_id: int) -> Any:
    """全文与办到哪一步。"""
    return _view(draft_id)


@blp.put("/drafts/<int:draft_id>")
@blp.doc(summary="改写草稿（场景编辑）", security=STAFF, parameters=IF_MATCH)
@blp.arguments(shown.DraftTextBody)
@blp.response(200, shown.DraftView, headers=ETAG)
@blp.refuses(403, 404, 409, 412, 422, 428)
def change(body: dict[str, Any], draft_id: int) -> Any:
    """整份替换；有误就逐处说明、什么也不改（网页上的表单可以边写边存）。"""
    ctx, caller, version = context(), _editor(), _seen()
    written = drafting.written_in(ctx, get_draft(draft_id), body["text"], ctx.now())
    drafting.change_draft(draft_id, version, written, caller, ctx.now())
    return _view(draft_id)


@blp.delete("/drafts/<int:draft_id>")
@blp.doc(summary="放弃草稿（场景编辑）", security=STAFF)
@blp.response(204, description="已放弃，仍在记录里")
@blp.refuses(403, 404, 409)
def drop(draft_id: int) -> None:
    """放弃一份未提交的草稿。"""
    drafting.drop_draft(draft_id, _editor(), context().now())


@blp.get("/drafts/<int:draft_id>/check")
@blp.doc(summary="校验草稿", security=STAFF)
@blp.response(200, shown.DraftCheck)
@blp.refuses(404)
def check(draft_id: int) -> dict[str, Any]:
    """哪里有误、与公开的一版有何不同、标准案例是否相符。"""
    ctx, draft = context(), get_draft(draft_id)
    read = read_draft(ctx, draft, ctx.now())
    public = drafting.public_scenario(ctx, draft.code) if draft.kind == drafting.SCENARIO else None
    return {
        "faults": read.faults,
        "changes": changes(public, read.scenario) if read.scenario else [],
        "golden_cases": reviewing.check_golden(read),
    }


@blp.post("/drafts/<int:draft_id>/trial")
@blp.doc(summary="在全市试算草稿（场景编辑）", security=STAFF)
@blp.response(202, shown.TrialMade, description="已排队；进度与结果见 /v1/admin/city-jobs/{job_id}")
@blp.refuses(403, 404, 422, 429)
def trial(draft_id: int) -> dict[str, int]:
    """只得到汇总数字，少于 20 人的不列出。"""
    ctx = context()
    return {"city_job_id": drafting.try_on_city(ctx, draft_id, _editor(), ctx.now())}


@blp.post("/drafts/<int:draft_id>/submit")
@blp.doc(summary="提交审批（场景编辑）", security=STAFF, parameters=IF_MATCH)
@blp.response(200, shown.DraftView, headers=ETAG)
@blp.refuses(403, 404, 409, 412, 422, 428)
def submit(draft_id: int) -> Any:
    """有误的草稿不能提交。"""
    ctx = context()
    drafting.submit_draft(ctx, draft_id, _seen(), _editor(), ctx.now())
    return _view(draft_id)


@blp.post("/drafts/<int:draft_id>/approve")
@blp.doc(summary="批准（审批）", security=STAFF, parameters=IF_MATCH)
@blp.arguments(shown.ApprovalBody)
@blp.response(200, shown.DraftView, headers=ETAG)
@blp.refuses(403, 404, 409, 422, 428)
def approve(body: dict[str, Any], draft_id: int) -> Any:
    """改动过它的人不能批准；有标准案例不符时不能批准。"""
    ctx = context()
    reviewing.approve_draft(ctx, draft_id, _seen(), body["starts_on"], _approver(), ctx.now())
    return _view(draft_id)


@blp.post("/drafts/<int:draft_id>/return")
@blp.doc(summary="退回（审批）", security=STAFF, parameters=IF_MATCH)
@blp.arguments(shown.DraftReasonBody)
@blp.response(200, shown.DraftView, headers=ETAG)
@blp.refuses(403, 404, 409, 422, 428)
def give_back(body: dict[str, Any], draft_id: int) -> Any:
    """待审批的与已批准待生效的都可以退回。"""
    reviewing.return_draft(draft_id, _seen(), body["reason"], _approver(), context().now())
    return _view(draft_id)


@blp.get("/golden-cases")
@blp.doc(summary="标准案例", security=STAFF)
@blp.response(200, shown.GoldenCases)
def cases() -> dict[str, Any]:
    """每一份草稿都要与它们核对。"""
    return {"golden_cases": golden_cases.golden_cases()}


@blp.post("/golden-cases")
@blp.doc(summary="写一个标准案例（场景编辑、审批）", security=STAFF)
@blp.arguments(shown.GoldenCaseBody)
@blp.response(201, shown.GoldenCaseMade)
@blp.refuses(403, 422)
def write_case(body: dict[str, Any]) -> dict[str, str]:
    """名称相同的，以新写的为准。"""
    caller = require_staff(Role.SCENARIO_EDITOR, Role.APPROVER)
    return {"name": golden_cases.write_case(body["text"], caller, context().now())}


@blp.delete("/golden-cases/<int:case_id>")
@blp.doc(summary="停用标准案例（审批）", security=STAFF)
@blp.response(204, description="此后的草稿不再与它核对")
@blp.refuses(403, 404)
def retire_case(case_id: int) -> None:
    """停用的案例仍在记录里。"""
    golden_cases.retire_case(case_id, _approver(), context().now())
