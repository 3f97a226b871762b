"""how far each resident has read what they are told"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "inboxes",
        sa.Column("resident_id", sa.BigInteger(), nullable=False),
        sa.Column("read_until", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["resident_id"], ["residents.id"], name=op.f("fk_inboxes_resident_id")),
        sa.PrimaryKeyConstraint("resident_id", name=op.f("pk_inboxes")),
    )
    op.drop_column("notifications", "read_at")


def downgrade() -> None:
    op.add_column("notifications", sa.Column("read_at", sa.DateTime(timezone=True)))
    op.drop_table("inboxes")
