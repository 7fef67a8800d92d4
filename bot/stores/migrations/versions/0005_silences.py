"""Who silenced which alerts, who has acknowledged an incident, and why one rings nobody."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

metadata = sa.MetaData()

sa.Table(
    "silences",
    metadata,
    sa.Column("id", sa.String(length=200), nullable=False),
    sa.Column("matchers", sa.JSON(), nullable=False),
    sa.Column("owner_id", sa.String(length=100), nullable=False),
    sa.Column("owner_name", sa.Text(), nullable=False),
    sa.Column("reason", sa.Text(), nullable=False),
    sa.Column("since", sa.DateTime(timezone=True), nullable=False),
    sa.Column("until", sa.DateTime(timezone=True), nullable=False, index=True),
    sa.Column("until_resolved", sa.Boolean(), nullable=False),
    sa.Column("only_new", sa.Boolean(), nullable=False),
    sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
    sa.Column("ended_by", sa.Text(), server_default="", nullable=False),
    sa.PrimaryKeyConstraint("id"),
)


def upgrade() -> None:
    """Create the table and the columns."""
    metadata.create_all(op.get_bind())
    op.add_column("incidents", sa.Column("muted", sa.Text(), server_default="", nullable=False))
    op.add_column("incidents", sa.Column("acknowledged_by", sa.Text(), server_default="", nullable=False))
    op.add_column("incidents", sa.Column("acknowledged_at", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    """Remove them."""
    for name in ("acknowledged_at", "acknowledged_by", "muted"):
        op.drop_column("incidents", name)
    metadata.drop_all(op.get_bind())
