"""One question about everybody, one answer: the same for an operator's command and for an administrator's request."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import date
from pathlib import Path
from typing import Any

from ibis.backends import BaseBackend

from haihe.city.engine import computing
from haihe.city.impact import ScenarioImpact, try_scenario
from haihe.city.population import Population, read_population
from haihe.city.report import CityReport, city_report
from haihe.city.rulebook_impact import RulebookImpact, try_rulebook
from haihe.city.snapshot import Progress, Watch
from haihe.domain.rulebook import Rulebook
from haihe.domain.scenario_reader import SENSITIVE_LABELS
from haihe.storage.db import db
from haihe.usecases.city_jobs import CityQuestion, report_before
from haihe.usecases.context import Context
from haihe.usecases.drafts import draft_rulebook, draft_scenario
from haihe.usecases.published_scenarios import published_scenarios
from haihe.usecases.source_freshness import source_freshness

Answer = ScenarioImpact | RulebookImpact | CityReport
# Told how far the work has come (0 to 1) and what is being done.
Stage = Callable[[float, str], None]
# Where the snapshot of a day is that has columns for these classes of consent; taken now if need be.
Snapshots = Callable[[date, Rulebook, tuple[str, ...], Watch], Path]

READING, READ = 0.02, 0.4
# What a later report compares itself with.
REMEMBERED = ("on", "rulebook", "scored", "grades", "distribution", "reach")


def answer(
    ctx: Context,
    engine: BaseBackend,
    snapshots: Snapshots,
    kind: CityQuestion,
    draft: str | None,
    on: date,
    stage: Stage = lambda _done, _doing: None,
) -> Answer:
    """Work out the answer as of a day. A draft is read before anybody's data is: InvalidDraft tells what is wrong with it."""
    present = ctx.rules.up_to_date().rulebook(on)
    match kind:
        case CityQuestion.TRY_SCENARIO:
            scenario = draft_scenario(draft or "", present)
            published = next((s for s in published_scenarios(present) if s.code == scenario.code), None)
            with _population(engine, snapshots, (present,), on, stage) as population:
                return try_scenario(population, present, scenario, published, on)
        case CityQuestion.TRY_RULEBOOK:
            tried = draft_rulebook(draft or "")
            pairs = list(zip(published_scenarios(present), published_scenarios(tried), strict=True))
            with _population(engine, snapshots, (present, tried), on, stage) as population:
                return try_rulebook(population, tried, present, pairs, on)
        case CityQuestion.REPORT:
            scenarios = published_scenarios(present)
            with _population(engine, snapshots, (present,), on, stage) as population:

                def counting(done: float, doing: str) -> None:
                    stage(READ + (1 - READ) * done, doing)

                report = city_report(population, present, scenarios, on, counting)
            return replace(report, sources=tuple(source_freshness(on)), before=_remembered(report_before(on)))


def plain(result: Answer) -> dict[str, Any]:
    """An answer as JSON knows it: counts and words, None standing for what is not told."""
    told: dict[str, Any] = json.loads(json.dumps(asdict(result), ensure_ascii=False, default=str))
    return told


@contextmanager
def _population(
    engine: BaseBackend, snapshots: Snapshots, rulebooks: tuple[Rulebook, ...], on: date, stage: Stage
) -> Iterator[Population]:
    stage(READING, "读出居民与信用记录")
    classes = dict.fromkeys((*SENSITIVE_LABELS, *(c for r in rulebooks for c in r.sensitive_classes)))
    # Reading and computing may take minutes, and no transaction of ours may stay open meanwhile.
    db.session.rollback()
    directory = snapshots(on, rulebooks[0], tuple(classes), _reading(stage))
    stage(READ, "计算全市")
    with computing("没有计算成，什么也没有改变"):
        yield read_population(engine, directory, on)


def _reading(stage: Stage) -> Watch:
    @contextmanager
    def watch(_name: str, length: int) -> Iterator[Progress]:
        done = 0

        def progress(more: int) -> None:
            nonlocal done
            done += more
            stage(READING + (READ - READING) * min(done / max(length, 1), 1), "读出居民与信用记录")

        yield progress

    return watch


def _remembered(before: Mapping[str, Any] | None) -> dict[str, Any] | None:
    return None if before is None else {name: before[name] for name in REMEMBERED}
