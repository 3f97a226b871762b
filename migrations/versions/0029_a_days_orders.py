"""The orders of a day are found without reading all of them"""

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_orders_opened_on", "orders", ["opened_on"])
    op.create_index(
        "ix_orders_settled_on", "orders", ["settled_on"], postgresql_where=sa.text("settled_on IS NOT NULL")
    )


def downgrade() -> None:
    op.drop_index("ix_orders_settled_on", table_name="orders")
    op.drop_index("ix_orders_opened_on", table_name="orders")
