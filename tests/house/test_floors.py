"""Imports only go down the stairs, and each floor speaks one foreign language."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

HOUSE = Path(__file__).parents[2] / "haihe"

# What each room may import of the house itself. Anything not listed is not allowed.
MAY_IMPORT = {
    "domain": {"domain"},
    "storage": {"domain", "storage"},
    "cache": {"domain", "cache"},
    "outside": {"domain", "outside", "usecases", "config"},
    "usecases": {"domain", "storage", "cache", "usecases"},
    "web": {"domain", "storage", "cache", "usecases", "web"},
    "city": {"domain", "storage", "cache", "usecases", "city", "demo"},
    "cli": {"domain", "storage", "cache", "usecases", "web", "cli", "city", "demo", "config"},
    "demo": {"domain", "storage", "cache", "usecases", "web", "cli", "demo", "config"},
}

# The foreign languages: which rooms may speak them.
SPOKEN_BY = {
    "flask": {"web", "cli", "demo"},
    "flask_smorest": {"web"},
    "flask_sqlalchemy": {"storage"},
    "sqlalchemy": {"storage", "usecases", "web", "cli", "demo"},
    "redis": {"cache"},
    "ibis": {"city"},
    "duckdb": {"city"},
    "pyarrow": {"city"},
    "pyspark": {"city"},
    "authlib": {"web", "usecases"},
    "marshmallow": {"web"},
}
AUDIENCES = {"resident", "merchant", "admin"}

FILES = [f for room in MAY_IMPORT for f in sorted((HOUSE / room).rglob("*.py"))]


def imported_by(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: imports are absolute here"
            yield node.module or ""
            yield from (f"{node.module}.{name.name}" for name in node.names)


@pytest.mark.parametrize("file", FILES, ids=lambda f: str(f.relative_to(HOUSE)))
def test_a_file_imports_only_from_its_own_floor_and_those_below(file: Path) -> None:
    room = file.relative_to(HOUSE).parts[0]
    for name in imported_by(file):
        parts = name.split(".")
        if parts[0] == "haihe" and len(parts) > 1:
            assert parts[1] in MAY_IMPORT[room], f"{room} may not import {name}"
        elif parts[0] in SPOKEN_BY:
            assert room in SPOKEN_BY[parts[0]], f"{room} does not speak {parts[0]}"


@pytest.mark.parametrize("audience", sorted(AUDIENCES))
def test_audiences_never_import_each_other(audience: str) -> None:
    for file in sorted((HOUSE / "web" / audience).rglob("*.py")):
        for name in imported_by(file):
            parts = name.split(".")
            if parts[:2] == ["haihe", "web"] and len(parts) > 2:
                assert parts[2] not in AUDIENCES - {audience}, f"{file.name} imports {name}"


def test_the_domain_has_no_clock() -> None:
    for file in sorted((HOUSE / "domain").rglob("*.py")):
        calls = {n.attr for n in ast.walk(ast.parse(file.read_text("utf-8"))) if isinstance(n, ast.Attribute)}
        assert not calls & {"today", "now", "utcnow", "monotonic"}, file.name
