"""Runs the migrations inside the application. Nobody waits more than four seconds for a lock a migration holds."""

from alembic import context
from flask import current_app
from sqlalchemy import text

database = current_app.extensions["migrate"].db


def run_migrations() -> None:
    """Apply each migration in a transaction of its own."""
    with database.engine.connect() as connection:
        context.configure(
            connection=connection,
            target_metadata=database.metadata,
            transaction_per_migration=True,
            compare_type=True,
            compare_server_default=True,
        )
        connection.execute(text("SET lock_timeout = '4s'"))
        connection.commit()
        with context.begin_transaction():
            context.run_migrations()


if context.is_offline_mode():
    raise SystemExit("Migrations run against a database; set HAIHE_DATABASE_URL.")
run_migrations()
