"""全市任务: a draft tried on everybody, or the fairness report, asked by an administrator and worked out elsewhere."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from flask import Response

from haihe.storage.city_jobs import CityJob
from haihe.usecases.city_jobs import CityQuestion, ask_city, city_job
from haihe.usecases.drafts import InvalidDraft
from haihe.usecases.staff_login import Role
from haihe.web.admin.lock import StaffDoors, require_staff
from haihe.web.admin.schemas import CityJobBody, CityJobView
from haihe.web.bodies import StrictParser
from haihe.web.context import context
from haihe.web.problems import problem


class DraftParser(StrictParser):
    """Takes a whole rulebook."""

    LARGEST = 1 << 20


class DraftBlueprint(StaffDoors):
    """A door that drafts come through."""

    ARGUMENTS_PARSER = DraftParser()


blp = DraftBlueprint("admin_city_jobs", __name__, url_prefix="/v1/admin", description="全市试算与报告")

STAFF = [{"staff": []}]
TRIERS = (Role.SCENARIO_EDITOR, Role.APPROVER)
READERS = (*TRIERS, Role.SYSTEM_ADMIN, Role.AUDITOR)


@blp.before_request
def locked() -> None:
    """Whether somebody may ask at all is settled before anything of the request is read."""
    require_staff(*READERS)


@blp.post("/city-jobs")
@blp.doc(summary="提出一项全市任务", security=STAFF)
@blp.arguments(CityJobBody)
@blp.response(202, CityJobView, description="已排队；按 id 查询进度与结果")
@blp.alt_response(403, description="试算由场景编辑与审批岗位提出；报告还可由系统管理与审计岗位提出")
@blp.alt_response(422, description="草稿有误，lines 逐行说明原因；没有排队")
@blp.alt_response(429, description="已有 5 项任务在等待")
def ask(body: dict[str, Any]) -> CityJob | Response:
    """试算一个场景或规则集草稿（YAML），或生成公平与覆盖报告。只得到汇总数字，不发布任何内容。"""
    kind = CityQuestion(body["kind"])
    caller = require_staff(*(READERS if kind is CityQuestion.REPORT else TRIERS))
    ctx = context()
    try:
        return ask_city(ctx, kind, body["draft"], body["on"], ctx.now(), f"staff:{caller.username}")
    except InvalidDraft as error:
        return problem(422, error.code, error.detail, field="draft", lines=[asdict(f) for f in error.lines])


@blp.get("/city-jobs/<int:job_id>")
@blp.doc(summary="一项全市任务的进度与结果", security=STAFF)
@blp.response(200, CityJobView)
@blp.alt_response(404, description="没有这项任务")
def view(job_id: int) -> CityJob:
    """WAITING 等待，RUNNING 计算中（progress 为 0 到 1），DONE 已有 result，FAILED 见 error_code 与 error_detail。"""
    return city_job(job_id)
