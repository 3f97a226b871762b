"""双公示: a line of the national table of administrative penalties, told as a record of B13, B14 or B15."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from haihe.domain.cells import read_amount
from haihe.domain.errors import InvalidInput
from haihe.domain.reading import Fault, Reader, refuse

NEEDED = ("CF_XDR_MC", "CF_XDR_LB", "CF_XDR_ZJLX", "CF_XDR_ZJHM", "CF_WSH", "CF_CFLB", "CF_JDRQ")
# Where each column of a record stands in the national table.
STANDS_IN = {
    "record_no": "CF_WSH",
    "id_type": "CF_XDR_ZJLX",
    "id_number": "CF_XDR_ZJHM",
    "name": "CF_XDR_MC",
    "occurred_on": "CF_JDRQ",
    "document_no": "CF_WSH",
    "issuer": "CF_CFJG",
    "valid_to": "CF_GSJZQ",
}
COLUMNS = (
    *(
        "CF_XDR_MC",
        "CF_XDR_LB",
        "CF_XDR_ZJLX",
        "CF_XDR_ZJHM",
        "CF_WSH",
        "CF_WFXW",
        "CF_WFSS",
        "CF_YJ",
        "CF_CFLB",
    ),
    *(
        "CF_NR",
        "CF_NR_FK",
        "CF_JDRQ",
        "CF_YXQ",
        "CF_GSJZQ",
        "CF_CFJG",
        "CF_CFJGDM",
        "CF_SJLY",
        "CF_SJLYDM",
        "BZ",
    ),
)
NATURAL_PERSON = "自然人"
FINE = "罚款"


@dataclass(frozen=True, slots=True)
class PenaltyClass:
    """One class of 失信信息 and the kinds of penalty that belong to it."""

    indicator: str
    severity: str
    kinds: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PenaltyRules:
    """Which penalty weighs how much, lightest class first (信用修复管理办法). Amounts in 万元, as the table has them."""

    classes: tuple[PenaltyClass, ...]
    summary_procedure: str
    summary_fine_up_to: Decimal
    huge_fine_from: Decimal

    def class_of(self, kinds: str, remarks: str, fine: Decimal | None) -> PenaltyClass:
        """The heaviest class among the kinds of penalty in one decision."""
        found = [c for c in self.classes if any(kind in kinds for kind in c.kinds)]
        if not found:
            raise InvalidInput(
                "PENALTY_KIND_UNKNOWN", "处罚类别不在轻微、一般、严重的划分之内，请按指标报送", "CF_CFLB"
            )
        lightest, heaviest = self.classes[0], self.classes[-1]
        if fine is not None and fine >= self.huge_fine_from:
            return heaviest
        if self.summary_procedure in kinds + remarks and found[-1] is not heaviest:
            return lightest
        if _only_fine(kinds) and fine is not None and fine <= self.summary_fine_up_to:
            return lightest
        return found[-1]


def read_penalty_rules(data: object) -> PenaltyRules:
    """Take the parsed file of penalty classes; InvalidRules PENALTY_RULES_INVALID lists every fault."""
    faults: list[Fault] = []
    r = Reader(data, "", faults)
    r.text("basis")
    classes = []
    for c in r.readers("classes"):
        classes.append(
            PenaltyClass(c.text("indicator"), c.text("severity"), tuple(str(k) for k in c.items("kinds")))
        )
        c.close()
    rules = PenaltyRules(
        tuple(classes),
        r.text("summary_procedure"),
        Decimal(r.text("summary_fine_up_to", "0")),
        Decimal(r.text("huge_fine_from", "0")),
    )
    if not classes:
        r.fault("classes", "至少写一类")
    r.close()
    refuse("PENALTY_RULES_INVALID", faults)
    return rules


def as_record(row: Mapping[str, str], rules: PenaltyRules) -> dict[str, str]:
    """The same line in the columns of a record. 公示截止期 ends it: what may no longer be shown may not be used."""
    if row.get("CF_XDR_LB", "").strip() != NATURAL_PERSON:
        raise InvalidInput("NOT_A_NATURAL_PERSON", "海河分只接收自然人的行政处罚信息", "CF_XDR_LB")
    penalty = rules.class_of(
        row.get("CF_CFLB", "").strip(),
        row.get("CF_NR", "") + row.get("BZ", ""),
        _fine(row.get("CF_NR_FK", "").strip()),
    )
    record = {field: row.get(column, "") for field, column in STANDS_IN.items()}
    return {**record, "indicator": penalty.indicator, "severity": penalty.severity}


def _fine(text: str) -> Decimal | None:
    if not text:
        return None
    return read_amount(text, "CF_NR_FK", "AMOUNT_INVALID", "罚款金额应为以万元计的数字")


def _only_fine(kinds: str) -> bool:
    return kinds.strip("；;、，, ") == FINE
