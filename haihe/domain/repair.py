"""信用修复: from when a negative record may be repaired. The city only says so; “信用中国” is where one applies.

A class of record is shown for at least so long from the date of its document, and may be repaired after that, once the
duty is done (《信用修复管理办法》, NDRC Order 36 of 2025, in force from 2026-04-01).
"""

from __future__ import annotations

from datetime import date

from haihe.domain.dates import add_months
from haihe.domain.records import Record, Severity
from haihe.domain.rulebook import Indicator

SHOWN_AT_LEAST_MONTHS = {Severity.MINOR: 0, Severity.GENERAL: 3, Severity.SERIOUS: 12}


def repairable_from(record: Record, indicator: Indicator) -> date | None:
    """The first day on which its subject may apply; None for what is no negative record."""
    severity = record.severity or indicator.severity
    if not indicator.is_negative or severity is None:
        return None
    return add_months(record.occurred_on, SHOWN_AT_LEAST_MONTHS[severity])
