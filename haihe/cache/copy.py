"""The copy of one resident: the facts that a decision needs, in some forty bytes.

A copy names the rulebook it was made under and the last day on which it holds; anything else makes it no copy at all,
and PostgreSQL is asked. `version` is the resident's own: a copy is never replaced by an older one.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any, NamedTuple

import orjson

from haihe.domain.compiled import (
    BIRTH_EPOCH,
    DISTRICT_NUMBERS,
    NO_POINTS,
    UNKNOWN_DISTRICT,
    Orders,
)
from haihe.domain.facts import Facts
from haihe.domain.links import StandingLink
from haihe.domain.rulebook import Rulebook

EPOCH = date(2000, 1, 1)
FOR_GOOD = 0xFFFF

# The version comes first and alone: the script that guards against older copies reads these eight bytes and no more.
VERSION = struct.Struct(">Q")
# last day, made at, rulebook tag, birth date, points, listed, joined, district, sensitive, stated known, stated yes
FIXED = struct.Struct(">HIIIHIBBBBB")

DISTRICT_CODES = tuple(DISTRICT_NUMBERS)


@dataclass(frozen=True, slots=True)
class ResidentCopy:
    """Facts and standing links, with how fresh they are and for how long they hold."""

    version: int
    made_at: datetime
    last_day: date | None
    facts: Facts
    links: tuple[StandingLink, ...] = ()


class Numbers(NamedTuple):
    """A copy as the compiled scenarios read it (see domain/compiled.py): nothing is turned into words."""

    figures: tuple[int, ...]
    orders: Orders
    links: tuple[Any, ...]


@lru_cache(maxsize=16)
def tag_of(version: str) -> int:
    """By which a copy knows again the rulebook that it was made under."""
    return zlib.crc32(version.encode())


def tombstone(version: int) -> bytes:
    """What stands in for a copy put out of use: only its version, so that nothing older can come back."""
    return VERSION.pack(version)


def pack(copy: ResidentCopy, rulebook: Rulebook) -> bytes:
    """A copy as bytes; `unpack` gives it back under the same rulebook."""
    facts = copy.facts
    dimensions = facts.dimensions or {}
    head = FIXED.pack(
        FOR_GOOD if copy.last_day is None else min((copy.last_day - EPOCH).days, FOR_GOOD - 1),
        int(copy.made_at.timestamp()),
        tag_of(rulebook.version),
        (facts.birth_date - BIRTH_EPOCH).days if facts.birth_date else 0,
        NO_POINTS if facts.points is None else facts.points,
        _mask(rulebook.negative_codes, facts.listed),
        facts.joined,
        DISTRICT_NUMBERS[facts.district] if facts.district else UNKNOWN_DISTRICT,
        _mask(rulebook.sensitive_classes, facts.sensitive_consents),
        _mask(tuple(rulebook.fact_by_code), frozenset(facts.stated)),
        _mask(tuple(rulebook.fact_by_code), frozenset(c for c, yes in facts.stated.items() if yes)),
    )
    points = struct.pack(
        f">{len(rulebook.dimensions)}H", *(dimensions.get(d.code, 0) for d in rulebook.dimensions)
    )
    used = sorted(set(facts.running) | set(facts.this_month) | set(facts.this_year))
    orders = [
        [s, facts.running.get(s, 0), facts.this_month.get(s, 0), facts.this_year.get(s, 0)] for s in used
    ]
    return VERSION.pack(copy.version) + head + points + _pack_rest(orders, copy.links)


def _pack_rest(orders: list[list[Any]], links: tuple[StandingLink, ...]) -> bytes:
    """Orders as a list; where somebody has links, both as an object. Most residents have neither."""
    if links:
        linked = [[k.pairwise_id, k.merchant_id, k.until_ms, sorted(k.scenarios)] for k in links]
        return orjson.dumps({"links": linked, "orders": orders})
    return orjson.dumps(orders) if orders else b""


def _unpack_rest(rest: bytes) -> tuple[list[list[Any]], list[list[Any]]]:
    """Orders and links."""
    read = orjson.loads(rest) if rest else []
    return (read["orders"], read["links"]) if isinstance(read, dict) else (read, [])


def unpack(packed: bytes, rulebook: Rulebook, on: date) -> ResidentCopy | None:
    """The copy, or None if it is only a tombstone, made under another rulebook, or no longer holds on that day."""
    if _is_tombstone(packed):
        return None
    (last, made, tag, birth, points, listed, joined, district, sensitive, known, yes) = FIXED.unpack_from(
        packed, 8
    )
    if tag != tag_of(rulebook.version) or (last != FOR_GOOD and (on - EPOCH).days > last):
        return None
    has_points = points != NO_POINTS
    at = VERSION.size + FIXED.size
    dimension_points = struct.unpack_from(f">{len(rulebook.dimensions)}H", packed, at)
    counts, linked = _unpack_rest(packed[at + 2 * len(rulebook.dimensions) :])
    facts = Facts(
        joined=bool(joined),
        birth_date=BIRTH_EPOCH + timedelta(birth) if birth else None,
        district=None if district == UNKNOWN_DISTRICT else DISTRICT_CODES[district],
        points=points if has_points else None,
        grade=rulebook.grade_of(points).code if has_points else None,
        dimensions=dict(zip((d.code for d in rulebook.dimensions), dimension_points, strict=True))
        if has_points
        else None,
        listed=_names(rulebook.negative_codes, listed),
        sensitive_consents=_names(rulebook.sensitive_classes, sensitive),
        stated=_stated(rulebook, known, yes),
        running={s: n for s, n, _m, _y in counts if n},
        this_month={s: n for s, _r, n, _y in counts if n},
        this_year={s: n for s, _r, _m, n in counts if n},
    )
    return ResidentCopy(
        version=VERSION.unpack_from(packed)[0],
        made_at=datetime.fromtimestamp(made, UTC),
        last_day=None if last == FOR_GOOD else EPOCH + timedelta(last),
        facts=facts,
        links=tuple(StandingLink(p, m, until, frozenset(s)) for p, m, until, s in linked),
    )


def numbers(packed: bytes, rulebook: Rulebook, on: date) -> Numbers | None:
    """What `unpack` gives, as numbers; None where that gives None."""
    if _is_tombstone(packed):
        return None
    layout = _layout(len(rulebook.dimensions))
    last, _made, tag, *figures = layout.unpack_from(packed)
    # What holds for good has the highest number of all.
    if tag != tag_of(rulebook.version) or last < _day_number(on):
        return None
    if len(packed) == layout.size:
        return Numbers(tuple(figures), NO_ORDERS, ())
    orders, links = _unpack_rest(packed[layout.size :])
    return Numbers(tuple(figures), {s: (r, m, y) for s, r, m, y in orders}, tuple(links))


NO_ORDERS: Orders = {}


@lru_cache(maxsize=16)
def _layout(dimensions: int) -> struct.Struct:
    """FIXED behind the version, and the points of each dimension."""
    return struct.Struct(f">8x{FIXED.format[1:]}{dimensions}H")


@lru_cache(maxsize=16)
def _day_number(on: date) -> int:
    return (on - EPOCH).days


def _is_tombstone(packed: bytes) -> bool:
    return len(packed) < VERSION.size + FIXED.size


def _stated(rulebook: Rulebook, known: int, yes: int) -> dict[str, bool]:
    codes = tuple(rulebook.fact_by_code)
    affirmed = _names(codes, yes)
    return {code: code in affirmed for code in _names(codes, known)}


def _mask(names: tuple[str, ...], present: frozenset[str]) -> int:
    return sum(1 << n for n, name in enumerate(names) if name in present)


NOTHING: frozenset[str] = frozenset()


def _names(names: tuple[str, ...], mask: int) -> frozenset[str]:
    if not mask:
        return NOTHING
    return frozenset(name for n, name in enumerate(names) if mask >> n & 1)
