"""audit in chains"""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

HASH = """
CREATE FUNCTION audit_hash(
    previous bytea, lane smallint, place bigint, at timestamptz, actor text, deed text, subject text, detail jsonb
) RETURNS bytea LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT sha256(previous || convert_to(
        jsonb_build_array(
            lane, place, to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), actor, deed, subject, detail
        )::text, 'UTF8'))
$$
"""
# Nobody changes or takes away what was written, not even by mistake; an administrator of the database who drops the
# trigger still breaks the chain.
KEEP = """
CREATE FUNCTION keep_audit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'audit entries are never changed or deleted';
END $$
"""
CHAIN = """
DO $$
DECLARE
    entry record;
    last bytea := sha256('');
    n bigint := 0;
BEGIN
    FOR entry IN SELECT * FROM audit ORDER BY id LOOP
        n := n + 1;
        UPDATE audit SET lane = 0, place = n, previous = last,
            hash = audit_hash(last, 0::smallint, n, entry.at, entry.actor, entry.deed, entry.subject, entry.detail)
            WHERE id = entry.id RETURNING hash INTO last;
    END LOOP;
    IF n > 0 THEN
        INSERT INTO audit_heads (lane, place, hash) VALUES (0, n, last);
    END IF;
END $$
"""


def upgrade() -> None:
    op.create_table(
        "audit_heads",
        sa.Column("lane", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("place", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("lane", name=op.f("pk_audit_heads")),
    )
    op.add_column("audit", sa.Column("lane", sa.SmallInteger(), nullable=True))
    op.add_column("audit", sa.Column("place", sa.BigInteger(), nullable=True))
    op.add_column("audit", sa.Column("previous", sa.LargeBinary(), nullable=True))
    op.add_column("audit", sa.Column("hash", sa.LargeBinary(), nullable=True))
    op.execute(HASH)
    op.execute(CHAIN)
    for column in ("lane", "place", "previous", "hash"):
        op.alter_column("audit", column, nullable=False)
    op.create_unique_constraint(op.f("uq_audit_lane_place"), "audit", ["lane", "place"])
    op.create_index(op.f("ix_audit_actor"), "audit", ["actor"], unique=False)
    op.execute(KEEP)
    op.execute(
        "CREATE TRIGGER keep_audit BEFORE UPDATE OR DELETE ON audit FOR EACH ROW EXECUTE FUNCTION keep_audit()"
    )


def downgrade() -> None:
    op.execute("DROP TRIGGER keep_audit ON audit")
    op.execute("DROP FUNCTION keep_audit()")
    op.drop_index(op.f("ix_audit_actor"), table_name="audit")
    op.drop_constraint(op.f("uq_audit_lane_place"), "audit", type_="unique")
    for column in ("hash", "previous", "place", "lane"):
        op.drop_column("audit", column)
    op.execute("DROP FUNCTION audit_hash(bytea, smallint, bigint, timestamptz, text, text, text, jsonb)")
    op.drop_table("audit_heads")
