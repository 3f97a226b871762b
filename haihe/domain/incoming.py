"""报送的一行: what a department wrote becomes a `Candidate`, or is refused for one reason that the department can mend.

Nothing here knows whether the record has been stated before; that is for the deed that stores it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from haihe.domain.cells import FOR_EVER, missing, no_unprintable, read_amount, read_day, text_of
from haihe.domain.errors import InvalidInput
from haihe.domain.identity import Identity, holds_identity_number, read_id_type, read_identity
from haihe.domain.kinds import LevelMap
from haihe.domain.records import ONE, RecordState, Severity
from haihe.domain.rulebook import Fact, Indicator, Rulebook

REQUIRED = ("record_no", "indicator", "id_type", "id_number", "name", "occurred_on")
OPTIONAL = (
    "document_no",
    "issuer",
    "quantity",
    "level",
    "severity",
    "valid_from",
    "valid_to",
    "state",
)
COLUMNS = (*REQUIRED, *OPTIONAL)

MOST = Decimal(10_000)
DECIMALS = 2
STATES = {
    "": None,
    **{s.value: s for s in (RecordState.EFFECTIVE, RecordState.WITHDRAWN, RecordState.REPAIRED)},
    "有效": RecordState.EFFECTIVE,
    "撤回": RecordState.WITHDRAWN,
    "撤销": RecordState.WITHDRAWN,
    "修复": RecordState.REPAIRED,
    "已修复": RecordState.REPAIRED,
}
SEVERITIES = {"": None, **{s.value: s for s in Severity}}
YES_NO = {"YES": "YES", "NO": "NO", "是": "YES", "否": "NO"}


@dataclass(frozen=True, slots=True)
class Candidate:
    """A line that may be stored. `state` is None where the line does not say: a new record is then effective, and a
    known one stays in the state that it has, so that sending a full list again never undoes a repair."""

    record_no: str
    indicator: str
    identity: Identity
    name: str
    occurred_on: date
    document_no: str | None
    issuer: str | None
    quantity: Decimal
    level: str | None
    severity: Severity | None
    valid_from: date | None
    valid_to: date | None
    state: RecordState | None


class RowReader:
    """Reads the lines of one source, on one day, under the rulebook in force."""

    def __init__(self, rulebook: Rulebook, entitled: Collection[str], on: date) -> None:
        self._rulebook = rulebook
        self._entitled = frozenset(entitled)
        self._on = on
        # The same few days come thousands of times in one file.
        self._days: dict[str, date] = {}

    def read(self, row: Mapping[str, str]) -> Candidate:
        """The line as a record; InvalidInput with the field, a stable code and the reason in Chinese."""
        no_unprintable(row)
        record_no = text_of(row, "record_no") or missing("record_no", "记录编号")
        if holds_identity_number(record_no):
            raise InvalidInput(
                "RECORD_NO_IS_IDENTITY",
                "记录编号中含有证件号码，而编号不加密保存；请改用不含个人信息的编号",
                "record_no",
            )
        rule = self._rule(row.get("indicator", "").strip())
        identity = read_identity(read_id_type(row.get("id_type", "")), row.get("id_number", ""), self._on)
        name = text_of(row, "name") or missing("name", "姓名")
        occurred_on = self._day(row, "occurred_on") or missing("occurred_on", "发生日期")
        if occurred_on > self._on:
            raise InvalidInput("DATE_IN_FUTURE", "发生日期晚于今天", "occurred_on")
        if occurred_on < identity.birth_date:
            raise InvalidInput("DATE_BEFORE_BIRTH", "发生日期早于证件号码中的出生日期", "occurred_on")
        valid_from, valid_to = self._day(row, "valid_from"), self._day(row, "valid_to")
        if valid_from == FOR_EVER:
            raise InvalidInput("DATE_INVALID", "有效期起不能是 9999-12-31", "valid_from")
        if valid_to == FOR_EVER:
            valid_to = None
        if valid_to is not None and valid_to < (valid_from or occurred_on):
            raise InvalidInput(
                "VALIDITY_REVERSED", "有效期止早于有效期起（未填有效期起时为发生日期）", "valid_to"
            )
        document_no = text_of(row, "document_no")
        if document_no is None and isinstance(rule, Indicator) and rule.is_negative:
            raise InvalidInput(
                "DOCUMENT_NO_MISSING", "失信记录须有具有法律效力的文书，请填写文书号", "document_no"
            )
        return Candidate(
            record_no=record_no,
            indicator=rule.code,
            identity=identity,
            name=name,
            occurred_on=occurred_on,
            document_no=document_no,
            issuer=text_of(row, "issuer"),
            quantity=_quantity(row.get("quantity", "").strip()),
            level=_level(rule, text_of(row, "level")),
            severity=_severity(rule, row.get("severity", "").strip()),
            valid_from=valid_from,
            valid_to=valid_to,
            state=_state(row.get("state", "").strip()),
        )

    def _rule(self, code: str) -> Indicator | Fact:
        """The catalogue gate: what no rulebook lists, or lists as not yet to be counted, is not taken at all."""
        if not code:
            return missing("indicator", "指标代码")
        indicator = self._rulebook.by_code.get(code)
        rule = indicator or self._rulebook.fact_by_code.get(code)
        if rule is None:
            raise InvalidInput("INDICATOR_UNKNOWN", "指标代码不在现行规则集中", "indicator")
        if indicator is not None and not indicator.enabled:
            raise InvalidInput(
                "CATALOGUE_NOT_LISTED",
                f"{code}（{indicator.name}）未列入本市公共信用信息补充目录，不予归集",
                "indicator",
            )
        if self._entitled and code not in self._entitled:
            raise InvalidInput("INDICATOR_NOT_YOURS", f"{code}（{rule.name}）不由本部门报送", "indicator")
        return rule

    def _day(self, row: Mapping[str, str], field: str) -> date | None:
        text = row.get(field, "").strip()
        if not text:
            return None
        known = self._days.get(text)
        if known is None:
            known = self._days[text] = read_day(text, field)
        return known


def _quantity(text: str) -> Decimal:
    if not text:
        return ONE
    quantity = read_amount(text, "quantity", "QUANTITY_INVALID", "数量应为数字，如 1 或 2.5")
    if len(text.partition(".")[2]) > DECIMALS:
        raise InvalidInput("QUANTITY_INVALID", f"数量最多 {DECIMALS} 位小数", "quantity")
    if not 0 < quantity <= MOST:
        raise InvalidInput("QUANTITY_INVALID", f"数量应大于 0 且不超过 {MOST}", "quantity")
    return quantity


def _level(rule: Indicator | Fact, text: str | None) -> str | None:
    """Facts are stated as yes or no; graded honours by a level of the rulebook; for all others it is only kept."""
    if isinstance(rule, Fact):
        level = YES_NO.get((text or "").upper())
        if level is None:
            raise InvalidInput("LEVEL_INVALID", "资格事实的级别应填 YES（是）或 NO（否）", "level")
        return level
    if isinstance(rule.kind, LevelMap) and text not in rule.kind.levels:
        raise InvalidInput("LEVEL_INVALID", f"级别应为其中之一：{'、'.join(rule.kind.levels)}", "level")
    return text


def _severity(rule: Indicator | Fact, text: str) -> Severity | None:
    if text not in SEVERITIES:
        raise InvalidInput("SEVERITY_INVALID", "失信类别应为轻微、一般或严重，或留空", "severity")
    if text and not (isinstance(rule, Indicator) and rule.is_negative):
        raise InvalidInput("SEVERITY_INVALID", f"{rule.code} 不是失信指标，失信类别应留空", "severity")
    return SEVERITIES[text]


def _state(text: str) -> RecordState | None:
    if text not in STATES:
        raise InvalidInput(
            "STATE_INVALID",
            "状态应为 EFFECTIVE（有效）、WITHDRAWN（撤回）或 REPAIRED（修复），或留空",
            "state",
        )
    return STATES[text]
