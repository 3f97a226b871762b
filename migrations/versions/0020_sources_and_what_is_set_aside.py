"""sources have a district and a rhythm; a line that was set aside can be read again, or is sent back"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("sources", sa.Column("district", sa.String(6)))
    op.add_column("sources", sa.Column("expected_days", sa.Integer()))
    op.add_column("oauth_clients", sa.Column("renewed_at", sa.DateTime(timezone=True)))
    op.add_column("imports", sa.Column("header", postgresql.JSONB()))
    op.add_column("quarantine", sa.Column("sent_back_at", sa.DateTime(timezone=True)))
    op.add_column("quarantine", sa.Column("sent_back_by", sa.String(96)))
    op.add_column("quarantine", sa.Column("note", sa.String(200)))


def downgrade() -> None:
    for column in ("note", "sent_back_by", "sent_back_at"):
        op.drop_column("quarantine", column)
    op.drop_column("imports", "header")
    op.drop_column("oauth_clients", "renewed_at")
    op.drop_column("sources", "expected_days")
    op.drop_column("sources", "district")
