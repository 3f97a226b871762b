"""Reading rules that people write: every fault is told at once, each with the place it stands and what to write instead."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any, TypeVar

from haihe.domain.errors import InvalidInput

Choice = TypeVar("Choice", bound=StrEnum)


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong: where (`indicators[3].cap`), what, and by which rule if it is a matter of law."""

    place: str
    detail: str
    basis: str = ""


class InvalidRules(InvalidInput):
    """A rulebook or scenario that cannot be taken as it is, with all of its faults."""

    def __init__(self, code: str, faults: tuple[Fault, ...]) -> None:
        listed = "；".join(f"{f.place}：{f.detail}{f'（{f.basis}）' if f.basis else ''}" for f in faults)
        super().__init__(code, listed, faults[0].place)
        self.faults = faults


class Reader:
    """A mapping being read: what is missing or of the wrong type is noted, and a harmless value stands in until the end."""

    def __init__(self, data: object, place: str, faults: list[Fault]) -> None:
        self.place = place
        self.faults = faults
        self.data: Mapping[str, Any] = data if isinstance(data, Mapping) else {}
        self.seen: set[str] = set()
        if not isinstance(data, Mapping):
            self.fault("", "应为一组“名称: 值”")

    def at(self, key: str) -> str:
        """The full place of a key."""
        return f"{self.place}.{key}".strip(".") if key else self.place or "文件"

    def fault(self, key: str, detail: str, basis: str = "") -> None:
        """Note what is wrong at a key."""
        self.faults.append(Fault(self.at(key), detail, basis))

    def has(self, key: str) -> bool:
        """Whether the key is there and not empty."""
        self.seen.add(key)
        return self.data.get(key) is not None

    def text(self, key: str, default: str | None = None) -> str:
        """A non-empty text."""
        value = self._get(key, default)
        if isinstance(value, str) and value.strip():
            return value.strip()
        if value is not default or default is None:
            self.fault(key, "应为非空文字")
        return default or ""

    def optional_text(self, key: str) -> str | None:
        """A text, or None where there is none."""
        return self.text(key) if self.has(key) else None

    def integer(self, key: str, default: int | None = None) -> int:
        """A whole number; true and false are not numbers."""
        value = self._get(key, default)
        if isinstance(value, int) and not isinstance(value, bool):
            return value
        self.fault(key, "应为整数")
        return default or 0

    def positive(self, key: str, default: int | None = None) -> int:
        """A whole number above zero."""
        value = self.integer(key, default)
        if value <= 0:
            self.fault(key, "应为大于 0 的整数")
            return 1
        return value

    def optional_positive(self, key: str) -> int | None:
        """A whole number above zero, or None where there is none."""
        return self.positive(key) if self.has(key) else None

    def flag(self, key: str, default: bool) -> bool:
        """Yes or no."""
        value = self._get(key, default)
        if isinstance(value, bool):
            return value
        self.fault(key, "应为 true 或 false")
        return default

    def day(self, key: str) -> date:
        """A calendar day."""
        value = self._get(key, None)
        if isinstance(value, str):
            try:
                return date.fromisoformat(value)
            except ValueError:
                pass
        if type(value) is date:
            return value
        self.fault(key, "应为日期，如 2026-01-01")
        return date(2000, 1, 1)

    def optional_day(self, key: str) -> date | None:
        """A calendar day, or None where there is none."""
        return self.day(key) if self.has(key) else None

    def choice(self, key: str, choices: type[Choice]) -> Choice:
        """One of the values of an enumeration."""
        value = self._get(key, None)
        for member in choices:
            if value == member.value:
                return member
        self.fault(key, f"应为其中之一：{'、'.join(m.value for m in choices)}")
        return next(iter(choices))

    def items(self, key: str) -> list[Any]:
        """A list, empty where there is none."""
        value = self._get(key, [])
        if isinstance(value, list):
            return value
        self.fault(key, "应为列表")
        return []

    def mapping(self, key: str) -> Mapping[str, Any]:
        """A mapping, empty where there is none."""
        value = self._get(key, {})
        if isinstance(value, Mapping):
            return value
        self.fault(key, "应为一组“名称: 值”")
        return {}

    def readers(self, key: str) -> list[Reader]:
        """A reader for each item of a list of mappings."""
        return [Reader(item, f"{self.at(key)}[{n}]", self.faults) for n, item in enumerate(self.items(key))]

    def close(self) -> None:
        """Note every key that nobody asked for: a misspelt key must not silently do nothing."""
        for key in self.data:
            if key not in self.seen:
                self.fault(str(key), "不认识的字段，请检查拼写")

    def _get(self, key: str, default: object) -> object:
        self.seen.add(key)
        value = self.data.get(key)
        return default if value is None else value


def refuse(code: str, faults: list[Fault]) -> None:
    """Raise with everything that was noted, if anything was."""
    if faults:
        raise InvalidRules(code, tuple(faults))
