"""信用报告: the code on the paper, and how a person is named to somebody who only wants to know whether the paper is genuine."""

from __future__ import annotations

from datetime import timedelta

# The report can be fetched and checked for so long; then it is deleted, and a new one is made where one is needed.
KEPT_FOR = timedelta(days=30)
A_DAY_AT_MOST = 5
# Crockford's base 32: nothing that looks like something else on paper. Twenty signs are a hundred random bits.
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
CODE_LENGTH = 20
GROUP = 5
MISREAD = str.maketrans(
    {"O": "0", "I": "1", "L": "1", "-": None, " ": None, "－": None, "—": None, "　": None}
)
SHOWN_FIRST, SHOWN_LAST = 3, 4
MOST_STARS = 2


def code_of(drawn: bytes) -> str:
    """The code that twenty random bytes stand for, as it is printed: four groups of five."""
    signs = "".join(ALPHABET[byte % len(ALPHABET)] for byte in drawn[:CODE_LENGTH])
    return "-".join(signs[i : i + GROUP] for i in range(0, CODE_LENGTH, GROUP))


def read_code(typed: str) -> str | None:
    """What somebody typed from the paper, as the code was printed; None for what cannot be a code."""
    signs = typed.upper().translate(MISREAD)
    if len(signs) != CODE_LENGTH or set(signs) - set(ALPHABET):
        return None
    return "-".join(signs[i : i + GROUP] for i in range(0, CODE_LENGTH, GROUP))


def masked_name(name: str) -> str:
    """王** for 王小明: enough to tell whether the paper is this person's, and no more."""
    name = name.strip()
    return name[:1] + "*" * min(max(len(name) - 1, 1), MOST_STARS)


def masked_number(number: str) -> str:
    """An identity number with its first three and last four signs."""
    hidden = len(number) - SHOWN_FIRST - SHOWN_LAST
    return number[:SHOWN_FIRST] + "*" * hidden + number[-SHOWN_LAST:]
