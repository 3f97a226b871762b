"""`flask worker` says what is wrong once, not at every turn."""

from __future__ import annotations

import logging

import pytest
from flask import Flask
from sqlalchemy.exc import OperationalError

from haihe.cli import worker


class Turns:
    """A keeper whose turns end as they are told to, and who stops the worker after the last."""

    def __init__(self, outcomes: list[str]) -> None:
        self.outcomes = outcomes

    def __call__(self, _ctx: object) -> Turns:
        return self

    def turn(self, _at: object) -> None:
        outcome = self.outcomes.pop(0)
        if not self.outcomes:
            worker.signal.raise_signal(worker.signal.SIGTERM)
        if outcome:
            raise OperationalError("SELECT 1", {"name": "李华"}, Exception(outcome))


def test_the_same_trouble_is_told_once(
    app: Flask, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    away, full = "connection to 127.0.0.1 failed: port {}\nsecond line", "disk full"
    outcomes = [away.format(1), away.format(2), full, full, "", "", away.format(3), ""]
    monkeypatch.setattr(worker, "Keeper", Turns(outcomes))
    monkeypatch.setattr(worker, "TURN_SECONDS", 0)
    before = {n: worker.signal.getsignal(n) for n in (worker.signal.SIGTERM, worker.signal.SIGINT)}
    try:
        with caplog.at_level(logging.WARNING, "haihe.cli.worker"):
            result = app.test_cli_runner().invoke(args=["worker"])
    finally:
        for number, handler in before.items():
            worker.signal.signal(number, handler)

    assert result.exit_code == 0, result.output
    told = [r.getMessage() for r in caplog.records]
    assert [("port" in t, "disk" in t, "恢复" in t) for t in told] == [
        (True, False, False),
        (False, True, False),
        (False, False, True),
        (True, False, False),
        (False, False, True),
    ]
    assert not any("\n" in t or "李华" in t for t in told)
    assert not any(r.exc_info for r in caplog.records)
