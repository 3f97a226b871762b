"""Questions about residents who have linked themselves with the merchant: many at once, from Redis alone when it is warm.

One round trip looks at all of them and counts the questions, another writes the decisions down; in between everything is
plain numbers (domain/compiled.py). There is no pass to be owned, so nothing has to be claimed. A name that is nobody's, a
link that was taken back and points that do not suffice take the same way and look alike.

A decision made here has no `pass_hash`. It serves one order all the same: `orders.decision_id` is unique, and whoever
opens the order asks `linked_resident` once more, in the same transaction.
"""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from haihe.cache.copies import ASKED_TOO_OFTEN, ASKED_TOO_OFTEN_NOW, CacheDown, Wanted
from haihe.cache.copy import Numbers, numbers, pack
from haihe.domain.allowances import ABOUT_ONE_RESIDENT
from haihe.domain.compiled import QUOTA_USED_UP, Judge, Orders, code_of, nobody
from haihe.storage.alarms import AlarmKind
from haihe.storage.db import transaction
from haihe.storage.passes import add_decisions, asked_since
from haihe.usecases.alarms import raise_alarm
from haihe.usecases.asking import NO, YES, answer_after_id, asking_partner
from haihe.usecases.context import Context, day_of
from haihe.usecases.gather_facts import copy_of, gather_facts
from haihe.usecases.journal import ID_BYTES, ManyNotes
from haihe.usecases.pairwise import Address, addresses
from haihe.usecases.rules_in_force import Partner

# An entry of the journal is stored in one piece.
MOST_IN_AN_ENTRY = 100
NOBODY = Numbers((), {}, ())


@dataclass(slots=True)
class Person:
    """Somebody asked about: their numbers, which scenarios the link covers, and the facts for the record."""

    place: int
    figures: tuple[int, ...]
    orders: Orders
    scenarios: Sequence[str]
    too_often: bool = False


class AboutLinked:
    """All questions of one request about linked residents, looked up together and written down together.

    `asked` names each resident as often as there is a question. Raises Unauthenticated or Forbidden for a client that may
    not ask at all.
    """

    def __init__(self, ctx: Context, client_id: str, asked: Sequence[str], at: datetime) -> None:
        self.ctx = ctx
        self.at = at
        self.on = day_of(at)
        self.at_ms = int(at.timestamp() * 1000)
        # Whose client it is never changes; whether it may ask is seen once the rules are known to be current.
        if ctx.rules.partner(client_id) is None:
            ctx.rules.up_to_date()
        merchant_id = asking_partner(ctx, client_id).merchant_id or 0
        counted = Counter(asked)
        names = list(counted)
        found = addresses(ctx, merchant_id, names)
        copies = self._look(merchant_id, found, list(counted.values()))
        self.partner: Partner = asking_partner(ctx, client_id)
        self._rulebook = ctx.rules.rulebook(self.on)
        self._nobody = nobody(self._rulebook)
        self._scenarios: dict[str, tuple[int, Judge, dict[int, bytes]]] = {}
        self._revisions: list[tuple[str, int]] = []
        self._recorded: list[tuple[int | None, bytes]] = []
        self._people = self._meet(names, found, copies)
        for _ in range(copies.count(ASKED_TOO_OFTEN_NOW)):
            raise_alarm(merchant_id, AlarmKind.ASKED_TOO_OFTEN, at)
        self._asked: list[tuple[int, int, int]] = []
        self._chance = self._names = b""
        self._draw(len(asked))

    def _draw(self, more: int) -> None:
        """Chance for the numbers of so many more decisions."""
        self._chance += secrets.token_bytes(ID_BYTES * more)
        self._names = self._chance.hex().encode()

    def _look(
        self, merchant_id: int, found: Sequence[Address], counts: Sequence[int]
    ) -> list[bytes | int | None]:
        wanted = [
            Wanted(who.resident_id, who.mark, min(count, ABOUT_ONE_RESIDENT.most + 1))
            for who, count in zip(found, counts, strict=True)
        ]
        try:
            looked = self.ctx.copies.look_many(wanted, merchant_id, ABOUT_ONE_RESIDENT, self.at_ms)
        except CacheDown:
            self.ctx.rules.up_to_date()
            return self._counted_in_database(merchant_id, found, counts)
        if looked.generation is None:
            self.ctx.rules.up_to_date()
            return [c if isinstance(c, int) else None for c in looked.copies]
        self.ctx.rules.at_generation(looked.generation)
        return looked.copies

    def _counted_in_database(
        self, merchant_id: int, found: Sequence[Address], counts: Sequence[int]
    ) -> list[bytes | int | None]:
        """Without Redis the questions on the record are counted instead."""
        since = self.at - timedelta(seconds=ABOUT_ONE_RESIDENT.seconds)
        before = asked_since(merchant_id, [who.resident_id for who in found if who.ours], since)
        return [
            ASKED_TOO_OFTEN if before.get(who.resident_id, 0) + count > ABOUT_ONE_RESIDENT.most else None
            for who, count in zip(found, counts, strict=True)
        ]

    def _meet(
        self, names: Sequence[str], found: Sequence[Address], copies: Sequence[bytes | int | None]
    ) -> dict[str, Person]:
        """Everybody asked about, by name; whom Redis does not know is gathered from PostgreSQL, all at once."""
        read: list[tuple[bytes, Numbers] | None] = []
        for copy in copies:
            seen = numbers(copy, self._rulebook, self.on) if isinstance(copy, bytes) else None
            read.append((copy, seen) if seen is not None and isinstance(copy, bytes) else None)
        missing = [
            who.resident_id
            for who, copy, seen in zip(found, copies, read, strict=True)
            if seen is None and who.ours and not isinstance(copy, int)
        ]
        gathered = self._gather(missing) if missing else {}
        return {
            name: self._person(name, who, seen or gathered.get(who.resident_id), isinstance(copy, int))
            for name, who, seen, copy in zip(names, found, read, copies, strict=True)
        }

    def _gather(self, missing: Sequence[int]) -> dict[int, tuple[bytes, Numbers]]:
        packed = {
            resident_id: pack(copy_of(gathered, self.at), self._rulebook)
            for resident_id, gathered in gather_facts(missing, self._rulebook, self.on).items()
        }
        with suppress(CacheDown):
            self.ctx.copies.put(list(packed.items()))
        return {r: (p, numbers(p, self._rulebook, self.on) or NOBODY) for r, p in packed.items()}

    def _person(self, name: str, who: Address, seen: tuple[bytes, Numbers] | None, too_often: bool) -> Person:
        place = len(self._recorded)
        if seen is not None and who.ours:
            packed, (figures, orders, links) = seen
            for pairwise_id, merchant_id, until_ms, scenarios in links:
                if pairwise_id == name and merchant_id == self.partner.merchant_id and self.at_ms < until_ms:
                    self._recorded.append((who.resident_id, packed))
                    return Person(place, figures, orders, scenarios, too_often)
        self._recorded.append((who.resident_id if seen is not None and who.ours else None, b""))
        return Person(place, self._nobody, {}, (), too_often)

    def answer(self, name: str, scenario: str) -> bytes | None:
        """Yes or no about one resident and one admitted scenario; None where the merchant has asked too often."""
        person = self._people[name]
        if person.too_often:
            return None
        number, judge, endings = self._scenarios.get(scenario) or self._scenario(scenario)
        covered = scenario in person.scenarios
        judged = judge(person.orders, *(person.figures if covered else self._nobody))
        at = 2 * ID_BYTES * len(self._asked)
        if at >= len(self._names):
            self._draw(16)
        self._asked.append((person.place, number, judged))
        ending = endings.get(judged) or self._ending(scenario, judged, endings)
        return b"".join((YES if judged >= 0 else NO, b"d", self._names[at : at + 2 * ID_BYTES], ending))

    def _scenario(self, code: str) -> tuple[int, Judge, dict[int, bytes]]:
        scenario = self.ctx.rules.scenario(code)
        judge = self.ctx.rules.judge(code, self.on, self.partner.district)
        if scenario is not None and self.ctx.rules.used_up(scenario, self.partner, self.on):
            judge = _used_up
        self._revisions.append((code, scenario.revision if scenario else 0))
        # An admitted scenario that is not public is closed for everybody.
        known = (len(self._revisions) - 1, judge or _closed, {})
        self._scenarios[code] = known
        return known

    def _ending(self, code: str, judged: int, endings: dict[int, bytes]) -> bytes:
        scenario = self.ctx.rules.scenario(code)
        offer = scenario.offers[judged] if scenario and judged >= 0 else None
        benefit = (offer.label, offer.ceiling_fen) if offer else None
        revision = scenario.revision if scenario else 0
        ending = answer_after_id(code_of(judged), revision, benefit, self.on, self.at_ms // 1000)
        endings[judged] = ending
        return ending

    def write_down(self) -> None:
        """Put every decision on the record, before anybody is told; in PostgreSQL itself where Redis does not answer."""
        entries = list(self._entries())
        if not entries:
            return
        try:
            self.ctx.copies.write_down(entries)
        except CacheDown:
            with transaction():
                add_decisions([row for entry in entries for row in ManyNotes.rows(entry)], True)

    def _entries(self) -> Any:
        for begin in range(0, len(self._asked), MOST_IN_AN_ENTRY):
            asked = self._asked[begin : begin + MOST_IN_AN_ENTRY]
            notes = ManyNotes(
                self.at_ms, self.partner.merchant_id or 0, self._rulebook.version, self._revisions
            )
            places: dict[int, int] = {}
            for person, scenario, judged in asked:
                place = places.get(person)
                if place is None:
                    place = places[person] = len(notes.people)
                    notes.people.append(self._recorded[person])
                offer = judged if judged >= 0 else None
                notes.asked.append((place, scenario, code_of(judged), offer))
            notes.ids = self._chance[ID_BYTES * begin : ID_BYTES * (begin + len(asked))]
            yield notes.to_entry()


def _closed(*_numbers: Any) -> int:
    return -3


def _used_up(*_numbers: Any) -> int:
    return QUOTA_USED_UP
