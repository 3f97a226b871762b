"""The copy of one resident: the facts that a decision needs, in some forty bytes.

A copy names the rulebook it was made under and the last day on which it holds; anything else makes it no copy at all,
and PostgreSQL is asked. `version` is the resident's own: a copy is never replaced by an older one.
"""

from __future__ import annotations

import base64
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache

import orjson

from haihe.domain.compiled import (
    ALTOGETHER,
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

# Orders are an object in JSON (see `Orders`). Anything else was written by another release and is no copy.
BEFORE_ORDERS = (b"", b"{")
# Facts on record from before orders were counted merchant by merchant: a list of [scenario, running, month, year].
BEFORE_EARLIER_ORDERS = b"["
# By what links begin, and how many bytes they are; of each the name, the merchant, the end (ms), and how many bytes of
# scenarios follow.
LINKS_SIGN = b"L"
LINKS = struct.Struct(">cI")
LINK = struct.Struct(">16sIQH")
UNTIL, UNTIL_AT = struct.Struct(">QH"), 20

DISTRICT_CODES = tuple(DISTRICT_NUMBERS)


@dataclass(frozen=True, slots=True)
class ResidentCopy:
    """Facts and standing links, with how fresh they are and for how long they hold."""

    version: int
    made_at: datetime
    last_day: date | None
    facts: Facts
    links: tuple[StandingLink, ...] = ()


# The numbers that the compiled scenarios read (see domain/compiled.py); the orders; the bytes that hold both, without the
# links, for by which names merchants know a resident is no fact of a decision; and the scenarios of the link, with commas.
Seen = tuple[Sequence[int], Orders, bytes, bytes]


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
    told = _pack_orders(facts)
    return VERSION.pack(copy.version) + head + points + pack_links(copy.links) + told


def _pack_orders(facts: Facts) -> bytes:
    """Nothing where there are none."""
    counts = (facts.running, facts.this_month, facts.this_year, facts.no_shows)
    orders = {
        scenario: [
            *(count.get(scenario, 0) for count in counts),
            *([m, *n] for m, n in sorted(facts.at_merchant.get(scenario, {}).items())),
        ]
        for scenario in sorted(set().union(*counts, facts.at_merchant))
    }
    return orjson.dumps(orders) if orders else b""


def pack_links(links: tuple[StandingLink, ...]) -> bytes:
    """Links as they stand in a copy. Nothing where there are none, as with most residents; orders, in JSON, never begin with this sign."""
    if not links:
        return b""
    packed = b"".join(
        LINK.pack(block_of(k.pairwise_id), k.merchant_id, k.until_ms, len(scenarios)) + scenarios
        for k in links
        for scenarios in (",".join(sorted(k.scenarios)).encode(),)
    )
    return LINKS.pack(LINKS_SIGN, len(packed)) + packed


def block_of(pairwise_id: str) -> bytes:
    """A merchant's name of a resident as sixteen bytes."""
    return base64.urlsafe_b64decode(pairwise_id + "==")


def _unpack_links(packed: bytes, at: int) -> tuple[StandingLink, ...]:
    links, end = [], _links_end(packed, at)
    at += LINKS.size
    while at < end:
        block, merchant_id, until_ms, length = LINK.unpack_from(packed, at)
        at += LINK.size + length
        name = base64.urlsafe_b64encode(block).decode().rstrip("=")
        scenarios = frozenset(packed[at - length : at].decode().split(","))
        links.append(StandingLink(name, merchant_id, until_ms, scenarios))
    return tuple(links)


def _links_end(packed: bytes, at: int) -> int:
    """Where the links that begin here are over; the same place where there are none."""
    if packed[at : at + 1] != LINKS_SIGN:
        return at
    return at + LINKS.size + int.from_bytes(packed[at + 1 : at + LINKS.size], "big")


def unpack(packed: bytes, rulebook: Rulebook, on: date, *, on_record: bool = False) -> ResidentCopy | None:
    """The copy, or None if it is only a tombstone, made under another rulebook, or no longer holds on that day.

    What is `on_record` with a decision is read as any release wrote it.
    """
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
    at += 2 * len(rulebook.dimensions)
    end = _links_end(packed, at)
    earlier = on_record and packed[end : end + 1] == BEFORE_EARLIER_ORDERS
    if packed[end : end + 1] not in BEFORE_ORDERS and not earlier:
        return None
    counts: Orders = orjson.loads(packed[end:]) if len(packed) > end else NO_ORDERS
    if earlier:
        counts = {scenario: (*used, 0) for scenario, *used in counts}
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
        running=_counted(counts, 0),
        this_month=_counted(counts, 1),
        this_year=_counted(counts, 2),
        no_shows=_counted(counts, 3),
        at_merchant={
            s: {m: (running, month, year) for m, running, month, year in o[ALTOGETHER:]}
            for s, o in counts.items()
            if len(o) > ALTOGETHER
        },
    )
    return ResidentCopy(
        version=VERSION.unpack_from(packed)[0],
        made_at=datetime.fromtimestamp(made, UTC),
        last_day=None if last == FOR_GOOD else EPOCH + timedelta(last),
        facts=facts,
        links=_unpack_links(packed, at) if end > at else (),
    )


class Reading:
    """How copies are read as numbers under one rulebook on one day, with what a merchant may ask at one moment: nothing is
    turned into words, and nothing is read twice."""

    def __init__(self, rulebook: Rulebook, on: date, merchant_id: int = 0, at_ms: int = 0) -> None:
        # FIXED behind the version without the moment at which it was made, and the points of each dimension.
        layout = struct.Struct(f">8xH4x{FIXED.format[3:]}{len(rulebook.dimensions)}H")
        self._unpack, self._size = layout.unpack_from, layout.size
        self._tag, self._day = tag_of(rulebook.version), (on - EPOCH).days
        self._merchant, self._at_ms = merchant_id.to_bytes(4, "big"), at_ms

    def seen(self, packed: bytes, block: bytes = b"") -> Seen | None:
        """What `unpack` gives, to a merchant who asks by this name (or by a pass); None where that gives None."""
        size = self._size
        if len(packed) < size:
            return None
        figures = self._unpack(packed)
        # What holds for good has the highest number of all.
        if figures[1] != self._tag or figures[0] < self._day:
            return None
        if len(packed) == size:
            return figures[2:], NO_ORDERS, packed, b""
        scenarios, end = b"", _links_end(packed, size)
        # The name is a block of a cipher: that sixteen such bytes stand anywhere else in a copy is out of the question.
        found = packed.find(block + self._merchant, size, end) if block else -1
        if found > 0:
            until_ms, length = UNTIL.unpack_from(packed, found + UNTIL_AT)
            if self._at_ms < until_ms:
                scenarios = packed[found + LINK.size : found + LINK.size + length]
        if len(packed) == end:
            return figures[2:], NO_ORDERS, packed[:size], scenarios
        if packed[end : end + 1] not in BEFORE_ORDERS:
            return None
        return figures[2:], orjson.loads(packed[end:]), packed[:size] + packed[end:], scenarios


NO_ORDERS: Orders = {}


def _counted(orders: Orders, place: int) -> dict[str, int]:
    return {scenario: o[place] for scenario, o in orders.items() if o[place]}


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
