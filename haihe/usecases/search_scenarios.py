"""Which of its scenarios a merchant may offer to somebody: every search is a question, answered and recorded as one."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime

from haihe.cache.copies import CacheDown
from haihe.storage.db import transaction
from haihe.storage.passes import find_pass
from haihe.usecases.answer_question import answer_question
from haihe.usecases.answer_questions import SubjectKind, answer_about_linked
from haihe.usecases.ask_about_linked import AboutLinked
from haihe.usecases.asking import YES, Asker, Question, asking_partner, hash_for, too_often
from haihe.usecases.context import Context


def usable_scenarios(ctx: Context, asker: Asker, kind: SubjectKind, name: str, at: datetime) -> list[str]:
    """The scenarios, by code, for which the answer is yes now, among those that the merchant is admitted to.

    A pass is for one benefit and is claimed by the search, as by any question. Raises what a question raises.
    """
    if kind is SubjectKind.RESIDENT:
        return _usable_by_linked(ctx, asker, name, at)
    admitted = asking_partner(_up_to_date(ctx), asker).scenarios
    if kind is not SubjectKind.PASS or not admitted:
        return []
    # A code that is nobody's is asked about all the same: it is counted and recorded as such.
    scenario = _scenario_of_pass(ctx, asker.client_id, name) or min(admitted)
    return [scenario] if scenario in admitted and may_use(ctx, asker, kind, name, scenario, at) else []


def may_use(ctx: Context, asker: Asker, kind: SubjectKind, name: str, scenario: str, at: datetime) -> bool:
    """Whether the answer is yes; no, without a question, for a scenario that the merchant was not admitted to."""
    if scenario not in asking_partner(_up_to_date(ctx), asker).scenarios:
        return False
    if kind is SubjectKind.RESIDENT:
        return answer_about_linked(ctx, asker, name, scenario, at).startswith(YES)
    if kind is SubjectKind.PASS:
        return answer_question(ctx, Question(asker, name, scenario, at)).startswith(YES)
    return False


def _usable_by_linked(ctx: Context, asker: Asker, name: str, at: datetime) -> list[str]:
    known = ctx.rules.partner(asker.client_id)
    linked = AboutLinked(ctx, asker, [name] * max(len(known.scenarios) if known else 1, 1), at)
    usable = []
    for scenario in sorted(linked.partner.scenarios):
        answer = linked.answer(name, scenario)
        if answer is None:
            raise too_often(at)
        if answer.startswith(YES):
            usable.append(scenario)
    linked.write_down()
    return usable


def _scenario_of_pass(ctx: Context, client_id: str, code: str) -> str | None:
    code_hash = hash_for(ctx, client_id, code)
    with suppress(CacheDown):
        held = ctx.copies.look(code_hash).held
        if held is not None:
            return held.scenario
    with transaction():
        stored = find_pass(code_hash)
    return None if stored is None or stored.ended else stored.held.scenario


def _up_to_date(ctx: Context) -> Context:
    ctx.rules.up_to_date()
    return ctx
