"""Which drains were given up."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

metadata = sa.MetaData()

sa.Table(
    "aborted_drains",
    metadata,
    sa.Column("drain", sa.String(length=40), nullable=False),
    sa.Column("aborted_at", sa.DateTime(timezone=True), nullable=False, index=True),
    sa.PrimaryKeyConstraint("drain"),
)


def upgrade() -> None:
    """Create the table."""
    metadata.create_all(op.get_bind())


def downgrade() -> None:
    """Remove it."""
    metadata.drop_all(op.get_bind())
