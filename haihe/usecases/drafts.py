"""草稿: a scenario or a rulebook as somebody wrote it, read without publishing anything; what is wrong is told line by line."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import yaml

from haihe.domain.reading import Fault, InvalidRules
from haihe.domain.rulebook import Rulebook
from haihe.domain.rulebook_reader import read_rulebook
from haihe.domain.scenario_reader import read_scenario
from haihe.domain.scenarios import Scenario, ScenarioState
from haihe.usecases.fault_lines import LineFault, check_written, with_lines
from haihe.usecases.published_scenarios import published_scenarios

Read = TypeVar("Read")


class InvalidDraft(InvalidRules):
    """A draft that cannot be taken as it is, with the line of every fault."""

    def __init__(self, code: str, faults: tuple[Fault, ...], lines: list[LineFault]) -> None:
        super().__init__(code, faults)
        self.lines = lines


def draft_scenario(text: str, rulebook: Rulebook) -> Scenario:
    """A scenario written in YAML, as this rulebook reads it; InvalidDraft otherwise."""
    return _told_by_line(text, lambda body: read_scenario(body, rulebook, 0, ScenarioState.DRAFT))


def draft_rulebook(text: str) -> Rulebook:
    """A rulebook written in YAML that has whatever the public scenarios ask for; InvalidDraft otherwise."""

    def read(body: Any) -> Rulebook:
        rulebook = read_rulebook(body)
        published_scenarios(rulebook)
        return rulebook

    return _told_by_line(text, read)


def text_of(raw: bytes) -> str:
    """The text of a file in UTF-8; InvalidDraft names the line where it is not."""
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        faults = (Fault(f"第{line}行", "不是 UTF-8 编码，请另存为 UTF-8"),)
        raise InvalidDraft("NOT_UTF8", faults, with_lines("", faults)) from error


def parsed(text: str) -> Any:
    """A YAML text as JSON would carry it: dates as text, so that what is stored is what was written."""
    return yaml.load(text, Loader=_TextDates)  # noqa: S506 - a SafeLoader without dates


def _told_by_line(text: str, read: Callable[[Any], Read]) -> Read:
    try:
        check_written(text)
        return read(parsed(text))
    except InvalidRules as error:
        raise InvalidDraft(error.code, error.faults, with_lines(text, error.faults)) from error


class _TextDates(yaml.SafeLoader):
    """Leaves dates as the text that they are."""


_TextDates.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
