"""身份证件: the numbers by which people are known, checked before anything is stored under them.

GB 11643 for residents; 港澳台居民居住证 has the same form under prefixes 81, 82, 83; 外国人永久居留身份证 since 2023 has
eighteen digits beginning with 9, and an older form of three letters and twelve digits.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum


class IdType(StrEnum):
    """证件类型."""

    RESIDENT = "RESIDENT"
    HMT_RESIDENCE = "HMT_RESIDENCE"
    FOREIGN_PERMANENT = "FOREIGN_PERMANENT"


@dataclass(frozen=True, slots=True)
class Identity:
    """A checked number in its normal form, with the birth date that it states."""

    id_type: IdType
    number: str
    birth_date: date
