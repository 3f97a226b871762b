"""Rows of a table: CSV or JSON Lines, in our own columns or those of the national 双公示 table, told by looking."""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import IO, Any

import orjson

from haihe.domain import penalties
from haihe.domain.errors import InvalidInput
from haihe.domain.incoming import COLUMNS, REQUIRED
from haihe.usecases.records_in.lines import LONGEST_LINE, Line, read_lines

CSV, JSONL, PENALTIES = "csv", "jsonl", "penalties"
# A remark with line breaks in it spans a few lines; a forgotten quotation mark would span the rest of the file.
MOST_LINES_A_ROW = 64


@dataclass(slots=True)
class Row:
    """One row: where it stands, what was written, and its cells, or why it has none."""

    no: int
    last_no: int
    text: str
    cells: Mapping[str, str]
    fault: InvalidInput | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """A file whose columns are known; `rows` can be gone through once."""

    format: str
    rows: Iterator[Row]
    header: tuple[str, ...] | None = None


def open_table(plain: IO[bytes]) -> Table:
    """Find out what the file is; InvalidInput tells what is missing where it is nothing we can read."""
    lines = (line for line in read_lines(plain) if line.text.strip() or line.fault)
    first = next(lines, None)
    if first is None:
        raise InvalidInput("FILE_EMPTY", "文件中没有任何内容")
    if first.fault is not None:
        raise first.fault
    text = first.text.lstrip()
    if text.startswith("{"):
        row = _from_json(first, None)
        columns = penalties.COLUMNS if "CF_WSH" in row.cells else COLUMNS
        known = frozenset(columns)
        rows = (_from_json(line, known) for line in chain([first], lines))
        return Table(PENALTIES if columns is penalties.COLUMNS else JSONL, rows)
    if text.startswith("["):
        raise InvalidInput("FORMAT_UNKNOWN", "JSON 文件应每行一个对象（JSON Lines），不是一个数组")
    header = tuple(cell.strip() for cell in _cells_of(first.text) or ())
    return Table(_kind_of(header), _from_csv(lines, header), header)


def read_again(format_: str, header: Sequence[str] | None, no: int, text: str) -> Row:
    """A row of a table read before, by itself."""
    line = Line(no, text)
    if header is not None:
        row = next(_from_csv(iter([line]), tuple(header)), None)
        return row or Row(no, no, text, {}, InvalidInput("COLUMN_COUNT", "本行没有内容", "line"))
    if format_ == CSV or not text.lstrip().startswith("{"):
        fault = InvalidInput("HEADER_UNKNOWN", "导入时没有保存表头，请逐项填写，或原样再送一次文件", "line")
        return Row(no, no, text, {}, fault)
    return _from_json(line, frozenset(columns_of(format_)))


def columns_of(format_: str) -> tuple[str, ...]:
    """The columns that a table of this kind may have."""
    return penalties.COLUMNS if format_ == PENALTIES else COLUMNS


def _kind_of(header: tuple[str, ...]) -> str:
    """The kind of table that a header announces."""
    if len(set(header)) < len(header):
        raise InvalidInput("COLUMNS_REPEATED", "表头中有重复的列")
    if "CF_WSH" in header:
        _require(penalties.NEEDED, header)
        return PENALTIES
    if not set(header) & set(COLUMNS):
        raise InvalidInput("FORMAT_UNKNOWN", f"第一行应为表头：{','.join(COLUMNS)}")
    _require(REQUIRED, header)
    unknown = [c for c in header if c not in COLUMNS]
    if unknown:
        # A misspelt valid_to, passed over in silence, would be a record that never ends.
        raise InvalidInput("COLUMNS_UNKNOWN", f"不认识的列：{'、'.join(c[:32] for c in unknown[:10])}")
    return CSV


def _require(needed: tuple[str, ...], header: tuple[str, ...]) -> None:
    missing = [c for c in needed if c not in header]
    if missing:
        raise InvalidInput("COLUMNS_MISSING", f"表头缺少：{'、'.join(missing)}")


def _from_csv(lines: Iterator[Line], header: tuple[str, ...]) -> Iterator[Row]:
    waiting: deque[Line] = deque()
    width = len(header)
    while line := (waiting.popleft() if waiting else next(lines, None)):
        text, last_no = line.text, line.no
        if line.fault is not None:
            yield Row(line.no, line.no, text, {}, line.fault)
            continue
        if '"' in text:
            text, last_no = _whole_row(line, lines, waiting)
            values = _cells_of(text)
        else:
            values = text.split(",")
        if values is None:
            fault = InvalidInput("QUOTES_BROKEN", "引号不成对，请检查本行的双引号", "line")
            yield Row(line.no, last_no, text, {}, fault)
        elif len(values) != width:
            fault = InvalidInput("COLUMN_COUNT", f"应有 {width} 列，现有 {len(values)} 列", "line")
            yield Row(line.no, last_no, text, {}, fault)
        elif any(values):
            yield Row(line.no, last_no, text, dict(zip(header, values, strict=True)))


def _whole_row(first: Line, lines: Iterator[Line], waiting: deque[Line]) -> tuple[str, int]:
    """The text of a row that may go on over line breaks within quotation marks.

    Where no end is found, the row is its first line alone, and the lines after it stand for themselves again.
    """
    text, taken = first.text, []
    while text.count('"') % 2:
        following = waiting.popleft() if waiting else next(lines, None)
        if following is not None:
            taken.append(following)
        if (
            following is None
            or following.fault is not None
            or len(taken) >= MOST_LINES_A_ROW
            or len(text) > LONGEST_LINE
        ):
            waiting.extendleft(reversed(taken))
            return first.text, first.no
        text += "\n" + following.text
    return text, taken[-1].no if taken else first.no


def _cells_of(text: str) -> list[str] | None:
    try:
        return next(csv.reader([text], strict=True), [])
    except csv.Error:
        return None


def _from_json(line: Line, known: frozenset[str] | None) -> Row:
    if line.fault is not None:
        return Row(line.no, line.no, line.text, {}, line.fault)
    try:
        held = orjson.loads(line.text)
    except orjson.JSONDecodeError:
        held = None
    if not isinstance(held, dict):
        fault = InvalidInput("JSON_INVALID", "本行不是一个 JSON 对象", "line")
        return Row(line.no, line.no, line.text, {}, fault)
    cells = {str(key): _cell(value) for key, value in held.items()}
    if known is not None:
        for key, cell in cells.items():
            if key not in known:
                fault = InvalidInput("FIELD_UNKNOWN", "有不认识的字段，请检查拼写", "line")
                return Row(line.no, line.no, line.text, {}, fault)
            if cell is None:
                fault = InvalidInput("FIELD_TYPE", "应为文字、数字或 null", key)
                return Row(line.no, line.no, line.text, {}, fault)
    return Row(line.no, line.no, line.text, {k: c or "" for k, c in cells.items()})


def _cell(value: Any) -> str | None:
    """A JSON value as a cell of a table would hold it; None where no cell could."""
    match value:
        case str():
            return value
        case None:
            return ""
        case bool():
            return None
        case int() | float():
            return str(value)
    return None
