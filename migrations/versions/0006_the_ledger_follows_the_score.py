"""the ledger follows the score

An entry is only written together with the resident's score, which refers to the resident itself.
"""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_constraint("fk_ledger_resident_id", "ledger", type_="foreignkey")


def downgrade() -> None:
    op.create_foreign_key("fk_ledger_resident_id", "ledger", "residents", ["resident_id"], ["id"])
