"""The values that people type into a form and nobody may see, kept sealed until they were used."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

metadata = sa.MetaData()

sa.Table(
    "secrets",
    metadata,
    sa.Column("reference", sa.String(length=80), nullable=False),
    sa.Column("sealed", sa.Text(), nullable=False),
    sa.Column("fingerprint", sa.String(length=20), nullable=False),
    sa.Column("kept_at", sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint("reference"),
    sa.Index("ix_secrets_kept_at", "kept_at"),
)


def upgrade() -> None:
    """Create the table."""
    metadata.create_all(op.get_bind())


def downgrade() -> None:
    """Remove it."""
    metadata.drop_all(op.get_bind())
