"""relatives who act for residents, and for whom a session acts"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "helpings",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("resident_id", sa.BigInteger(), nullable=False),
        sa.Column("helper_id", sa.BigInteger()),
        sa.Column("relation", sa.String(16), nullable=False),
        sa.Column("scopes", postgresql.JSONB(), nullable=False),
        sa.Column("text_version", sa.String(32), nullable=False),
        sa.Column("text_sha256", sa.LargeBinary(), nullable=False),
        sa.Column("name_index", sa.LargeBinary(), nullable=False),
        sa.Column("code_index", sa.LargeBinary(), nullable=False),
        sa.Column("given_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("code_expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("accepted_at", sa.DateTime(timezone=True)),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True)),
        sa.Column("ended_by", sa.String(16)),
        sa.CheckConstraint(
            "(helper_id IS NULL) = (accepted_at IS NULL)", name=op.f("ck_helpings_accepted_by_somebody")
        ),
        sa.CheckConstraint("helper_id <> resident_id", name=op.f("ck_helpings_helped_by_another")),
        sa.CheckConstraint(
            "(ended_at IS NULL) = (ended_by IS NULL)", name=op.f("ck_helpings_ended_by_somebody")
        ),
        sa.ForeignKeyConstraint(
            ["resident_id"], ["residents.id"], name=op.f("fk_helpings_resident_id_residents")
        ),
        sa.ForeignKeyConstraint(
            ["helper_id"], ["residents.id"], name=op.f("fk_helpings_helper_id_residents")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_helpings")),
    )
    op.create_index(op.f("ix_helpings_resident_id"), "helpings", ["resident_id"])
    op.create_index(op.f("ix_helpings_helper_id"), "helpings", ["helper_id"])
    op.create_index(op.f("ix_helpings_code_index"), "helpings", ["code_index"])
    op.create_index(
        "uq_helpings_in_force",
        "helpings",
        ["resident_id", "helper_id"],
        unique=True,
        postgresql_where=sa.text("ended_at IS NULL AND accepted_at IS NOT NULL"),
    )
    op.add_column("sessions", sa.Column("helping_id", sa.BigInteger()))
    op.create_foreign_key(
        op.f("fk_sessions_helping_id_helpings"), "sessions", "helpings", ["helping_id"], ["id"]
    )


def downgrade() -> None:
    op.drop_constraint(op.f("fk_sessions_helping_id_helpings"), "sessions")
    op.drop_column("sessions", "helping_id")
    op.drop_table("helpings")
