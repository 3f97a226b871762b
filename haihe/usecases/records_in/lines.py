"""Lines of a file: bounded in length, decoded as UTF-8 or GB18030, each with the number that an editor shows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

from haihe.domain.errors import InvalidInput

LONGEST_LINE = 64 << 10
SAMPLE = 256 << 10
UTF8_MARK = b"\xef\xbb\xbf"
UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")


@dataclass(slots=True)
class Line:
    """One line without its end. `fault` says why it cannot be read; `text` then holds what could be."""

    no: int
    text: str
    fault: InvalidInput | None = None


def read_lines(plain: IO[bytes]) -> Iterator[Line]:
    """Every line of the file, from its beginning."""
    sample = plain.read(SAMPLE)
    plain.seek(0)
    encoding = encoding_of(sample)
    if sample.startswith(UTF8_MARK):
        plain.read(len(UTF8_MARK))
    no = 0
    while raw := plain.readline(LONGEST_LINE + 1):
        no += 1
        if len(raw) > LONGEST_LINE and not raw.endswith(b"\n"):
            while (rest := plain.readline(LONGEST_LINE)) and not rest.endswith(b"\n"):
                continue
            yield Line(no, _as_far_as_readable(raw, encoding), _too_long())
            continue
        try:
            yield Line(no, raw.decode(encoding).rstrip("\r\n"))
        except UnicodeDecodeError:
            yield Line(no, _as_far_as_readable(raw, encoding).rstrip("\r\n"), _broken(encoding))


def encoding_of(sample: bytes) -> str:
    """UTF-8 if most lines that are not plain ASCII can be read so, else GB18030, in which nearly everything can be."""
    if sample.startswith(UTF8_MARK):
        return "utf-8"
    if sample.startswith(UTF16_MARKS) or b"\0" in sample:
        raise InvalidInput("FORMAT_UNKNOWN", "不是文本文件，请另存为 UTF-8 编码的 CSV 后报送")
    lines = sample.split(b"\n")
    if len(sample) == SAMPLE:
        lines.pop()
    telling = [line for line in lines if not line.isascii()]
    as_utf8 = sum(_readable(line, "utf-8") for line in telling)
    return "utf-8" if as_utf8 * 2 >= len(telling) else "gb18030"


def _readable(line: bytes, encoding: str) -> bool:
    try:
        line.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def _as_far_as_readable(raw: bytes, encoding: str) -> str:
    return raw.decode(encoding, errors="replace")


def _too_long() -> InvalidInput:
    return InvalidInput("LINE_TOO_LONG", f"一行超过 {LONGEST_LINE >> 10} KB，请检查换行", "line")


def _broken(encoding: str) -> InvalidInput:
    return InvalidInput(
        "ENCODING_BROKEN", f"本行不是有效的 {encoding.upper()} 文字，请统一编码后重新报送", "line"
    )
