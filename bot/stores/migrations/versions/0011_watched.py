"""What was before a change, and every freeze with what was said of it."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

metadata = sa.MetaData()
_MOMENT = sa.DateTime(timezone=True)

sa.Table(
    "baselines",
    metadata,
    sa.Column("stamp", sa.String(length=200), nullable=False),
    sa.Column("role", sa.String(length=20), nullable=False),
    sa.Column("seen", sa.JSON(), nullable=False),
    sa.Column("taken_at", _MOMENT, nullable=False, index=True),
    sa.PrimaryKeyConstraint("stamp", "role"),
)

sa.Table(
    "freeze_records",
    metadata,
    sa.Column("id", sa.String(length=200), nullable=False),
    sa.Column("scope", sa.String(length=100), nullable=False),
    sa.Column("actor_id", sa.String(length=100), nullable=False),
    sa.Column("actor_name", sa.Text(), nullable=False),
    sa.Column("since", _MOMENT, nullable=False),
    sa.Column("until", _MOMENT, nullable=False),
    sa.Column("ended_at", _MOMENT, nullable=True),
    sa.Column("ended_by", sa.Text(), server_default="", nullable=False),
    sa.Column("announced_at", _MOMENT, nullable=True),
    sa.Column("closed_at", _MOMENT, nullable=True, index=True),
    sa.PrimaryKeyConstraint("id"),
)


def upgrade() -> None:
    """Create the tables; the freezes that are there count as announced, so that only their end is said."""
    metadata.create_all(op.get_bind())
    names = "id, scope, actor_id, actor_name, since, until"
    op.execute(f"INSERT INTO freeze_records ({names}, announced_at) SELECT {names}, since FROM freezes")  # noqa: S608


def downgrade() -> None:
    """Remove them."""
    metadata.drop_all(op.get_bind())
