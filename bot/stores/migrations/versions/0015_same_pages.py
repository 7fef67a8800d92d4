"""What a page is for while it is open, so that two open ones are never for the same."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; of pages from before nobody knows that they are the same, and their levels go on as they did."""
    op.add_column("pages", sa.Column("open_key", sa.String(length=64), nullable=True))
    op.create_index("ix_pages_open_key", "pages", ["open_key"], unique=True)


def downgrade() -> None:
    """Remove it."""
    op.drop_index("ix_pages_open_key", "pages")
    op.drop_column("pages", "open_key")
