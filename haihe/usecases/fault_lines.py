"""Where in a YAML file a fault stands: from the reader's place (`offers[1].criteria`) to the line a person can go to."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import yaml

from haihe.domain.reading import Fault, InvalidRules

# What the reader calls the file where there is no place in it to name.
WHOLE_FILE = "文件"
STEP = re.compile(r"\[(\d+)\]|([^.\[\]]+)")


@dataclass(frozen=True, slots=True)
class LineFault:
    """One fault with its line, counted from 1, and what is written there."""

    line: int
    written: str
    place: str
    detail: str
    basis: str


def check_written(text: str) -> None:
    """Refuse what is no YAML at all, and a key written twice: of the two, the reader would see only the last."""
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        raise InvalidRules(
            "NOT_YAML",
            (Fault(f"第{line}行", "不是正确的 YAML，请检查缩进、冒号与引号", error.problem or ""),),
        ) from error
    except yaml.YAMLError as error:
        raise InvalidRules("NOT_YAML", (Fault("第1行", f"不是正确的 YAML：{error}"),)) from error
    if root is None:
        raise InvalidRules("NOT_YAML", (Fault("第1行", "文件是空的"),))
    twice = tuple(_twice(root))
    if twice:
        raise InvalidRules("KEY_TWICE", twice)


def with_lines(text: str, faults: Iterable[Fault]) -> list[LineFault]:
    """The faults with their lines, in the order of the file; one that lacks its key stands where the key should be."""
    lines = text.splitlines()
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError:
        root = None
    found = []
    for fault in faults:
        line, there = _line_of(fault.place, root)
        written = lines[line - 1].strip() if line <= len(lines) else ""
        detail = fault.detail if there else f"这里还缺少 {fault.place.rsplit('.', 1)[-1]}，{fault.detail}"
        found.append(LineFault(line, written, fault.place, detail, fault.basis))
    return sorted(found, key=lambda f: f.line)


def _line_of(place: str, root: yaml.Node | None) -> tuple[int, bool]:
    """The line, and whether what the place names is written at all."""
    told = re.fullmatch(r"第(\d+)行", place)
    if told:
        return int(told[1]), True
    line, node = 1, root
    for index, key in STEP.findall(place):
        if index and isinstance(node, yaml.SequenceNode) and int(index) < len(node.value):
            node = node.value[int(index)]
            line = node.start_mark.line + 1
        elif key and isinstance(node, yaml.MappingNode):
            pair = next((p for p in node.value if p[0].value == key), None)
            if pair is None:
                return line, place == WHOLE_FILE
            line, node = pair[0].start_mark.line + 1, pair[1]
        else:
            return line, False
    return line, True


def _twice(node: yaml.Node) -> Iterator[Fault]:
    if isinstance(node, yaml.MappingNode):
        seen: dict[str, int] = {}
        for key, value in node.value:
            line = key.start_mark.line + 1
            if isinstance(key, yaml.ScalarNode) and key.value in seen:
                detail = f"{key.value} 已在第 {seen[key.value]} 行写过，请只留一处"
                yield Fault(f"第{line}行", detail)
            seen[str(key.value)] = line
            yield from _twice(value)
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from _twice(item)
