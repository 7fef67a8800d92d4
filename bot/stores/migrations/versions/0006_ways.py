"""Which way a message goes, which incident it is about, and when it went the second path."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns; the cards of incidents that stand in Slack are known as such."""
    op.add_column("messages", sa.Column("via", sa.String(length=20), server_default="slack", nullable=False))
    op.add_column("messages", sa.Column("page", sa.JSON(), nullable=True))
    op.add_column("messages", sa.Column("incident", sa.String(length=200), server_default="", nullable=False))
    op.add_column("messages", sa.Column("second_path_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index("ix_messages_incident", "messages", ["incident"])
    op.execute("UPDATE messages SET incident = substr(key, 10) WHERE key LIKE 'incident:%' AND thread_of = ''")


def downgrade() -> None:
    """Remove them, and what goes another way than Slack with them."""
    op.execute("DELETE FROM messages WHERE via <> 'slack'")
    op.drop_index("ix_messages_incident", "messages")
    for name in ("second_path_at", "incident", "page", "via"):
        op.drop_column("messages", name)
