"""One cell of a table that came in: text, day or amount, or the reason why it is none."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import NoReturn

from haihe.domain.errors import InvalidInput

LONGEST = {"record_no": 64, "name": 64, "document_no": 128, "issuer": 128, "level": 32}
LAST_DAY = date(2199, 12, 31)
FOR_EVER = date(9999, 12, 31)

# What no cell may hold: control characters, line separators, marks that reorder what a clerk reads, and half characters.
UNPRINTABLE = re.compile(
    "[\\x00-\\x1f\\x7f-\\x9f\\u2028-\\u202e\\u2066-\\u2069\\ufeff\\ufffe\\uffff\\ud800-\\udfff]"
)
DAY = re.compile(r"(\d{4})(?:-(\d{2})-(\d{2})|/(\d{1,2})/(\d{1,2})|(\d{2})(\d{2}))", re.ASCII)
QUANTITY = re.compile(r"\d{1,9}(\.\d{1,9})?", re.ASCII)


def read_day(text: str, field: str) -> date:
    """A calendar day as departments write it: 2026-03-01, 2026/3/1 or 20260301."""
    found = DAY.fullmatch(text)
    if found is None:
        raise InvalidInput("DATE_INVALID", "日期应写作 2026-03-01、2026/3/1 或 20260301", field)
    year, *rest = (int(part) for part in found.groups() if part is not None)
    try:
        day = date(year, rest[0], rest[1])
    except ValueError:
        raise InvalidInput("DATE_INVALID", "不是日历上的日子", field) from None
    if day > LAST_DAY and day != FOR_EVER:
        raise InvalidInput("DATE_INVALID", "日期过远；长期有效请留空或填 9999-12-31", field)
    return day


def read_amount(text: str, field: str, code: str, detail: str) -> Decimal:
    """A plain number above or equal to zero: no sign, no exponent, no separators."""
    if not QUANTITY.fullmatch(text):
        raise InvalidInput(code, detail, field)
    return Decimal(text)


def no_unprintable(row: Mapping[str, str]) -> None:
    """Refuse a row of which any cell holds a character that a clerk could not see."""
    if UNPRINTABLE.search("".join(row.values())) is None:
        return
    field = next(f for f, value in row.items() if UNPRINTABLE.search(value))
    raise InvalidInput("CHARACTER_INVALID", "含有不可见的控制字符，请清除后重新报送", field)


def missing(field: str, name: str) -> NoReturn:
    """Refuse a row for a cell that must be filled in."""
    raise InvalidInput("FIELD_MISSING", f"{name}未填写", field)


def text_of(row: Mapping[str, str], field: str) -> str | None:
    """The text of a cell, None where it is empty."""
    text = row.get(field, "").strip()
    if len(text) > LONGEST[field]:
        raise InvalidInput("FIELD_TOO_LONG", f"最多 {LONGEST[field]} 个字，现有 {len(text)} 个", field)
    return text or None
