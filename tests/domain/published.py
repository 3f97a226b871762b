"""The rulebook and scenarios as they are published, and policy cases read from files a department can write."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from haihe.domain.records import Record, RecordState, Severity
from haihe.domain.rulebook import Rulebook
from haihe.domain.rulebook_reader import read_rulebook
from haihe.domain.scenario_reader import read_scenario
from haihe.domain.scenarios import Scenario, ScenarioState

ROOT = Path(__file__).parents[2]
DATA = ROOT / "haihe" / "data"
CASES = ROOT / "tests" / "cases"
RULEBOOK_FILE = DATA / "rulebooks" / "HH-2026.1.yaml"
SCENARIO_FILES = sorted((DATA / "scenarios").glob("*.yaml"))


def load(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


@cache
def rulebook() -> Rulebook:
    return read_rulebook(load(RULEBOOK_FILE))


@cache
def scenarios() -> dict[str, Scenario]:
    read = (read_scenario(load(path), rulebook(), 1, ScenarioState.PUBLISHED) for path in SCENARIO_FILES)
    return {scenario.code: scenario for scenario in read}


def record(indicator: str, occurred_on: date, record_id: int = 1, **given: Any) -> Record:
    """A record from plain values, as a case file writes them."""
    kinds = {"quantity": lambda q: Decimal(str(q)), "severity": Severity, "state": RecordState}
    return Record(
        record_id, indicator, occurred_on, **{k: kinds.get(k, lambda v: v)(v) for k, v in given.items()}
    )
