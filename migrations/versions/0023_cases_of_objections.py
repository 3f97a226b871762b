"""who works on an objection, and what was written to the source department and back"""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("objections", sa.Column("taken_by", sa.String(64)))
    op.add_column("objections", sa.Column("taken_at", sa.DateTime(timezone=True)))
    op.create_table(
        "objection_messages",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("objection_id", sa.BigInteger(), nullable=False),
        sa.Column("resident_id", sa.BigInteger(), nullable=False),
        sa.Column("from_source", sa.Boolean(), nullable=False),
        sa.Column("written_by", sa.String(96), nullable=False),
        sa.Column("document_no", sa.String(128)),
        sa.Column("key_id", sa.String(32), nullable=False),
        sa.Column("text_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["objection_id"], ["objections.id"], name=op.f("fk_objection_messages_objection_id_objections")
        ),
        sa.ForeignKeyConstraint(
            ["resident_id"], ["residents.id"], name=op.f("fk_objection_messages_resident_id_residents")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_objection_messages")),
    )
    op.create_index("ix_objection_messages_objection_id", "objection_messages", ["objection_id", "id"])
    op.create_index(op.f("ix_objection_messages_resident_id"), "objection_messages", ["resident_id"])


def downgrade() -> None:
    op.drop_table("objection_messages")
    op.drop_column("objections", "taken_at")
    op.drop_column("objections", "taken_by")
