"""Decisions arrive by the thousand: no foreign key is asked about each of them, and no index is kept that nobody reads."""

from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_constraint("fk_decisions_merchant_id", "decisions", type_="foreignkey")
    op.drop_constraint("fk_decisions_resident_id", "decisions", type_="foreignkey")
    op.drop_index("ix_decisions_merchant_id", table_name="decisions")


def downgrade() -> None:
    op.create_index("ix_decisions_merchant_id", "decisions", ["merchant_id", "at"])
    op.create_foreign_key("fk_decisions_resident_id", "decisions", "residents", ["resident_id"], ["id"])
    op.create_foreign_key("fk_decisions_merchant_id", "decisions", "merchants", ["merchant_id"], ["id"])
