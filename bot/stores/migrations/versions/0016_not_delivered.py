"""What Slack did not deliver to the bot, and since when what the bot says is not delivered."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

metadata = sa.MetaData()
_MOMENT = sa.DateTime(timezone=True)

sa.Table(
    "missed_tests",
    metadata,
    sa.Column("replica", sa.String(length=100), nullable=False),
    sa.Column("at", _MOMENT, nullable=False),
    sa.Column("heard_before", _MOMENT, nullable=False),
    sa.PrimaryKeyConstraint("replica", "at"),
)

sa.Table(
    "deaf_windows",
    metadata,
    sa.Column("id", sa.String(length=40), nullable=False),
    sa.Column("began", _MOMENT, nullable=False),
    sa.Column("ended", _MOMENT, nullable=False),
    sa.Column("partly", sa.Boolean(), nullable=False),
    sa.PrimaryKeyConstraint("id"),
)


def upgrade() -> None:
    """Create the tables and add the column; of what waits already, only its last change is known."""
    metadata.create_all(op.get_bind())
    op.add_column("messages", sa.Column("unsent_since", _MOMENT, nullable=True))
    op.execute("UPDATE messages SET unsent_since = changed_at WHERE sent_version < version")


def downgrade() -> None:
    """Remove them."""
    op.drop_column("messages", "unsent_since")
    metadata.drop_all(op.get_bind())
