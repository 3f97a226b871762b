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

import orjson

from haihe.domain.districts import DISTRICTS
from haihe.domain.facts import Facts
from haihe.domain.rulebook import Rulebook

EPOCH = date(2000, 1, 1)
BIRTH_EPOCH = date(1880, 1, 1)
FOR_GOOD = 0xFFFF
UNKNOWN_DISTRICT = 0xFF
NO_POINTS = 0xFFFF

# The version comes first and alone: the script that guards against older copies reads these eight bytes and no more.
VERSION = struct.Struct(">Q")
# last day, made at, rulebook tag, birth date, points, listed, joined, district, sensitive, stated known, stated yes
FIXED = struct.Struct(">HIIIHIBBBBB")

DISTRICT_CODES = tuple(DISTRICTS)
DISTRICT_NUMBERS = {code: n for n, code in enumerate(DISTRICT_CODES)}


@dataclass(frozen=True, slots=True)
class ResidentCopy:
    """Facts, with how fresh they are and for how long they hold."""

    version: int
    made_at: datetime
    last_day: date | None
    facts: Facts


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
    return VERSION.pack(copy.version) + head + points + (orjson.dumps(orders) if orders else b"")


def unpack(packed: bytes, rulebook: Rulebook, on: date) -> ResidentCopy | None:
    """The copy, or None if it is only a tombstone, made under another rulebook, or no longer holds on that day."""
    if len(packed) < VERSION.size + FIXED.size:
        return None
    (last, made, tag, birth, points, listed, joined, district, sensitive, known, yes) = FIXED.unpack_from(
        packed, 8
    )
    if tag != tag_of(rulebook.version) or (last != FOR_GOOD and (on - EPOCH).days > last):
        return None
    has_points = points != NO_POINTS
    at = VERSION.size + FIXED.size
    dimension_points = struct.unpack_from(f">{len(rulebook.dimensions)}H", packed, at)
    orders = packed[at + 2 * len(rulebook.dimensions) :]
    counts = orjson.loads(orders) if orders else ()
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
    )


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
