"""Whatever goes wrong with a command about the whole city is one sentence, and nothing of it is half done."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import psycopg
import pytest
import redis
import yaml
from click.testing import Result
from flask import Flask
from ibis.backends.duckdb import Backend
from sqlalchemy import func, select

from haihe.app import create_app
from haihe.cache.keys import resident_place
from haihe.city import reading
from haihe.city.columns import SCHEMA_VERSION
from haihe.city.generating import generate_snapshot
from haihe.city.population import FACTS
from haihe.city.snapshot import MANIFEST
from haihe.cli.rules import parse, shipped_rulebooks, shipped_scenarios
from haihe.config import read_settings
from haihe.demo.plan import Plan
from haihe.storage.audit import AuditEntry
from haihe.storage.db import db
from haihe.storage.scores import ScoreRow
from haihe.storage.whole_city import connection_words
from tests.builders import Builders
from tests.conftest import Clock

COMMANDS = ("rescore", "warm", "snapshot", "report", "try-scenario", "try-rulebook")
Run = Callable[..., Result]


@pytest.fixture
def given(tmp_path: Path) -> dict[str, list[str]]:
    """What each command is given."""
    drafts = tmp_path / "drafts"
    drafts.mkdir()
    for name, shipped in (("scenario", shipped_scenarios()[6]), ("rulebook", shipped_rulebooks()[-1])):
        (drafts / name).write_text(yaml.safe_dump(parse(shipped), allow_unicode=True), "utf-8")
    return {
        "rescore": [],
        "warm": ["--temporary", str(tmp_path)],
        "snapshot": ["--out", str(tmp_path / "snapshots")],
        "report": ["--out", str(tmp_path / "report.html")],
        "try-scenario": [str(drafts / "scenario")],
        "try-rulebook": [str(drafts / "rulebook")],
    }


@pytest.fixture
def run(app: Flask, given: dict[str, list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A command as an operator types it; its temporary files are under our eyes."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    def run(command: str, *more: str, app: Flask = app) -> Result:
        return app.test_cli_runner().invoke(args=["city", command, *given[command], *more])

    return run


@pytest.fixture
def moved(a: Builders, clock: Clock) -> int:
    """A resident whose points have run out since they were stored."""
    resident = a.resident()
    a.record(resident, "C01", quantity=3)
    clock.forward(days=25 * 31)
    return resident


def told(result: Result, *words: str) -> None:
    """It is a sentence and no traceback."""
    assert result.exit_code == 1, result.output
    assert isinstance(result.exception, SystemExit), result.exception
    for word in words:
        assert word in result.output


def nothing_left(home: Path) -> None:
    assert [p.name for p in home.rglob("*") if p.is_file() and p.parent.name != "drafts"] == []


@pytest.mark.parametrize("command", COMMANDS)
def test_a_database_that_is_away_is_told_without_its_password(
    run: Run, app: Flask, clock: Clock, tmp_path: Path, command: str
) -> None:
    away = "postgresql+psycopg://nobody:geheim@/nothing?host=/nowhere"
    elsewhere = create_app(replace(read_settings(), database_url=away), now=clock)

    with elsewhere.app_context():
        result = run(command, app=elsewhere)

    told(result, "数据库没有应答", "再次运行")
    assert "geheim" not in result.output
    nothing_left(tmp_path)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_database_that_goes_away_while_it_is_read_leaves_everything_as_it_was(
    run: Run, moved: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str,
    redis_client: redis.Redis,
) -> None:  # fmt: skip
    redis_client.flushall()
    entries = db.session.execute(select(func.count(AuditEntry.id))).scalar_one()
    db.session.remove()
    fitted, words = reading.fitted, connection_words()

    def gone(*of: Any) -> Any:
        with psycopg.connect(words) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
                " WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"
            )
        return fitted(*of)

    # One reader, so that after the first rows there is always more to be asked for.
    monkeypatch.setattr(reading, "READERS", 1)
    monkeypatch.setattr(reading, "fitted", gone)
    result = run(command)

    told(result, "读取数据库失败，没有留下快照")
    nothing_left(tmp_path)
    assert db.session.get_one(ScoreRow, moved).total == 503
    assert db.session.execute(select(func.count(AuditEntry.id))).scalar_one() == entries
    assert redis_client.hget(*map(str, resident_place(moved))) is None
    monkeypatch.undo()
    assert run(command).exit_code == 0


@pytest.mark.parametrize("command", [c for c in COMMANDS if c != "snapshot"])
def test_a_disk_that_is_full_while_it_computes_leaves_everything_as_it_was(
    run: Run, moved: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str,
    redis_client: redis.Redis,
) -> None:  # fmt: skip
    redis_client.flushall()

    def full(*_: Any, **__: Any) -> None:
        raise duckdb.IOException('IO Error: Could not write file "x": No space left on device')

    monkeypatch.setattr(Backend, "to_parquet", full)
    result = run(command)

    told(result, "磁盘已满")
    nothing_left(tmp_path)
    db.session.expire_all()
    assert db.session.get_one(ScoreRow, moved).total == 503
    assert redis_client.hget(*map(str, resident_place(moved))) is None


@pytest.mark.parametrize("command", [c for c in COMMANDS if c != "snapshot"])
def test_a_place_for_temporary_files_that_is_full_is_told(
    run: Run, moved: int, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("tempfile.mkdtemp", full)
    told(run(command), "磁盘已满")


@pytest.fixture
def city(tmp_path: Path, clock: Clock) -> Path:
    """A snapshot that was generated."""
    return generate_snapshot(Plan(500, 1, clock.today), tmp_path / "city").directory


@pytest.mark.parametrize("command", ("rescore", "report", "try-scenario", "try-rulebook"))
def test_a_snapshot_that_will_not_do_is_refused_by_every_command(run: Run, city: Path, command: str) -> None:
    manifest, whole = city / MANIFEST, (city / "records.parquet").read_bytes()

    (city / "records.parquet").write_bytes(whole[: len(whole) // 2])
    told(run(command, "--snapshot", str(city)), "records.parquet 不是完整的 Parquet 文件", "请重新生成")
    (city / "records.parquet").write_bytes(whole)

    text = manifest.read_text("utf-8")
    now = f'"schema_version": {SCHEMA_VERSION}'
    assert now in text
    manifest.write_text(text.replace(now, '"schema_version": 1'))
    told(
        run(command, "--snapshot", str(city)),
        f"是第 1 版快照，本程序读第 {SCHEMA_VERSION} 版；请重新生成",
    )

    manifest.unlink()
    told(run(command, "--snapshot", str(city)), "不是完整的快照")


@pytest.mark.parametrize("command", ("report", "try-scenario", "try-rulebook"))
def test_pages_of_a_snapshot_that_were_damaged_are_told(run: Run, city: Path, command: str) -> None:
    file = city / "records.parquet"
    whole = bytearray(file.read_bytes())
    whole[200 : len(whole) // 2] = bytes(len(whole) // 2 - 200)
    file.write_bytes(whole)

    told(run(command, "--snapshot", str(city)), "没能在")
    assert not list(city.glob(f"{FACTS}-*"))


def test_facts_that_were_damaged_are_computed_anew(run: Run, city: Path) -> None:
    def tried() -> str:
        result = run("try-scenario", "--snapshot", str(city), "--json")
        assert result.exit_code == 0, result.output
        return result.output

    first = tried()
    (facts,) = city.glob(f"{FACTS}-*")
    whole = facts.read_bytes()
    facts.write_bytes(whole[: len(whole) // 2])

    assert tried() == first
    assert facts.read_bytes()[-4:] == b"PAR1"


def test_a_report_that_cannot_be_written_whole_leaves_the_one_before(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = tmp_path / "report.html"
    page.write_text("the one before", "utf-8")
    write = Path.write_text

    def full(self: Path, text: str, *more: Any) -> int:
        if page.name not in self.name:
            return write(self, text, *more)
        write(self, text[:100], *more)
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    result = run("report")

    told(result, f"无法写入 {page}：磁盘已满")
    assert page.read_text("utf-8") == "the one before"
    assert [p.name for p in tmp_path.iterdir() if p.is_file()] == ["report.html"]


@pytest.fixture
def generating(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A command that takes a while, in a process of its own, once it has begun to write."""
    arguments = ["city", "generate", "--residents", "16000000", "--out", str(tmp_path / "city")]
    with subprocess.Popen(
        [sys.executable, "-m", "flask", "--app", "wsgi", *arguments, "--on", "2026-11-20"],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=os.environ,
    ) as process:  # fmt: skip
        until = time.monotonic() + 60
        while not any(p.stat().st_size for p in tmp_path.rglob("*.parquet")) and time.monotonic() < until:
            time.sleep(0.05)
        yield process
        process.kill()


@pytest.mark.parametrize("number", (signal.SIGINT, signal.SIGTERM))
def test_whoever_is_told_to_end_takes_the_files_away(
    generating: subprocess.Popen[str], tmp_path: Path, number: signal.Signals
) -> None:
    generating.send_signal(number)
    said, _ = generating.communicate(timeout=60)

    assert generating.returncode == 1, said
    assert "已中断，没有留下写了一半的内容" in said
    assert "Traceback" not in said
    assert list(tmp_path.iterdir()) == []
