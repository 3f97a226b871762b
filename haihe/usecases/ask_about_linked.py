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
from datetime import datetime, timedelta
from typing import Any

from haihe.cache.copies import ASKED_TOO_OFTEN, ASKED_TOO_OFTEN_NOW, CacheDown
from haihe.cache.copy import NO_ORDERS, Reading, Seen, pack
from haihe.domain.allowances import ABOUT_ONE_RESIDENT
from haihe.domain.compiled import QUOTA_USED_UP, Judge, Orders, code_of, nobody
from haihe.storage.alarms import AlarmKind
from haihe.storage.many_decisions import PLACES_IN_BYTES, ManyDecisions
from haihe.storage.passes import asked_since
from haihe.usecases.alarms import raise_alarm
from haihe.usecases.asking import NO, YES, Asker, answer_after_id, asking_partner
from haihe.usecases.batch_journal import CHANCE_BYTES, write_down
from haihe.usecases.context import Context, day_of
from haihe.usecases.gather_facts import copy_of, gather_facts
from haihe.usecases.pairwise import Address, addresses
from haihe.usecases.rules_in_force import Partner

# Somebody asked about: their place on the record, their numbers and orders, which scenarios the link covers, and whether the
# merchant has asked about them too often.
Person = tuple[int, Sequence[int], Orders, frozenset[str], bool]
NOTHING: frozenset[str] = frozenset()


class AboutLinked:
    """All questions of one request about linked residents, looked up together and written down together.

    `asked` names each resident as often as there is a question. Raises Unauthenticated or Forbidden for a client that may
    not ask at all, before anything is decided.
    """

    def __init__(self, ctx: Context, asker: Asker, asked: Sequence[str], at: datetime) -> None:
        self.ctx = ctx
        self.at = at
        self.on = day_of(at)
        self.at_ms = int(at.timestamp() * 1000)
        # Whose client it is never changes; whether it may ask is seen once the rules are known to be current.
        if ctx.rules.partner(asker.client_id) is None:
            ctx.rules.up_to_date()
        self._merchant_id = asking_partner(ctx, asker).merchant_id or 0
        counted = Counter(asked)
        found = addresses(ctx, self._merchant_id, list(counted))
        copies = self._look(found, list(counted.values()))
        self.partner: Partner = asking_partner(ctx, asker)
        self._rulebook = ctx.rules.rulebook(self.on)
        self._reading = Reading(self._rulebook, self.on, self._merchant_id, self.at_ms)
        self._nobody = nobody(self._rulebook)
        self._scenarios: dict[str, tuple[int, Judge, dict[int, bytes]]] = {}
        self._revisions: list[tuple[str, int]] = []
        self._covered: dict[bytes, frozenset[str]] = {}
        self._recorded: list[tuple[int | None, bytes]] = [(None, b"")] * len(found)
        self._people = dict(zip(counted, self._meet(found, copies), strict=True))
        for _ in range(copies.count(ASKED_TOO_OFTEN_NOW)):
            raise_alarm(self._merchant_id, AlarmKind.ASKED_TOO_OFTEN, at)
        self._chance = secrets.token_bytes(CHANCE_BYTES)
        number = b"d" + self._chance.hex().encode()
        self._yes, self._no = YES + number, NO + number
        self._asked: list[int] = []
        self._places = iter(PLACES_IN_BYTES)

    def _look(self, found: Sequence[Address], counts: Sequence[int]) -> list[bytes | int | None]:
        most = ABOUT_ONE_RESIDENT.most + 1
        wanted = [
            (resident_id, mark, count if count < most else most)
            for (resident_id, mark, _ours, _block), count in zip(found, counts, strict=True)
        ]
        try:
            looked = self.ctx.copies.look_many(wanted, self._merchant_id, ABOUT_ONE_RESIDENT, self.at_ms)
        except CacheDown:
            self.ctx.rules.up_to_date()
            return self._counted_in_database(found, counts)
        if looked.generation is None:
            self.ctx.rules.up_to_date()
            return [c if isinstance(c, int) else None for c in looked.copies]
        self.ctx.rules.at_generation(looked.generation)
        return looked.copies

    def _counted_in_database(
        self, found: Sequence[Address], counts: Sequence[int]
    ) -> list[bytes | int | None]:
        """Without Redis the questions on the record are counted instead."""
        since = self.at - timedelta(seconds=ABOUT_ONE_RESIDENT.seconds)
        before = asked_since(self._merchant_id, [who[0] for who in found if who[2]], since)
        return [
            ASKED_TOO_OFTEN if before.get(who[0], 0) + count > ABOUT_ONE_RESIDENT.most else None
            for who, count in zip(found, counts, strict=True)
        ]

    def _meet(self, found: Sequence[Address], copies: Sequence[bytes | int | None]) -> list[Person]:
        """Everybody asked about, in order; whom Redis does not know is gathered from PostgreSQL, all at once."""
        read, person = self._reading.seen, self._person
        people: list[Person] = []
        unknown: dict[int, Address] = {}
        for place, (who, copy) in enumerate(zip(found, copies, strict=True)):
            resident_id, _mark, ours, block = who
            if ours and isinstance(copy, bytes) and (seen := read(copy, block)) is not None:
                people.append(person(place, resident_id, seen))
                continue
            too_often = isinstance(copy, int)
            if ours and not too_often:
                unknown[place] = who
            people.append((place, self._nobody, NO_ORDERS, NOTHING, too_often))
        if unknown:
            gathered = self._gather([who[0] for who in unknown.values()])
            for place, (resident_id, _mark, _ours, block) in unknown.items():
                if resident_id in gathered:
                    seen = read(gathered[resident_id], block) or (self._nobody, NO_ORDERS, b"", b"")
                    people[place] = person(place, resident_id, seen)
        return people

    def _gather(self, missing: Sequence[int]) -> dict[int, bytes]:
        packed = {
            resident_id: pack(copy_of(gathered, self.at), self._rulebook)
            for resident_id, gathered in gather_facts(missing, self._rulebook, self.on).items()
        }
        with suppress(CacheDown):
            self.ctx.copies.put(list(packed.items()))
        return packed

    def _person(self, place: int, resident_id: int, seen: Seen) -> Person:
        """Somebody who exists; like nobody, if this merchant may not ask about them (any more)."""
        figures, orders, facts, told = seen
        if not told:
            self._recorded[place] = (resident_id, b"")
            return place, self._nobody, NO_ORDERS, NOTHING, False
        self._recorded[place] = (resident_id, facts)
        covered = self._covered.get(told)
        if covered is None:
            covered = self._covered[told] = frozenset(told.decode().split(","))
        return place, figures, orders, covered, False

    def answer(self, name: str, scenario: str) -> bytes | None:
        """Yes or no about one resident and one admitted scenario; None where the merchant has asked too often."""
        place, figures, orders, covered, too_often = self._people[name]
        if too_often:
            return None
        number, judge, endings = self._scenarios.get(scenario) or self._scenario(scenario)
        judged = judge(orders, self._merchant_id, *(figures if scenario in covered else self._nobody))
        self._asked.extend((place, number, judged))
        ending = endings.get(judged) or self._ending(scenario, judged, endings)
        return (self._yes if judged >= 0 else self._no) + next(self._places) + ending

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
        if self._asked:
            batch = ManyDecisions(
                self.at_ms,
                self._merchant_id,
                self._rulebook.version,
                self._chance,
                self._revisions,
                self._recorded,
                self._asked,
            )
            write_down(self.ctx, batch)


def _closed(*_numbers: Any) -> int:
    return -3


def _used_up(*_numbers: Any) -> int:
    return QUOTA_USED_UP
