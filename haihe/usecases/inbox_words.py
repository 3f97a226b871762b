"""消息的话: what each message says, a short title and one or two sentences, as people speak."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from haihe.domain.explaining import yuan
from haihe.domain.orders import Deed

Words = tuple[str, str]


def points_words(before: int, after: int, cause: str, part: str) -> Words:
    """The total has changed."""
    return f"海河分 {after - before:+d}：{before} → {after}", f"{cause}：{part}。点开可以看到每一项。"


def question_words(merchant: str, scenario: str, answer: str) -> Words:
    """A merchant has asked."""
    return f"{merchant}查询了“{scenario}”", f"{answer}。商户只听到这一句，不含分数和记录。"


def objection_words(state: str) -> Words:
    """An objection has been answered."""
    return "您的异议有了答复", f"{state}。点开看答复全文。"


def deed_words(deed: str, merchant: str, scenario: str, amounts: Mapping[str, Any]) -> Words:
    """Something has been done to an order, not by the resident."""
    due = amounts.get("total_fen")
    title = {
        Deed.OPEN: "订单已开始",
        Deed.START: "订单已开始",
        Deed.LOWER: "金额已调低",
        Deed.COMPLETE: f"订单已完成，待付 {yuan(due)} 元" if due else "订单已完成",
        Deed.SETTLE: "订单已结清",
        Deed.CANCEL: "订单已撤销",
        Deed.EXPIRE: "订单已作废",
    }[Deed(deed)]
    text = {
        Deed.LOWER: f"现为 {yuan(amounts['agreed_fen'] if due is None else due)} 元。",
        Deed.EXPIRE: "到时没有确认或开始，名额已归还，不影响积分。",
        Deed.CANCEL: "没有使用，名额已归还，不影响积分。",
    }.get(Deed(deed), "")
    return title, f"{merchant}“{scenario}”。{text}"


def notice_words(kind: str, parts: Mapping[str, Any], scenario: str) -> Words:
    """A reminder, an announcement, or what the merchant answered to a dispute."""
    due_on, due_fen = parts.get("due_on"), parts.get("due_fen")
    what = f"付清 {yuan(due_fen)} 元" if due_fen else "归还或付清"
    about = f"{parts.get('merchant', '商户')}“{scenario}”"
    by = f"{about}最迟 {_day(due_on)}{what}。" if due_on else f"{about}。"
    overdue = f"{about}最迟应在 {_day(due_on)}{what}，商户还没有报告结清。"
    object_ = "已经结清或有不同意见，请点开提出争议，时间随即停下。"
    until = f"若到 {_day(parts.get('recorded_from'))}仍未结清、也没有争议，将产生一条记录并影响积分。"
    match kind:
        case "FILE_WITHDRAWN":
            sent = f"{parts.get('source', '来源部门')}在 {_day(parts.get('sent_on'))}报送的一份文件有误，已整份撤回。"
            return (
                "一份报送有误，已撤回",
                f"{sent}其中关于您的记录恢复到报送之前的样子；积分若有变化，见积分变动。",
            )
        case "ORDER_TO_CONFIRM":
            return "请确认订单", f"{about}等您确认，确认以后才生效。"
        case "ORDER_REMIND_BEFORE":
            return "明天到期", by
        case "ORDER_REMIND_ON_THE_DAY":
            return "今天到期", by
        case "ORDER_REMIND_AFTER":
            return "已经过了约定的日子", overdue + object_
        case "ORDER_ANNOUNCE_OVERDUE":
            return "预告：将记为逾期", overdue + until + object_
        case "ORDER_ANNOUNCE_BREACH":
            return "预告：将记为违约", overdue + until + object_
        case "ORDER_RECORD_OVERDUE":
            return "已记为逾期", f"{overdue}结清之后不再计分；您可以在得分明细里提出异议。"
        case "ORDER_RECORD_BREACH":
            return "已记为违约", f"{overdue}您可以在得分明细里提出异议。"
        case "ORDER_NO_SHOW":
            booked, counts = _day(parts.get("booked_on")), _day(parts.get("counts_from"))
            return "商户说您没有到场", (
                f"{about}，预订在 {booked}。这不影响积分；{counts}起计入本季度预订未到场的次数。"
                "如果您到场了或已经取消，请点开提出争议，随即停止计入。"
            )
        case "ORDER_DISPUTE_ANSWERED" if parts.get("counts_from"):
            counts = _day(parts["counts_from"])
            return "商户答复了您的争议", f"商户仍认为您没有到场。{counts}起计入本季度，您可以再次提出争议。"
        case "ORDER_DISPUTE_ANSWERED":
            again = f"争议的日子已经补回，新的日期是 {_day(due_on)}。" if due_on else ""
            return "商户答复了您的争议", f"商户维持原来的要求。{again}"
    return "订单有变化", about


# By the deed that the trace names.
HELPED = {
    "issue_pass": "出示了“{scenario}”的信用码",
    f"order_{Deed.CONFIRM}": "确认了“{scenario}”的订单",
    f"order_{Deed.DISPUTE}": "对“{scenario}”的订单提出了争议",
    f"order_{Deed.END_DISPUTE}": "撤回了“{scenario}”订单的争议",
    "file_objection": "提出了一项异议",
    "take_back_objection": "撤回了一项异议",
    f"order_{Deed.CANCEL}": "取消了“{scenario}”的预约",
    "add_attachment": "补充了一份异议材料",
    "remove_attachment": "删去了一份异议材料",
    "open_attachment": "打开了一份异议材料",
    "make_report": "生成了一份公共信用报告",
}


def helped_words(deed: str, scenario: str) -> str:
    """What a relative has done."""
    return HELPED.get(deed, "办理了一件事").format(scenario=scenario)


def helping_words(kind: str, name: str, relation: str, what: str, scopes: str) -> Words:
    """What is told about 亲情代办."""
    ended = "不是您的意思？在“亲情代办”里点一下即可结束，立即生效。"
    match kind:
        case "HELPER_ACCEPTED":
            return f"{name}（{relation}）可以为您代办了", f"可以代办：{scopes}。{ended}"
        case "HELPER_STARTED":
            return f"{name}（{relation}）开始为您办理", f"可以代办：{scopes}。办的每一件事都会告诉您。{ended}"
        case "HELPING_ENDED":
            return f"与{name}的代办已结束", "从现在起不能再代办。"
    return f"{name}（{relation}）代您{what}", ended


def _day(given: str | None) -> str:
    """A day as it is spoken of."""
    if not given:
        return ""
    day = date.fromisoformat(given)
    return f"{day.month} 月 {day.day} 日"
