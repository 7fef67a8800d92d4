"""What may not be changed for a while."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

metadata = sa.MetaData()

sa.Table(
    "freezes",
    metadata,
    sa.Column("scope", sa.String(length=100), nullable=False),
    sa.Column("id", sa.String(length=200), nullable=False),
    sa.Column("actor_id", sa.String(length=100), nullable=False),
    sa.Column("actor_name", sa.Text(), nullable=False),
    sa.Column("since", sa.DateTime(timezone=True), nullable=False),
    sa.Column("until", sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint("scope"),
)


def upgrade() -> None:
    """Create the table."""
    metadata.create_all(op.get_bind())


def downgrade() -> None:
    """Remove it."""
    metadata.drop_all(op.get_bind())
