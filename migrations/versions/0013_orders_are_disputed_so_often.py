"""an order is disputed so often at most, and the counters of what is over are not read any more"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("orders", sa.Column("disputes", sa.Integer(), server_default="0", nullable=False))
    op.execute("UPDATE orders SET disputes = 1 WHERE disputed_at IS NOT NULL")
    op.create_index("ix_quota_counters_period", "quota_counters", ["period", "key"])


def downgrade() -> None:
    op.drop_index("ix_quota_counters_period", table_name="quota_counters")
    op.drop_column("orders", "disputes")
