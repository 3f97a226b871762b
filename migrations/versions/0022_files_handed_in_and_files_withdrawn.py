"""files that a clerk hands in for a source, and files that are withdrawn as a whole"""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "file_withdrawals",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("import_id", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.String(400), nullable=False),
        sa.Column("begun_by", sa.String(96), nullable=False),
        sa.Column("begun_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("decided_by", sa.String(96)),
        sa.Column("decided_at", sa.DateTime(timezone=True)),
        sa.Column("decision", sa.String(400)),
        sa.Column("records", sa.Integer(), nullable=False),
        sa.Column("last_record_id", sa.BigInteger(), nullable=False),
        sa.Column("withdrawn", sa.Integer(), nullable=False),
        sa.Column("restored", sa.Integer(), nullable=False),
        sa.Column("moved", sa.Integer(), nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True)),
        sa.CheckConstraint(
            "state IN ('WAITING','REFUSED','APPROVED','DONE')", name=op.f("ck_file_withdrawals_state")
        ),
        sa.ForeignKeyConstraint(
            ["import_id"], ["imports.id"], name=op.f("fk_file_withdrawals_import_id_imports")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_file_withdrawals")),
    )
    op.create_index(
        "uq_file_withdrawals_open",
        "file_withdrawals",
        ["import_id"],
        unique=True,
        postgresql_where=sa.text("state IN ('WAITING', 'APPROVED', 'DONE')"),
    )
    op.add_column("records", sa.Column("undone_by", sa.BigInteger()))
    op.create_foreign_key(
        op.f("fk_records_undone_by_file_withdrawals"), "records", "file_withdrawals", ["undone_by"], ["id"]
    )
    op.create_table(
        "uploads",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("source", sa.String(32), nullable=False),
        sa.Column("file_name", sa.String(255), nullable=False),
        sa.Column("sent_by", sa.String(96), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("plain_size", sa.BigInteger(), nullable=False),
        sa.Column("leased_until", sa.DateTime(timezone=True)),
        sa.Column("import_id", sa.BigInteger()),
        sa.Column("code", sa.String(32)),
        sa.Column("detail", sa.String(400)),
        sa.CheckConstraint("state IN ('WAITING','DONE','FAILED')", name=op.f("ck_uploads_state")),
        sa.ForeignKeyConstraint(["import_id"], ["imports.id"], name=op.f("fk_uploads_import_id_imports")),
        sa.ForeignKeyConstraint(["source"], ["sources.code"], name=op.f("fk_uploads_source_sources")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_uploads")),
    )
    op.create_index("ix_uploads_waiting", "uploads", ["id"], postgresql_where=sa.text("state = 'WAITING'"))
    op.create_table(
        "upload_parts",
        sa.Column("upload_id", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("key_id", sa.String(32), nullable=False),
        sa.Column("part_sealed", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["upload_id"], ["uploads.id"], name=op.f("fk_upload_parts_upload_id_uploads")
        ),
        sa.PrimaryKeyConstraint("upload_id", "number", name=op.f("pk_upload_parts")),
    )


def downgrade() -> None:
    op.drop_table("upload_parts")
    op.drop_index("ix_uploads_waiting", table_name="uploads")
    op.drop_table("uploads")
    op.drop_constraint(op.f("fk_records_undone_by_file_withdrawals"), "records", type_="foreignkey")
    op.drop_column("records", "undone_by")
    op.drop_index("uq_file_withdrawals_open", table_name="file_withdrawals")
    op.drop_table("file_withdrawals")
