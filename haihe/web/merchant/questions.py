"""What AuthZEN's requests say, checked by hand: tens of thousands of questions a second go through here.

A test holds these checks equal to the schemas by which the doors are described. Unknown members are ignored everywhere,
properties and context too: nothing that a caller sends moves a threshold.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import request
from werkzeug.exceptions import HTTPException

from haihe.usecases.answer_questions import Asked, Semantic, SubjectKind, Unanswerable
from haihe.web.bodies import LARGEST_BODY, json_in
from haihe.web.problems import problem

# The entities of a question, and what each must say (AuthZEN §5).
SUBJECT, ACTION, RESOURCE = ("subject", ("type", "id")), ("action", ("name",)), ("resource", ("type", "id"))
QUESTION = (SUBJECT, ACTION, RESOURCE)
# What is searched for names its kind and nothing else; an id beside it is ignored (§8).
SUBJECT_SEARCH = (("subject", ("type",)), ACTION, RESOURCE)
RESOURCE_SEARCH = (SUBJECT, ACTION, ("resource", ("type",)))
ACTION_SEARCH = (SUBJECT, RESOURCE)

LARGEST_BATCH_BODY = 512 << 10
MOST_QUESTIONS = 1000
KINDS = {"pass": SubjectKind.PASS, "resident": SubjectKind.RESIDENT}
Entities = tuple[tuple[str, tuple[str, ...]], ...]


def read_object(largest: int = LARGEST_BODY) -> dict[str, Any]:
    """The body as a JSON object, or 400 (AuthZEN §10.1.1; its certification wants 400 for another media type too)."""
    if request.mimetype != "application/json":
        _refuse("UNSUPPORTED_MEDIA_TYPE", "请以 Content-Type: application/json 提交", None)
    request.max_content_length = largest
    asked = json_in(request.get_data())
    if not isinstance(asked, dict):
        _refuse("REQUEST_INVALID", "请求体应为 JSON 对象", None)
    return asked


def require(asked: Mapping[str, Any], entities: Entities) -> None:
    """Refuse the request with 400 if one of these is missing or malformed, or the context is."""
    fault = fault_in(asked, entities)
    if fault is not None:
        _refuse("REQUEST_INVALID", _words(*fault), fault[0])


def fault_in(asked: Mapping[str, Any], entities: Entities) -> tuple[str, bool] | None:
    """The first member that is wrong, and whether it is there at all."""
    for name, members in entities:
        part = asked.get(name)
        if not isinstance(part, dict):
            return name, name in asked
        for member in members:
            if not isinstance(part.get(member), str):
                return f"{name}.{member}", member in part
        if not isinstance(part.get("properties", {}), dict):
            return f"{name}.properties", True
    return None if isinstance(asked.get("context", {}), dict) else ("context", True)


def kind_of(asked: Mapping[str, Any]) -> SubjectKind:
    """Who is asked about; UNKNOWN also where the action or the resource is of a kind that we know nothing of."""
    action = asked.get("action", USE)
    if action["name"] != "use" or asked["resource"]["type"] != "scenario":
        return SubjectKind.UNKNOWN
    return KINDS.get(asked["subject"]["type"], SubjectKind.UNKNOWN)


def question_in(asked: Mapping[str, Any]) -> Asked:
    """A request that has been looked over, as the use cases want it."""
    return kind_of(asked), asked["subject"]["id"], asked["resource"]["id"]


def questions_in(asked: Mapping[str, Any]) -> tuple[list[Asked | Unanswerable], Semantic] | None:
    """The questions of a batch, each with what it left out (AuthZEN §7.1.1); None where there is no batch.

    What is wrong at the top is wrong with the whole request; what is wrong with one question is answered in its place.
    """
    semantic = _semantic(asked)
    batch = asked.get("evaluations", [])
    if not isinstance(batch, list):
        _refuse("REQUEST_INVALID", "字段 evaluations 应为数组", "evaluations")
    if not batch:
        return None
    if len(batch) > MOST_QUESTIONS:
        _refuse("TOO_MANY_QUESTIONS", f"evaluations 最多 {MOST_QUESTIONS} 项，请分批提交", "evaluations")
    given = tuple(entity for entity in QUESTION if entity[0] in asked)
    require(asked, given)
    defaults = {name: asked[name] for name, _members in given}
    return [_one(item, defaults, n) for n, item in enumerate(batch)], semantic


def _semantic(asked: Mapping[str, Any]) -> Semantic:
    options = asked.get("options", {})
    if not isinstance(options, dict):
        _refuse("REQUEST_INVALID", "字段 options 应为对象", "options")
    try:
        return Semantic(options.get("evaluations_semantic", Semantic.EXECUTE_ALL))
    except ValueError:
        allowed = "、".join(Semantic)
        _refuse(
            "REQUEST_INVALID", f"evaluations_semantic 应为 {allowed} 之一", "options.evaluations_semantic"
        )


def _one(item: Any, defaults: dict[str, Any], place: int) -> Asked | Unanswerable:
    if item.__class__ is not dict:
        return Unanswerable(400, "REQUEST_INVALID", f"evaluations[{place}] 应为对象")
    try:
        # The questions that are as they should be, which is nearly all of them, are recognised in as few steps as can be.
        subject = item["subject"] if "subject" in item else defaults["subject"]
        action = item["action"] if "action" in item else defaults["action"]
        resource = item["resource"] if "resource" in item else defaults["resource"]
        kind, name, scenario = subject["type"], subject["id"], resource["id"]
        if (
            action["name"] == "use"
            and resource["type"] == "scenario"
            and kind.__class__ is name.__class__ is scenario.__class__ is str
            and len(subject) == len(resource) == 2
            and len(action) == 1
            and "context" not in item
        ):
            return KINDS.get(kind, SubjectKind.UNKNOWN), name, scenario
    except (KeyError, TypeError, AttributeError):
        pass
    whole = {**defaults, **item}
    fault = fault_in(whole, QUESTION)
    if fault is not None:
        return Unanswerable(400, "REQUEST_INVALID", f"evaluations[{place}]：{_words(*fault)}")
    return question_in(whole)


USE = {"name": "use"}


def _words(field: str, there: bool) -> str:
    expected = "对象" if "." not in field or field.endswith("properties") else "文字"
    return f"字段 {field} 应为{expected}" if there else f"缺少字段 {field}"


def _refuse(code: str, detail: str, field: str | None) -> Any:
    raise HTTPException(response=problem(400, code, detail, field=field))
