"""Who has a page in hand, and who said that it is over."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Add the columns; a page from before could not be ended here, so that none of them counts as open."""
    for name in ("acknowledged", "ended"):
        op.add_column("pages", sa.Column(f"{name}_by", sa.Text(), server_default="", nullable=False))
        op.add_column("pages", sa.Column(f"{name}_at", _MOMENT, nullable=True))
    op.create_index("ix_pages_ended_at", "pages", ["ended_at"])
    op.execute("UPDATE pages SET ended_at = at")


def downgrade() -> None:
    """Remove them."""
    op.drop_index("ix_pages_ended_at", "pages")
    for name in ("acknowledged", "ended"):
        op.drop_column("pages", f"{name}_at")
        op.drop_column("pages", f"{name}_by")
