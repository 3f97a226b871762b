"""授权: giving a consent, looking at them, and taking one back. Each takes effect at once, everywhere."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from haihe.domain.dates import add_months, age_on
from haihe.domain.errors import Conflict, Forbidden
from haihe.domain.facts import ADULT_AGE
from haihe.storage.audit import write_audit
from haihe.storage.copies import lock_residents
from haihe.storage.db import db, transaction
from haihe.storage.reading import JOIN
from haihe.storage.residents import Consent, Resident
from haihe.usecases.consent_texts import ConsentText, present_text, present_texts
from haihe.usecases.context import Context, day_of
from haihe.usecases.leave import Kept, leave
from haihe.usecases.rescore import CONSENT, Touched, hold_copies, rescore


@dataclass(frozen=True, slots=True)
class ConsentState:
    """One purpose as it stands for one resident: the text now asked for, and what they agreed to, if they did."""

    purpose: str
    title: str
    version: str
    text: str
    in_force: bool
    given_at: datetime | None
    given_version: str | None


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """A consent taken back. After leaving, `kept` says what the law keeps, why and until when."""

    purpose: str
    in_force: bool
    kept: tuple[Kept, ...]


def list_consents(resident_id: int | None) -> list[ConsentState]:
    """Every purpose, joining first; somebody who is not bound yet can read the texts all the same."""
    held = consents_in_force(resident_id) if resident_id is not None else {}
    return [_state(text, held.get(text.purpose)) for text in present_texts().values()]


def consents_in_force(resident_id: int) -> dict[str, Consent]:
    """The consents that have not been taken back, by purpose."""
    rows = db.session.execute(
        select(Consent).where(Consent.resident_id == resident_id, Consent.withdrawn_at.is_(None))
    ).scalars()
    return {c.purpose: c for c in rows}


def give_consent(
    ctx: Context, resident_id: int, purpose: str, version: str, channel: str, at: datetime
) -> ConsentState:
    """Agree to the present text. Agreeing again changes nothing; agreeing to a new wording takes the old one's place."""
    text = present_text(purpose)
    if version != text.version:
        raise Conflict("CONSENT_TEXT_CHANGED", f"授权书已更新为 {text.version} 版，请阅读后再同意", "version")
    with transaction():
        lock_residents([resident_id])
        if purpose == JOIN:
            require_age(db.session.get_one(Resident, resident_id), at)
        held = consents_in_force(resident_id)
        if purpose != JOIN and JOIN not in held:
            raise not_joined()
        given = held.get(purpose)
        if given is not None and given.text_sha256 == text.sha256:
            return _state(text, given)
        if given is not None:
            given.withdrawn_at = at
            db.session.flush()
        given = Consent(
            resident_id=resident_id,
            purpose=purpose,
            text_version=text.version,
            text_sha256=text.sha256,
            channel=channel,
            given_at=at,
        )
        db.session.add(given)
        db.session.flush()
        _trace(resident_id, "give_consent", purpose, at, version=text.version)
        rescored = rescore(ctx, {resident_id: _touched(ctx, purpose, at)}, at)
        state = _state(text, given)
    hold_copies(ctx, rescored)
    return state


def withdraw_consent(ctx: Context, resident_id: int, purpose: str, at: datetime) -> Withdrawn:
    """Take a consent back. Taking back JOIN is leaving, and everything else goes with it; doing so again is no error."""
    present_text(purpose)
    if purpose == JOIN:
        return Withdrawn(JOIN, False, leave(ctx, resident_id, at))
    with transaction():
        lock_residents([resident_id])
        given = consents_in_force(resident_id).get(purpose)
        if given is None:
            return Withdrawn(purpose, False, ())
        given.withdrawn_at = at
        db.session.flush()
        _trace(resident_id, "withdraw_consent", purpose, at)
        rescored = rescore(ctx, {resident_id: _touched(ctx, purpose, at)}, at)
    hold_copies(ctx, rescored)
    return Withdrawn(purpose, False, ())


def require_age(resident: Resident, at: datetime) -> None:
    """Only adults take part; a younger resident is told from which day they can."""
    if age_on(resident.birth_date, day_of(at)) < ADULT_AGE:
        opens = add_months(resident.birth_date, ADULT_AGE * 12)
        raise Forbidden(
            "UNDER_AGE", f"海河分面向年满 {ADULT_AGE} 周岁的居民，您 {opens.isoformat()} 起可以开通"
        )


def not_joined() -> Conflict:
    """What somebody is told who asks for what only joining opens."""
    return Conflict("NOT_JOINED", "您还没有开通海河分；在“授权与退出”中阅读并同意后即可使用，随时可以退出")


def _touched(ctx: Context, purpose: str, at: datetime) -> Touched:
    """The indicators that a sensitive class opens or closes move because of the consent, and the ledger says so."""
    touched = Touched()
    rulebook = ctx.rules.up_to_date().rulebook(day_of(at))
    for indicator in rulebook.indicators:
        if indicator.sensitive is not None and purpose.endswith(f":{indicator.sensitive}"):
            touched.causes[indicator.code] = CONSENT
    return touched


def _trace(resident_id: int, deed: str, purpose: str, at: datetime, **detail: str) -> None:
    write_audit(at, f"resident:{resident_id}", deed, f"resident:{resident_id}", purpose=purpose, **detail)


def _state(text: ConsentText, given: Consent | None) -> ConsentState:
    return ConsentState(
        purpose=text.purpose,
        title=text.title,
        version=text.version,
        text=text.text,
        in_force=given is not None,
        given_at=given.given_at if given else None,
        given_version=given.text_version if given else None,
    )
