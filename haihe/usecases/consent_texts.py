"""授权书: the texts that residents agree to. A published version never changes; a new wording is a new file.

Older versions stay beside the present one, so that it can be shown years later what somebody agreed to.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

from haihe.domain.errors import NotFound

TEXTS = Path(__file__).parent.parent / "data" / "consents"
LINK_TEXTS = TEXTS / "links"
HELPING_TEXTS = TEXTS / "helping"
FRONT = "---\n"


@dataclass(frozen=True, slots=True)
class ConsentText:
    """One version of one text; `sha256` is of the whole file and is kept with every consent given to it."""

    purpose: str
    version: str
    title: str
    text: str
    sha256: bytes


def present_texts() -> dict[str, ConsentText]:
    """The version now asked for, by purpose; joining comes first."""
    found = {t.purpose: t for t in _all_texts()}
    return dict(sorted(found.items(), key=lambda item: (item[0] != "JOIN", item[0])))


def present_text(purpose: str) -> ConsentText:
    """The text for one purpose, or NotFound CONSENT_UNKNOWN."""
    text = present_texts().get(purpose)
    if text is None:
        raise NotFound("CONSENT_UNKNOWN", "没有这项授权，请在“授权与退出”中选择")
    return text


def link_text() -> ConsentText:
    """The present text for linking an online merchant; which merchant and which scenarios is kept with the link."""
    return max(link_texts().values(), key=_by_version)


@cache
def link_texts() -> dict[str, ConsentText]:
    """Every version of that text."""
    return {text.version: text for text in map(_read, LINK_TEXTS.glob("*.md"))}


def helping_text() -> ConsentText:
    """The present text for letting a relative act; who, in what and until when is kept with the consent."""
    return max(map(_read, HELPING_TEXTS.glob("*.md")), key=_by_version)


@cache
def _all_texts() -> tuple[ConsentText, ...]:
    """Every version, each purpose's older ones first. Read once: the files belong to the release."""
    texts = (_read(file) for file in TEXTS.glob("*.md"))
    return tuple(sorted(texts, key=_by_version))


def _by_version(text: ConsentText) -> list[int]:
    return [int(n) for n in text.version.split("-")]


def _read(file: Path) -> ConsentText:
    whole = file.read_text(encoding="utf-8")
    _nothing, front, text = whole.split(FRONT, 2)
    said = yaml.safe_load(front)
    return ConsentText(
        purpose=said["purpose"],
        version=said["version"],
        title=said["title"],
        text=text.strip(),
        sha256=hashlib.sha256(whole.encode()).digest(),
    )
