"""how often each merchant used each scenario on each day"""

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "uses_by_day",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("merchant_id", sa.Integer(), nullable=False),
        sa.Column("scenario", sa.String(16), nullable=False),
        sa.Column("asked", sa.Integer(), nullable=False),
        sa.Column("eligible", sa.Integer(), nullable=False),
        sa.Column("opened", sa.Integer(), nullable=False),
        sa.Column("kept", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["merchant_id"], ["merchants.id"], name=op.f("fk_uses_by_day_merchant_id_merchants")
        ),
        sa.PrimaryKeyConstraint("day", "merchant_id", "scenario", name=op.f("pk_uses_by_day")),
    )
    op.create_table(
        "counted_days",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("counted_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("day", name=op.f("pk_counted_days")),
    )
    # Decisions come in the order of time: a few bytes for every hundred pages find a day among them.
    op.create_index("ix_decisions_at", "decisions", ["at"], postgresql_using="brin")


def downgrade() -> None:
    op.drop_index("ix_decisions_at", table_name="decisions")
    op.drop_table("counted_days")
    op.drop_table("uses_by_day")
