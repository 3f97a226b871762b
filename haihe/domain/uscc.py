"""统一社会信用代码 (GB 32100): eighteen signs, of which the last checks the rest.

Codes of the first years were given out with a wrong check sign and remain lawful, so a wrong one is a question for a person, not
an answer. Register and kind may be letters (N for rural collectives), which GB 32100 allows.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from stdnum.cn.uscc import calc_check_digit, compact

from haihe.domain.errors import InvalidInput

FORM = re.compile(r"[0-9A-HJ-NP-RTUWXY]{2}[0-9]{6}[0-9A-HJ-NP-RTUWXY]{10}")


@dataclass(frozen=True, slots=True)
class Uscc:
    """A code as it is kept, and whether its check sign is right."""

    code: str
    checks: bool


def read_uscc(text: str) -> Uscc:
    """The code without blanks and in capitals; InvalidInput USCC_INVALID where it cannot be one at all."""
    code = compact(text)
    if not FORM.fullmatch(code):
        raise InvalidInput(
            "USCC_INVALID",
            "统一社会信用代码应为 18 位：2 位登记管理机关与类别、6 位区划数字、10 位字母或数字（不含 I、O、S、V、Z）",
            "uscc",
        )
    return Uscc(code, code[-1] == calc_check_digit(code))
