"""bookings to which nobody came"""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("orders", sa.Column("no_show_on", sa.Date(), nullable=True))
    op.add_column("orders", sa.Column("no_show_counts", sa.Boolean(), server_default="false", nullable=False))


def downgrade() -> None:
    op.drop_column("orders", "no_show_counts")
    op.drop_column("orders", "no_show_on")
