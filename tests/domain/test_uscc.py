"""统一社会信用代码: lawful forms, and check signs that a person must look at."""

from __future__ import annotations

import pytest

from haihe.domain.errors import InvalidInput
from haihe.domain.uscc import read_uscc


@pytest.mark.parametrize(
    "text", ["91110000600037341L", " 9111 0000 6000 3734 1l ", "91110000-600037341L", "９1110000600037341L"]
)
def test_a_code_is_read_however_it_is_written(text: str) -> None:
    assert read_uscc(text).code == "91110000600037341L"
    assert read_uscc(text).checks


@pytest.mark.parametrize("text", ["911100006000373410", "N2120000MF0000000A"])
def test_a_wrong_check_sign_is_told_and_not_refused(text: str) -> None:
    assert not read_uscc(text).checks


@pytest.mark.parametrize(
    "text",
    ["", "9111", "91110000600037341I", "9111000060003734100", "91A10000600037341L"],
)
def test_what_cannot_be_a_code_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput) as raised:
        read_uscc(text)
    assert raised.value.code == "USCC_INVALID"
