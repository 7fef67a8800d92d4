"""Whether PagerDuty may hold a page as acknowledged: a trigger rings nobody then, before it is resolved."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; of pages from before it is taken from the newest version, which they may have been told."""
    op.add_column("messages", sa.Column("acknowledged", sa.Boolean, server_default=sa.false(), nullable=False))
    pages = sa.table("messages", sa.column("page", sa.JSON), sa.column("acknowledged", sa.Boolean))
    is_acknowledged = pages.c.page["action"].as_string() == "acknowledge"
    op.execute(sa.update(pages).where(pages.c.page.is_not(None), is_acknowledged).values(acknowledged=True))


def downgrade() -> None:
    """Remove it."""
    op.drop_column("messages", "acknowledged")
