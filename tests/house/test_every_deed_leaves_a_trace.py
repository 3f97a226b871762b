"""Whatever a use case changes, it leaves a trace in the same transaction; the exceptions are named with a reason."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

USECASES = Path(__file__).parents[2] / "haihe" / "usecases"
ANSWERED = "every question is a row of decisions, which its resident can see"
UNTRACED = {
    "alarms.py": "an alarm is itself what is kept",
    "answer_from_database.py": ANSWERED,
    "answer_question.py": ANSWERED,
    "ask_about_linked.py": ANSWERED,
    "batch_journal.py": ANSWERED,
    "dashboards.py": "counts what is on the record already, and changes nothing",
    "deliver_events.py": "every attempt is a row of delivery_attempts",
    "import_records.py": "its chunks are stored and traced by records_in/storing.py",
    "inbox.py": "one's own messages, read",
    "journal.py": ANSWERED,
    "keep_copies.py": "renews copies; nothing about anybody changes",
    "open_order.py": "the deed is traced by order_deeds.py, in the same transaction",
    "partner_health.py": "counts of what is on record elsewhere",
    "push_request.py": "only what a client is going to ask, for a minute",
    "search_scenarios.py": ANSWERED,
    "seen_once.py": "only that something has been shown; the deed it was shown for leaves the trace",
}


def called(node: ast.AST) -> set[str]:
    return {
        getattr(n.func, "id", getattr(n.func, "attr", "")) for n in ast.walk(node) if isinstance(n, ast.Call)
    }


def deeds() -> list[str]:
    files = sorted(USECASES.rglob("*.py"))
    return [
        str(f.relative_to(USECASES))
        for f in files
        if "transaction" in called(ast.parse(f.read_text("utf-8")))
    ]


@pytest.mark.parametrize("deed", deeds())
def test_a_use_case_that_changes_something_leaves_a_trace(deed: str) -> None:
    tree = ast.parse((USECASES / deed).read_text("utf-8"))
    if deed in UNTRACED:
        assert "write_audit" not in called(tree), f"{deed} leaves a trace; take it off the list"
    else:
        assert "write_audit" in called(tree)
