"""A setting that is missing or wrong is told in one line, with exit code 2."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.conftest import ROOT

COMMANDS = {
    "flask": ("-m", "flask", "--app", "wsgi", "records", "report", "1"),
    "gunicorn": ("-m", "gunicorn", "-c", "gunicorn.conf.py", "--bind", "127.0.0.1:0", "wsgi:app"),
}


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("HAIHE_DATABASE_URL", ""),
        ("HAIHE_DATA_KEYS", "{"),
        ("HAIHE_INDEX_KEY", "short"),
        ("HAIHE_CURRENT_DATA_KEY", "k9"),
    ],
)
def test_a_wrong_setting_is_told_in_one_line(command: str, name: str, value: str) -> None:
    done = subprocess.run(
        [sys.executable, *COMMANDS[command]],
        cwd=ROOT,
        env={**os.environ, name: value},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 2
    (told,) = done.stderr.splitlines()
    assert told.startswith("海河分 · 配置有误：")
    assert name in told
