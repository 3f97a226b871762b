"""objections"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "objections",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("resident_id", sa.BigInteger(), nullable=False),
        sa.Column("record_id", sa.BigInteger(), nullable=False),
        sa.Column("second_look_of", sa.BigInteger(), nullable=True),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("key_id", sa.String(length=32), nullable=False),
        sa.Column("reason_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("filed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("extended_because", sa.String(length=500), nullable=True),
        sa.Column("answer", sa.String(length=2000), nullable=True),
        sa.Column("answered_by", sa.String(length=64), nullable=True),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("changed", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.CheckConstraint(
            "state IN ('OPEN','UPHELD','CORRECTED','REMOVED','TAKEN_BACK')", name=op.f("ck_objections_state")
        ),
        sa.ForeignKeyConstraint(["record_id"], ["records.id"], name=op.f("fk_objections_record_id_records")),
        sa.ForeignKeyConstraint(
            ["resident_id"], ["residents.id"], name=op.f("fk_objections_resident_id_residents")
        ),
        sa.ForeignKeyConstraint(
            ["second_look_of"], ["objections.id"], name=op.f("fk_objections_second_look_of_objections")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_objections")),
        sa.UniqueConstraint("second_look_of", name=op.f("uq_objections_second_look_of")),
    )
    op.create_index("ix_objections_resident_id", "objections", ["resident_id", "id"], unique=False)
    op.create_index(
        "uq_objections_open",
        "objections",
        ["record_id"],
        unique=True,
        postgresql_where=sa.text("state = 'OPEN'"),
    )
    op.create_index(
        "ix_objections_open",
        "objections",
        ["filed_at"],
        unique=False,
        postgresql_where=sa.text("state = 'OPEN'"),
    )


def downgrade() -> None:
    op.drop_table("objections")
