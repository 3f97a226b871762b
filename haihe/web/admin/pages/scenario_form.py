"""The form of a scenario: its fields become the body that `read_scenario` takes, as they were typed, right or wrong.

Buttons that add, nest and remove parts of it name what they do and where: `add|criteria`, `drop|offers/1`. A place is the
path of a form's field; `place_of` says how the reader calls it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from werkzeug.datastructures import MultiDict

from haihe.domain.reading import Fault

GROUPS = ("all", "any", "not")
# What a new criterion of a kind begins with.
BLANK: dict[str, Any] = {
    "points_at_least": 600,
    "grade_at_least": "G3",
    "dimension_at_least": {"dimension": "A", "points": 60},
    "age_between": [60, None],
    "district_in": [],
    "no_record_of": [],
    "consented_to": "MEDICAL",
    "stated": "F01",
    "running_orders_at_most": 3,
    "no_shows_at_most": 2,
    "all": [],
    "any": [],
    "not": {},
}
KIND_NAMES = {
    "points_at_least": "海河分不低于",
    "grade_at_least": "等级不低于",
    "dimension_at_least": "某一方面的得分不低于",
    "age_between": "年龄在…之间",
    "district_in": "居住在…区",
    "no_record_of": "没有某类失信记录",
    "consented_to": "已单独同意使用敏感信息",
    "stated": "已核实的资格",
    "running_orders_at_most": "进行中的订单不超过",
    "no_shows_at_most": "本季度预订未到场不超过",
    "all": "以下全部满足",
    "any": "以下满足任一",
    "not": "不属于以下情形",
}
TEXTS = (
    "code",
    "name",
    "domain",
    "lead_department",
    "partner_kind",
    "benefit_type",
    "valid_from",
    "valid_to",
    "default_terms",
    "legal_note",
    "pia_reference",
)
NAMES = {
    "code": "代码",
    "name": "名称",
    "domain": "领域",
    "lead_department": "牵头部门",
    "partner_kind": "商户类别",
    "benefit_type": "优惠类型",
    "criteria": "谁可以用",
    "offers": "优惠分档",
    "quotas": "每人限额",
    "shared_quotas": "总量",
    "districts": "适用的区",
    "valid_from": "开始日期",
    "valid_to": "结束日期",
    "pay_within_days": "完成后几日内付清",
    "default_terms": "不用积分时怎样办",
    "legal_note": "法律依据",
    "pia_reference": "个人信息保护影响评估编号",
    "label": "给什么",
    "ceiling_fen": "单笔最高",
}
# What the reader says of a field that was left empty, where a civil servant would say: fill it in.
EMPTY = "请填写"
# The reader counts in fen; the form takes yuan.
MONEY = "应为大于 0 的金额，写作 199 或 199.50"
PLACE_PART = re.compile(r"([a-z_]+)|\[(\d+)\]")
MOST_PARTS = 40
FEN_A_YUAN = 100

Form = MultiDict[str, str]


def body_of(form: Form, code: str) -> dict[str, Any]:
    """What was typed, as a body; a number that is none stays the text that it is, for the reader to refuse."""
    body: dict[str, Any] = {name: form.get(name, "").strip() for name in TEXTS}
    body["code"] = code
    body["criteria"] = _node(form, "criteria")
    body["offers"] = [_offer(form, f"offers/{n}") for n in _indices(form, "offers", "label")]
    body["quotas"] = _quotas(form, "quotas")
    body["shared_quotas"] = _quotas(form, "shared_quotas")
    body["districts"] = form.getlist("districts")
    body["pay_within_days"] = _number(form.get("pay_within_days", ""))
    body["needs_resident_confirmation"] = form.get("needs_resident_confirmation") == "1"
    return {name: value for name, value in body.items() if value not in ("", [], None)} | {
        "criteria": body["criteria"]
    }


def rework(body: dict[str, Any], do: str, form: Form) -> dict[str, Any]:
    """What a button asks for: `add|…` a part, `drop|…` one, `nest|…` a criterion into a group of its own."""
    deed, _bar, path = do.partition("|")
    if path == "offers" and deed == "add":
        body.setdefault("offers", []).append({"criteria": {"all": []}} if body.get("offers") else {})
    elif path.endswith("quotas") and deed == "add":
        _holder(body, path).append({"period": "DAY" if path == "shared_quotas" else "RUNNING"})
    elif deed in ("add", "drop", "nest"):
        _rework_criteria(body, deed, path, form)
    return body


def _holder(body: dict[str, Any], path: str) -> list[Any]:
    """The list of quotas at a path, made where there is none."""
    at: Any = body
    *steps, last = path.split("/")
    for step in steps:
        at = at[int(step)] if step.isdigit() else at.setdefault(step, [])
    held: list[Any] = at.setdefault(last, [])
    return held


def _rework_criteria(body: dict[str, Any], deed: str, path: str, form: Form) -> None:
    *steps, last = path.split("/")
    if deed == "drop" and "criteria" not in steps:
        _drop_part(body, steps, last)
        return
    owner: Any = body
    if path.startswith("offers/"):
        offers = body.get("offers", [])
        number = int(path.split("/")[1])
        if number >= len(offers):
            return
        owner = offers[number]
        steps = steps[2:]
        path = path.split("/", 2)[2]
    kind = form.get(f"{'/'.join(['offers', str(number), path]) if owner is not body else path}/new", "")
    way = [int(step) for step in path.split("/")[1:] if step.isdigit()]
    owner["criteria"] = _reworked(owner.get("criteria") or {"all": []}, way, deed, kind)


def _drop_part(body: dict[str, Any], steps: list[str], last: str) -> None:
    at: Any = body
    for step in steps:
        at = at[int(step)] if step.isdigit() else at.get(step, [])
    if isinstance(at, list) and last.isdigit() and int(last) < len(at):
        del at[int(last)]


def _reworked(node: Any, way: list[int], deed: str, kind: str) -> Any:
    ((name, value),) = node.items() if isinstance(node, Mapping) and len(node) == 1 else (("all", []),)
    parts = parts_of({name: value})
    if not way:
        if deed == "add" and kind in BLANK:
            return _group(name, [*parts, {kind: BLANK[kind]}])
        return node
    here, deeper = way[0], way[1:]
    if here >= len(parts):
        return node
    if deeper:
        parts[here] = _reworked(parts[here], deeper, deed, kind)
    elif deed == "drop":
        del parts[here]
    elif deed == "nest" and kind in GROUPS:
        parts[here] = _group(kind, [parts[here]])
    else:
        parts[here] = _reworked(parts[here], [], deed, kind)
    return _group(name, parts)


def _group(name: str, parts: list[Any]) -> dict[str, Any]:
    if name == "not":
        return {"not": parts[0] if len(parts) == 1 else {"any": parts} if parts else {}}
    return {name: parts}


def parts_of(node: Any) -> list[Any]:
    """The criteria within a group."""
    ((name, value),) = node.items() if isinstance(node, Mapping) and len(node) == 1 else (("all", []),)
    if name == "not":
        return [value] if value else []
    return list(value) if name in GROUPS and isinstance(value, list) else []


def _node(form: Form, path: str, depth: int = 0) -> dict[str, Any]:
    kind = form.get(f"{path}/kind", "all")
    if kind in GROUPS:
        numbers = _indices(form, path, "kind") if depth < 8 else []
        return _group(kind, [_node(form, f"{path}/{n}", depth + 1) for n in numbers])
    value = form.get(f"{path}/value", "").strip()
    match kind:
        case "points_at_least" | "running_orders_at_most" | "no_shows_at_most":
            return {kind: _number(value)}
        case "dimension_at_least":
            points = _number(form.get(f"{path}/points", ""))
            return {kind: {"dimension": value, "points": points}}
        case "age_between":
            return {kind: [_number(form.get(f"{path}/{end}", "")) for end in ("from", "to")]}
        case "district_in" | "no_record_of":
            return {kind: form.getlist(f"{path}/values")}
    return {kind: value}


def _offer(form: Form, path: str) -> dict[str, Any]:
    offer: dict[str, Any] = {"label": form.get(f"{path}/label", "").strip()}
    offer["ceiling_fen"] = _fen(form.get(f"{path}/ceiling", ""))
    if f"{path}/criteria/kind" in form:
        offer["criteria"] = _node(form, f"{path}/criteria")
    quotas = _quotas(form, f"{path}/quotas")
    return offer | ({"quotas": quotas} if quotas else {})


def _quotas(form: Form, path: str) -> list[dict[str, Any]]:
    return [
        {
            "period": form.get(f"{path}/{n}/period", ""),
            "at_most": _number(form.get(f"{path}/{n}/at_most", "")),
            "each_merchant": form.get(f"{path}/{n}/each_merchant") == "1",
        }
        for n in _indices(form, path, "at_most")
    ]


def _indices(form: Form, path: str, name: str) -> list[int]:
    return [n for n in range(MOST_PARTS) if f"{path}/{n}/{name}" in form]


def told_faults(written: Any, faults: Iterable[Fault]) -> list[Fault]:
    """The faults as an official reads them: of a field that was left empty it is said once that it is to be filled in."""
    told: dict[str, Fault] = {}
    for fault in faults:
        if _is_empty(written, fault.place):
            told.setdefault(fault.place, Fault(fault.place, EMPTY))
        elif fault.place.endswith(".ceiling_fen") and not fault.basis:
            told.setdefault(fault.place, Fault(fault.place, MONEY))
        else:
            told[f"{fault.place} {fault.detail}"] = fault
    return list(told.values())


def field_of(place: str) -> tuple[str, str]:
    """The field of the form that a place of the reader's is about: its id on the page, and its name."""
    steps = [word or number for word, number in PLACE_PART.findall(place)]
    if not steps:
        return "main", place
    name = NAMES.get(steps[0], steps[0])
    if steps[0] == "offers" and len(steps) > 1:
        name = f"第 {int(steps[1]) + 1} 档"
        if len(steps) > 2:
            name += f"的{NAMES.get(steps[2], steps[2])}"
        if len(steps) == 3 and steps[2] in ("label", "ceiling_fen"):
            return f"offers/{steps[1]}/{steps[2].removesuffix('_fen')}", name
    return steps[0], name


def _is_empty(written: Any, place: str) -> bool:
    at: Any = written
    for word, number in PLACE_PART.findall(place):
        if word and isinstance(at, Mapping):
            at = at.get(word)
        elif number and isinstance(at, list) and int(number) < len(at):
            at = at[int(number)]
        else:
            return True
    return at in (None, "") and bool(place)


def _number(text: str) -> int | str | None:
    text = text.strip()
    if not text:
        return None
    return int(text) if text.lstrip("-").isascii() and text.lstrip("-").isdigit() and len(text) < 10 else text


def _fen(text: str) -> int | str | None:
    """Yuan as typed, in fen: 199 or 199.50."""
    whole, _dot, part = text.strip().partition(".")
    if not whole:
        return None
    if (
        whole.isascii()
        and whole.isdigit()
        and len(whole) < 10
        and (not part or (part.isascii() and part.isdigit() and len(part) <= 2))
    ):
        return int(whole) * FEN_A_YUAN + int(part.ljust(2, "0") if part else 0)
    return text.strip()


def yuan_of(fen: Any) -> str:
    """Fen as yuan is typed; what is no number as it was typed."""
    if not isinstance(fen, int):
        return "" if fen is None else str(fen)
    whole, part = divmod(fen, FEN_A_YUAN)
    return f"{whole}.{part:02}" if part else str(whole)
