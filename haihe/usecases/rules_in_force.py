"""The rules and partners as one worker holds them in memory, renewed whenever the configuration's generation moves on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date

from sqlalchemy import select

from haihe.domain.compiled import Judge, compile_scenario
from haihe.domain.errors import Unavailable
from haihe.domain.rulebook import Rulebook
from haihe.domain.rulebook_reader import read_rulebook
from haihe.domain.scenario_reader import read_scenario
from haihe.domain.scenarios import Scenario, ScenarioState
from haihe.storage.copies import generation
from haihe.storage.db import committed, db
from haihe.storage.links import RevokedToken
from haihe.storage.orders import places_taken
from haihe.storage.partners import Admission, Merchant, OAuthClient
from haihe.storage.rules import RulebookRow, ScenarioRow
from haihe.usecases.token_keys import TokenKey, read_token_keys

# Every scenario for every district, for a few days.
MOST_JUDGES = 2_000


@dataclass(frozen=True, slots=True)
class Partner:
    """An OAuth client that may speak to us now: of a merchant (with the scenarios it may ask about) or of a source."""

    client_id: str
    scopes: frozenset[str]
    merchant_id: int | None = None
    merchant_name: str = ""
    district: str = ""
    scenarios: frozenset[str] = frozenset()
    source: str | None = None
    sandbox: bool = False

    @property
    def space(self) -> bytes:
        """In which space its passes are found: the city's, or that of its own sandbox."""
        return (self.merchant_id or 0).to_bytes(8, "big") if self.sandbox else b""

    def places(self, each_merchant: bool) -> int:
        """Under which number the places of a shared quota are counted: this merchant's, or (0) everybody's together.

        A sandbox has all places to itself; what would be everybody's is counted under its own number, negative.
        """
        own = self.merchant_id or 0
        if each_merchant:
            return own
        return -own if self.sandbox else 0


COUNTER_SCOPES = frozenset({"check", "order", "statement", "webhook"})


def counter_of(merchant_id: int, username: str = "") -> str:
    """By what name a merchant's own counter asks: no OAuth client, so no token is ever given out for it."""
    return f"counter:{merchant_id}:{username}" if username else f"counter:{merchant_id}"


@dataclass(frozen=True, slots=True)
class _Held:
    """One generation of everything."""

    generation: int = -1
    rulebooks: tuple[tuple[date, Rulebook], ...] = ()
    scenarios: dict[str, Scenario] = field(default_factory=dict)
    partners: dict[str, Partner] = field(default_factory=dict)
    token_keys: dict[str, TokenKey] = field(default_factory=dict)
    revoked_tokens: frozenset[str] = frozenset()
    judges: dict[tuple[str, date, str], Judge] = field(default_factory=dict)
    places_taken: Mapping[tuple[str, int, str, str], int] = field(default_factory=dict)


class RulesInForce:
    """Reads the database once a generation. A worker that has seen a newer generation never answers by an older one.

    Only what is committed is read, also in the middle of a deed: if the deed is taken back, nothing of it stays here.
    """

    def __init__(self, today: Callable[[], date]) -> None:
        self._today = today
        self._held = _Held()

    def at_generation(self, number: int) -> RulesInForce:
        """Make sure that what is held is at least of this generation."""
        if self._held.generation < number:
            self._read()
        return self

    def up_to_date(self) -> RulesInForce:
        """Make sure that what is held is what the database says now: one short query."""
        if self._held.generation != generation():
            self._read()
        return self

    @property
    def generation(self) -> int:
        """The generation that is held; -1 before anything has been read."""
        return self._held.generation

    def rulebook(self, on: date) -> Rulebook:
        """The rulebook in force on a day: the latest that has begun by then."""
        for begun, rulebook in self._held.rulebooks:
            if begun <= on:
                return rulebook
        raise Unavailable("NO_RULEBOOK", f"{on.isoformat()} 没有生效的规则集，请联系管理员发布")

    def rulebook_version(self, version: str) -> Rulebook | None:
        """A published rulebook by its version."""
        return next((r for _begun, r in self._held.rulebooks if r.version == version), None)

    def scenario(self, code: str) -> Scenario | None:
        """The public revision of a scenario; a paused one is there too, and answers that it is closed."""
        return self._held.scenarios.get(code)

    def scenarios(self) -> list[Scenario]:
        """Every public scenario, by code."""
        return [self._held.scenarios[c] for c in sorted(self._held.scenarios)]

    def judge(self, code: str, on: date, district: str) -> Judge | None:
        """A public scenario compiled for a day and a merchant's place: once, for as long as this generation holds."""
        held = self._held
        judge = held.judges.get((code, on, district))
        if judge is None and code in held.scenarios:
            if len(held.judges) >= MOST_JUDGES:
                held.judges.clear()
            judge = compile_scenario(held.scenarios[code], self.rulebook(on), on, district)
            held.judges[code, on, district] = judge
        return judge

    def used_up(self, scenario: Scenario, partner: Partner, on: date) -> bool:
        """Whether a quota that everybody shares, in all or at this merchant, has no place left on this day. A sandbox has places of its own.

        What is held here moves on with the generation, which whoever takes the last place, or gives it back, raises.
        """
        return scenario.open_on(on) and any(
            self._held.places_taken.get(
                (scenario.code, partner.places(q.each_merchant), q.period, q.period.key(on)), 0
            )
            >= q.at_most
            for q in scenario.shared_quotas
        )

    def partner(self, client_id: str) -> Partner | None:
        """A client that is not revoked, of a merchant that is not suspended."""
        return self._held.partners.get(client_id)

    @property
    def token_keys(self) -> Mapping[str, TokenKey]:
        """The keys of access tokens, by id."""
        return self._held.token_keys

    def token_revoked(self, jti: str) -> bool:
        """Was this access token revoked before its time?"""
        return jti in self._held.revoked_tokens

    def _read(self) -> None:
        with committed():
            self._held = self._read_all()

    def _read_all(self) -> _Held:
        # The number is read first: a change that comes in between is then read again rather than missed.
        number = generation()
        rulebooks = db.session.execute(
            select(RulebookRow).order_by(RulebookRow.in_force_from.desc())
        ).scalars()
        books = tuple((row.in_force_from, read_rulebook(row.body)) for row in rulebooks)
        rows = db.session.execute(
            select(ScenarioRow).where(ScenarioRow.state.in_(("PUBLISHED", "PAUSED")))
        ).scalars()
        scenarios = {
            row.code: read_scenario(row.body, books[0][1], row.revision, ScenarioState(row.state))
            for row in rows
            if books
        }
        return _Held(
            generation=number,
            rulebooks=books,
            scenarios=scenarios,
            partners=_partners(scenarios),
            token_keys=read_token_keys(),
            revoked_tokens=_revoked_tokens(),
            places_taken=places_taken(self._today()),
        )


def _revoked_tokens() -> frozenset[str]:
    return frozenset(db.session.execute(select(RevokedToken.jti)).scalars())


def _partners(public: Iterable[str]) -> dict[str, Partner]:
    """Every client that may speak to us, and every merchant's own counter. A sandbox may try all public scenarios."""
    admitted: dict[int, set[str]] = {}
    for merchant_id, scenario in db.session.execute(select(Admission.merchant_id, Admission.scenario)):
        admitted.setdefault(merchant_id, set()).add(scenario)
    merchants = {
        m.id: m for m in db.session.execute(select(Merchant).where(Merchant.state == "ACTIVE")).scalars()
    }
    everything = frozenset(public)

    def of_merchant(merchant: Merchant, client_id: str, scopes: frozenset[str], sandbox: bool) -> Partner:
        return Partner(
            client_id=client_id,
            scopes=scopes,
            merchant_id=merchant.id,
            merchant_name=merchant.name,
            district=merchant.district,
            scenarios=everything if merchant.sandbox_of else frozenset(admitted.get(merchant.id, ())),
            sandbox=sandbox or merchant.sandbox_of is not None,
        )

    partners = {
        counter_of(m.id): of_merchant(m, counter_of(m.id), COUNTER_SCOPES, False) for m in merchants.values()
    }
    for client in db.session.execute(select(OAuthClient).where(OAuthClient.revoked_at.is_(None))).scalars():
        scopes = frozenset(client.scopes)
        if client.merchant_id is None:
            partners[client.client_id] = Partner(client.client_id, scopes, source=client.source)
        elif client.merchant_id in merchants:
            merchant = merchants[client.merchant_id]
            partners[client.client_id] = of_merchant(merchant, client.client_id, scopes, client.sandbox)
    return partners
