"""Which alerts share a card, when an incident last rang, whether it flaps, and when a silence last muted something."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the columns."""
    op.add_column("incidents", sa.Column("members", sa.JSON(), server_default="[]", nullable=False))
    op.add_column("incidents", sa.Column("rung_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("incidents", sa.Column("flapping", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column("incidents", sa.Column("calm_since", sa.DateTime(timezone=True), nullable=True))
    op.add_column("silences", sa.Column("matched_at", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    """Remove them."""
    op.drop_column("silences", "matched_at")
    for name in ("calm_since", "flapping", "rung_at", "members"):
        op.drop_column("incidents", name)
