"""Which engine carries the work is one setting; what cannot be had is said plainly."""

from __future__ import annotations

import shutil
from importlib.util import find_spec
from pathlib import Path

import pytest

from haihe.city import engine as engines
from haihe.city.engine import EngineUnavailable, connect


def test_duckdb_is_the_engine_unless_another_is_asked_for(tmp_path: Path) -> None:
    spill = tmp_path / "spill"
    engine = connect(memory="512MB", threads=1, temporary=spill)
    assert engine.name == "duckdb"
    held = engine.raw_sql(
        "SELECT current_setting('memory_limit'), current_setting('threads'), current_setting('temp_directory')"
    ).fetchall()
    assert held == [("488.2 MiB", 1, str(spill))]
    assert spill.is_dir()
    engine.disconnect()


@pytest.mark.parametrize("url", ["", "postgres://x", "spark", "local[x]", "duckdb2"])
def test_an_engine_nobody_knows_is_refused_with_those_that_are_known(url: str) -> None:
    with pytest.raises(EngineUnavailable, match="duckdb、local"):
        connect(url)


def test_without_pyspark_the_message_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "find_spec", lambda name: None)
    with pytest.raises(EngineUnavailable, match=r"requirements-spark\.txt"):
        connect("local[2]")


@pytest.mark.skipif(find_spec("pyspark") is None, reason="pyspark is not installed (requirements-spark.txt)")
def test_without_java_the_message_says_that_it_is_java(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    monkeypatch.delenv("JAVA_HOME", raising=False)
    with pytest.raises(EngineUnavailable, match="Java 17"):
        connect("local[2]")
