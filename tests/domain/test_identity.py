"""证件号码: which numbers are taken, and what is said of those that are not."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haihe.domain.errors import InvalidInput
from haihe.domain.identity import IdType, read_id_type, read_identity
from tests.builders import id_number

TODAY = date(2026, 11, 20)


def refusal(id_type: IdType | str, number: str) -> str:
    with pytest.raises(InvalidInput) as told:
        read_identity(id_type, number, TODAY)
    assert told.value.code == "ID_INVALID"
    assert told.value.field == "id_number"
    return told.value.detail


@pytest.mark.parametrize(
    ("number", "birth"),
    [
        ("11010519491231002X", date(1949, 12, 31)),
        ("440524188001010014", date(1880, 1, 1)),
        (id_number(7, date(2000, 2, 29)), date(2000, 2, 29)),
    ],
)
def test_a_resident_number_with_its_right_check_digit_states_the_birth_date(number: str, birth: date) -> None:
    identity = read_identity(IdType.RESIDENT, number, TODAY)
    assert (identity.number, identity.birth_date) == (number, birth)


def test_a_lower_case_x_and_blanks_around_are_forgiven() -> None:
    assert read_identity("RESIDENT", " 11010519491231002x ", TODAY).number == "11010519491231002X"


def test_a_number_of_a_county_that_no_longer_exists_stays_valid() -> None:
    # 120225 was 蓟县 until 2016; somebody born in 1950 was given the number after 1984.
    assert read_identity(IdType.RESIDENT, with_check_digit("12022519500101001"), TODAY)


@pytest.mark.parametrize("prefix", ["810000", "820000", "830000"])
def test_a_residence_permit_of_hong_kong_macao_and_taiwan_is_taken(prefix: str) -> None:
    number = with_check_digit(f"{prefix}19900101001")
    assert read_identity("港澳台居民居住证", number, TODAY).id_type is IdType.HMT_RESIDENCE


def test_the_new_permanent_residence_card_begins_with_nine() -> None:
    number = with_check_digit("91212419880808001")
    assert read_identity("外国人永久居留身份证", number, TODAY).birth_date == date(1988, 8, 8)


@pytest.mark.parametrize(
    ("body", "birth"),
    [
        ("CAN11007802251", date(1978, 2, 25)),
        ("USA31006106253", date(1961, 6, 25)),
        ("DEU12002305011", date(2023, 5, 1)),
        ("DEU12002312011", date(1923, 12, 1)),
        ("DEU12002402291", date(1924, 2, 29)),
        ("DEU12000002291", date(2000, 2, 29)),
    ],
)
def test_the_old_permanent_residence_card_states_the_latest_birth_that_can_be(body: str, birth: date) -> None:
    number = body + passport_check_digit(body)
    assert read_identity(IdType.FOREIGN_PERMANENT, number.lower(), TODAY).birth_date == birth


def test_two_old_cards_seen_in_public_have_the_check_digit_of_a_passport() -> None:
    for number in ("CAN110078022512", "USA310061062531"):
        assert read_identity(IdType.FOREIGN_PERMANENT, number, TODAY).number == number


@pytest.mark.parametrize(
    ("id_type", "number", "words"),
    [
        ("RESIDENT", "", "未填写"),
        ("RESIDENT", "1101051949123100", "现为 16 位"),
        ("RESIDENT", "110105491231002", "第一代"),
        ("RESIDENT", "11010519491231002A", "第 18 位应为数字或 X"),
        ("RESIDENT", "1101051949123１002X", "第 14 位应为数字"),
        ("RESIDENT", "1101O519491231002X", "第 5 位应为数字"),
        ("RESIDENT", "110105194912310021", "校验码"),
        ("RESIDENT", "11010519491331002X", "不是日历上的日子"),
        ("RESIDENT", "11010519490229002X", "不是日历上的日子"),
        ("RESIDENT", "11010520491231002X", "晚于今天"),
        ("RESIDENT", "11010517491231002X", "早于 1850 年"),
        ("RESIDENT", "99010519491231002X", "外国人永久居留身份证"),
        ("RESIDENT", "81000019900101001X", "证件类型应填港澳台居民居住证"),
        ("RESIDENT", "17010519491231002X", "省级行政区"),
        ("HMT_RESIDENCE", "11010519491231002X", "810000"),
        ("FOREIGN_PERMANENT", "11010519491231002X", "以 9"),
        ("FOREIGN_PERMANENT", "CAN11007802251", "旧版为 15 位"),
        ("FOREIGN_PERMANENT", "CA1110078022512", "3 个字母"),
        ("FOREIGN_PERMANENT", "CAN990078022512", "省级行政区"),
        ("FOREIGN_PERMANENT", "CAN110078022513", "校验码"),
        ("FOREIGN_PERMANENT", "CAN110078132514", "不是日历上的日子"),
    ],
)
def test_a_wrong_number_is_told_what_is_wrong_with_it(id_type: str, number: str, words: str) -> None:
    detail = refusal(id_type, number)
    assert words in detail
    assert not number or number not in detail


def test_departments_may_write_the_kind_of_document_in_chinese() -> None:
    assert read_id_type("居民身份证") is IdType.RESIDENT
    assert read_id_type(" 身份证 ") is IdType.RESIDENT
    with pytest.raises(InvalidInput) as told:
        read_id_type("护照")
    assert told.value.code == "ID_TYPE_INVALID"


@given(st.sampled_from(IdType), st.text(max_size=20))
def test_any_text_is_either_a_number_or_refused_in_words(id_type: IdType, text: str) -> None:
    try:
        assert read_identity(id_type, text, TODAY).birth_date <= TODAY
    except InvalidInput as told:
        assert told.code == "ID_INVALID"


@given(st.integers(0, 999), st.dates(date(1900, 1, 1), TODAY), st.integers(0, 16), st.integers(1, 9))
def test_one_mistyped_digit_is_always_found(sequence: int, birth: date, place: int, off: int) -> None:
    number = id_number(sequence, birth)
    mistyped = number[:place] + str((int(number[place]) + off) % 10) + number[place + 1 :]
    assert refusal(IdType.RESIDENT, mistyped)


def with_check_digit(body: str) -> str:
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
    return body + "10X98765432"[sum(int(d) * w for d, w in zip(body, weights, strict=True)) % 11]


def passport_check_digit(body: str) -> str:
    return str(sum(int(c, 36) * (7, 3, 1)[n % 3] for n, c in enumerate(body)) % 10)
