"""staff accounts are proposed, confirmed, locked and closed, and their passwords expire"""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

REFUSALS = "deed IN ('staff_log_in_failed', 'staff_refused', 'change_password_failed')"


def upgrade() -> None:
    op.add_column("staff", sa.Column("state", sa.String(16), nullable=False, server_default="OPEN"))
    op.alter_column("staff", "state", server_default=None)
    op.create_check_constraint(
        op.f("ck_staff_state"), "staff", "state IN ('PROPOSED','OPEN','LOCKED','CLOSED')"
    )
    op.add_column(
        "staff", sa.Column("proposed_by", sa.String(96), nullable=False, server_default="operator:cli")
    )
    op.alter_column("staff", "proposed_by", server_default=None)
    # Passwords of before count from the day of this change.
    soon = sa.text("now() + interval '90 days'")
    op.add_column(
        "staff",
        sa.Column("password_expires_at", sa.DateTime(timezone=True), nullable=False, server_default=soon),
    )
    op.alter_column("staff", "password_expires_at", server_default=None)
    op.create_index("ix_audit_refusals", "audit", ["id"], postgresql_where=sa.text(REFUSALS))


def downgrade() -> None:
    op.drop_index("ix_audit_refusals", table_name="audit")
    op.drop_column("staff", "password_expires_at")
    op.drop_column("staff", "proposed_by")
    op.drop_constraint(op.f("ck_staff_state"), "staff", type_="check")
    op.drop_column("staff", "state")
