"""信用记录: a fact that a department states about a resident."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum


class RecordState(StrEnum):
    """Only an EFFECTIVE record counts. 记录状态."""

    EFFECTIVE = "EFFECTIVE"
    DISPUTED = "DISPUTED"
    CORRECTED = "CORRECTED"
    WITHDRAWN = "WITHDRAWN"
    REPAIRED = "REPAIRED"
    EXPIRED = "EXPIRED"


class Severity(StrEnum):
    """失信信息的类别, as NDRC Order 36 of 2025 (信用修复管理办法) divides it."""

    MINOR = "轻微"
    GENERAL = "一般"
    SERIOUS = "严重"


ONE = Decimal(1)


@dataclass(frozen=True, slots=True)
class Record:
    """One stated fact. `quantity` is in the indicator's own unit (months, hours, items); `level` is for graded honours.

    `valid_from` and `valid_to` are the first and the last day on which the department says it holds; both may be absent.
    """

    record_id: int
    indicator: str
    occurred_on: date
    quantity: Decimal = ONE
    level: str | None = None
    severity: Severity | None = None
    valid_from: date | None = None
    valid_to: date | None = None
    state: RecordState = RecordState.EFFECTIVE

    @property
    def first_day(self) -> date:
        """The first day on which it holds."""
        return self.valid_from or self.occurred_on
