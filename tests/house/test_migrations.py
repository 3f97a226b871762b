"""Migrations are numbered, have one head, and make exactly the tables that the models describe."""

from __future__ import annotations

from pathlib import Path

from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from flask import Flask

from haihe.storage.tables import db

MIGRATIONS = Path(__file__).parents[2] / "migrations"
FORBIDDEN = {
    "religion",
    "blood",
    "disease",
    "illness",
    "fingerprint",
    "face",
    "voice",
    "gene",
    "income",
    "property",
}


def test_there_is_one_head_and_the_numbers_have_no_gap() -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    scripts = ScriptDirectory.from_config(config)

    assert len(scripts.get_heads()) == 1
    numbers = sorted(s.revision for s in scripts.walk_revisions())
    assert numbers == [f"{n:04d}" for n in range(1, len(numbers) + 1)]


def test_the_models_and_the_migrated_database_are_the_same(app: Flask) -> None:
    with db.engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "compare_server_default": True}
        )

        assert compare_metadata(context, db.metadata) == []


def test_what_the_law_forbids_to_collect_has_no_column(app: Flask) -> None:
    columns = [c for t in db.metadata.sorted_tables for c in t.columns]

    assert [str(c) for c in columns if FORBIDDEN & set(c.name.split("_"))] == []
