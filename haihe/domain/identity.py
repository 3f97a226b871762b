"""身份证件: the numbers by which people are known, checked before anything is stored under them.

GB 11643 for residents; 港澳台居民居住证 has the same form under prefixes 81, 82, 83; 外国人永久居留身份证 since 2023 has
eighteen digits beginning with 9, and an older form of three letters and twelve digits.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from stdnum.cn.ric import calc_check_digit

from haihe.domain.errors import InvalidInput


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


# As departments write them, and as the national 双公示 table does (证件类型).
ID_TYPE_NAMES: dict[str, IdType] = {
    **{t.value: t for t in IdType},
    "身份证": IdType.RESIDENT,
    "居民身份证": IdType.RESIDENT,
    "中华人民共和国居民身份证": IdType.RESIDENT,
    "港澳台居民居住证": IdType.HMT_RESIDENCE,
    "港澳居民居住证": IdType.HMT_RESIDENCE,
    "台湾居民居住证": IdType.HMT_RESIDENCE,
    "外国人永久居留身份证": IdType.FOREIGN_PERMANENT,
    "外国人永久居留证": IdType.FOREIGN_PERMANENT,
}

# Only the province is looked at. The counties under it have been renumbered for forty years and people keep the number
# they were given, so a list of counties refuses living people; the checksum already finds mistyped digits.
PROVINCES = frozenset(
    str(p)
    for band in ((11, 15), (21, 23), (31, 37), (41, 46), (50, 54), (61, 65), (71, 71))
    for p in range(band[0], band[1] + 1)
)
HMT_PREFIXES = ("810000", "820000", "830000")
MODERN_LENGTH, OLD_FOREIGN_LENGTH, FIRST_GENERATION_LENGTH = 18, 15, 15
MRZ_WEIGHTS = (7, 3, 1)
# The old card was last issued on this day, so whoever holds one was born by then.
OLD_FOREIGN_CARD_ENDED = date(2023, 11, 30)
OLDEST_BIRTH = date(1850, 1, 1)
# Wherever eighteen such characters begin, also within a longer run of digits.
EIGHTEEN = re.compile(r"(?=(\d{6}(?:18[5-9]\d|19\d\d|20\d\d)\d{7}[\dXx]))", re.ASCII)
HIDDEN = "*"
# What is written between the parts of a name in one file and left out or written otherwise in the next.
BETWEEN_NAMES = re.compile(r"[\s·•・‧∙⋅.]+")


def read_id_type(name: str) -> IdType:
    """The kind of document, by its code or by the name that departments write."""
    found = ID_TYPE_NAMES.get(name.strip())
    if found is None:
        raise InvalidInput(
            "ID_TYPE_INVALID",
            "证件类型应为居民身份证（RESIDENT）、港澳台居民居住证（HMT_RESIDENCE）"
            "或外国人永久居留身份证（FOREIGN_PERMANENT）",
            "id_type",
        )
    return found


def read_identity(id_type: IdType | str, number: str, on: date) -> Identity:
    """A number as somebody wrote it, checked; InvalidInput ID_INVALID says in which respect it cannot be right.

    What is wrong is told without repeating the number: reports and logs are no place for it.
    """
    kind = id_type if isinstance(id_type, IdType) else read_id_type(id_type)
    number = number.strip().upper()
    if not number:
        raise _wrong("证件号码未填写")
    if kind is IdType.FOREIGN_PERMANENT and len(number) == OLD_FOREIGN_LENGTH:
        return Identity(kind, number, _old_foreign_birth(number))
    if len(number) != MODERN_LENGTH:
        raise _wrong(_about_length(kind, number))
    if not (number.isascii() and number[:-1].isdigit() and (number[-1].isdigit() or number[-1] == "X")):
        raise _wrong(_about_characters(number))
    _check_prefix(kind, number)
    birth = _birth(number[6:10], number[10:12], number[12:14])
    if not OLDEST_BIRTH <= birth <= on:
        raise _wrong("号码中的出生日期晚于今天" if birth > on else "号码中的出生日期早于 1850 年")
    if calc_check_digit(number) != number[-1]:
        raise _wrong("校验码（末位）不符，请核对是否有错位或误录")
    return Identity(kind, number, birth)


def holds_identity_number(text: str) -> bool:
    """Does this text give away somebody's number? The birth date and the check digit tell it from any other digits."""
    return bool(_identity_places(text))


def hide_identity_numbers(text: str) -> str:
    """The text with every identity number in it made unreadable."""
    hidden = list(text)
    for begin in _identity_places(text):
        hidden[begin : begin + MODERN_LENGTH] = HIDDEN * MODERN_LENGTH
    return "".join(hidden)


def same_name(one: str, other: str) -> bool:
    """Are these one name, however its blanks, its middle dots and the width of its letters were typed?"""
    return one == other or _plain_name(one) == _plain_name(other)


def _plain_name(name: str) -> str:
    return BETWEEN_NAMES.sub("", unicodedata.normalize("NFKC", name)).casefold()


def _identity_places(text: str) -> list[int]:
    # Full-width digits are as readable as others; each of them is one character before and after.
    narrow = "".join(unicodedata.normalize("NFKC", c) if "\uff10" <= c <= "\uff58" else c for c in text)
    return [found.start() for found in EIGHTEEN.finditer(narrow) if _checks(found[1].upper())]


def _checks(number: str) -> bool:
    try:
        date(int(number[6:10]), int(number[10:12]), int(number[12:14]))
    except ValueError:
        return False
    return bool(calc_check_digit(number) == number[-1])


def _wrong(detail: str) -> InvalidInput:
    return InvalidInput("ID_INVALID", detail, "id_number")


def _about_length(kind: IdType, number: str) -> str:
    if kind is IdType.RESIDENT and len(number) == FIRST_GENERATION_LENGTH and number.isdigit():
        return "15 位的第一代身份证号码已停用，请报送 18 位号码"
    forms = "18 位（旧版为 15 位）" if kind is IdType.FOREIGN_PERMANENT else "18 位"
    return f"号码长度应为 {forms}，现为 {len(number)} 位"


def _about_characters(number: str) -> str:
    for place, character in enumerate(number, 1):
        last = place == MODERN_LENGTH
        if not (character.isascii() and (character.isdigit() or (last and character == "X"))):
            return f"第 {place} 位应为数字{'或 X' if last else ''}"
    return "只能含数字和末位的 X"


def _check_prefix(kind: IdType, number: str) -> None:
    """The first digits say which kind of document it is."""
    match kind:
        case IdType.RESIDENT if number[:2] not in PROVINCES:
            if number.startswith(HMT_PREFIXES):
                raise _wrong("这是港澳台居民居住证的号码，证件类型应填港澳台居民居住证")
            if number.startswith("9"):
                raise _wrong("这是外国人永久居留身份证的号码，证件类型应填外国人永久居留身份证")
            raise _wrong("前两位不是任何省级行政区的代码")
        case IdType.HMT_RESIDENCE if not number.startswith(HMT_PREFIXES):
            raise _wrong("港澳台居民居住证号码应以 810000、820000 或 830000 开头")
        case IdType.FOREIGN_PERMANENT if number[0] != "9" or number[1:3] not in PROVINCES:
            raise _wrong("新版外国人永久居留身份证号码应以 9 和省级行政区代码开头")


def _birth(year: str, month: str, day: str) -> date:
    try:
        return date(int(year), int(month), int(day))
    except ValueError:
        raise _wrong("号码中的出生日期不是日历上的日子") from None


def _old_foreign_birth(number: str) -> date:
    """The old card: country (3 letters), place of application (4), YYMMDD, sequence, check digit as in a passport.

    The year has no century: of the two it is the later in which the card can have been issued, for there are many more
    children than people of a hundred.
    """
    letters, digits = number[:3], number[3:]
    if not (number.isascii() and letters.isalpha() and digits.isdigit()):
        raise _wrong("旧版外国人永久居留证号码应为 3 个字母加 12 位数字")
    if digits[:2] not in PROVINCES:
        raise _wrong("第 4、5 位不是任何省级行政区的代码")
    birth = _latest_birth(digits[4:6], digits[6:8], digits[8:10])
    if _mrz_check_digit(number[:-1]) != number[-1]:
        raise _wrong("校验码（末位）不符，请核对是否有错位或误录")
    return birth


def _latest_birth(year: str, month: str, day: str) -> date:
    # 29 February may exist in one century only, so each is tried on its own.
    for century in ("20", "19"):
        try:
            birth = _birth(century + year, month, day)
        except InvalidInput:
            continue
        if birth <= OLD_FOREIGN_CARD_ENDED:
            return birth
    raise _wrong("号码中的出生日期不是日历上的日子")


def _mrz_check_digit(text: str) -> str:
    """ICAO 9303: weights 7, 3, 1; A counts ten, Z thirty-five."""
    return str(sum(int(c, 36) * MRZ_WEIGHTS[n % 3] for n, c in enumerate(text)) % 10)
