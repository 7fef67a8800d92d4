"""The bot's tests of its own hearing."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

metadata = sa.MetaData()
_MOMENT = sa.DateTime(timezone=True)

sa.Table(
    "self_tests",
    metadata,
    sa.Column("at", _MOMENT, nullable=False),
    sa.Column("sent_at", _MOMENT, nullable=True),
    sa.Column("heard_at", _MOMENT, nullable=True, index=True),
    sa.Column("heard_by", sa.String(length=100), server_default="", nullable=False),
    sa.Column("channel", sa.String(length=100), server_default="", nullable=False),
    sa.Column("posted_channel", sa.String(length=40), server_default="", nullable=False),
    sa.Column("posted_ts", sa.String(length=40), server_default="", nullable=False),
    sa.PrimaryKeyConstraint("at"),
)


def upgrade() -> None:
    """Create the table."""
    metadata.create_all(op.get_bind())


def downgrade() -> None:
    """Remove it."""
    metadata.drop_all(op.get_bind())
