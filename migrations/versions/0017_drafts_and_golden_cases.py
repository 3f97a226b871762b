"""drafts of scenarios and rulebooks, and the golden cases they are checked against"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "drafts",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("code", sa.String(32), nullable=False),
        sa.Column("written", postgresql.JSONB(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("based_on", sa.Integer()),
        sa.Column("hands", postgresql.JSONB(), nullable=False),
        sa.Column("changed_by", sa.String(96), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("starts_on", sa.Date()),
        sa.Column("submitted_by", sa.String(96)),
        sa.Column("reviewed_by", sa.String(96)),
        sa.Column("reviewed_at", sa.DateTime(timezone=True)),
        sa.Column("reason", sa.Text()),
        sa.Column("city_job_id", sa.BigInteger()),
        sa.Column("tried_version", sa.Integer()),
        sa.CheckConstraint("kind IN ('SCENARIO','RULEBOOK')", name=op.f("ck_drafts_kind")),
        sa.CheckConstraint(
            "state IN ('DRAFT','RETURNED','IN_REVIEW','SCHEDULED','PUBLISHED','DROPPED')",
            name=op.f("ck_drafts_state"),
        ),
        sa.ForeignKeyConstraint(
            ["city_job_id"], ["city_jobs.id"], name=op.f("fk_drafts_city_job_id_city_jobs")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_drafts")),
    )
    op.create_index(
        "uq_drafts_open",
        "drafts",
        ["kind", "code"],
        unique=True,
        postgresql_where=sa.text("state IN ('DRAFT', 'RETURNED', 'IN_REVIEW', 'SCHEDULED')"),
    )
    op.create_table(
        "golden_cases",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("written", sa.Text(), nullable=False),
        sa.Column("author", sa.String(96), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("retired_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_golden_cases")),
        sa.UniqueConstraint("name", name=op.f("uq_golden_cases_name")),
    )


def downgrade() -> None:
    op.drop_table("golden_cases")
    op.drop_index("uq_drafts_open", table_name="drafts")
    op.drop_table("drafts")
