"""Overrides, who was called about what, hand-overs and pages; what a card says of the escalation."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0006"
branch_labels = None
depends_on = None

_MOMENT = sa.DateTime(timezone=True)
metadata = sa.MetaData()

sa.Table(
    "overrides",
    metadata,
    sa.Column("id", sa.String(length=40), nullable=False),
    sa.Column("level", sa.Integer(), nullable=False),
    sa.Column("person", sa.String(length=100), nullable=False),
    sa.Column("since", _MOMENT, nullable=False),
    sa.Column("until", _MOMENT, nullable=False, index=True),
    sa.Column("by_id", sa.String(length=100), nullable=False),
    sa.Column("by_name", sa.Text(), nullable=False),
    sa.Column("made_at", _MOMENT, nullable=False),
    sa.Column("ended_at", _MOMENT, nullable=True),
    sa.Column("ended_by", sa.Text(), server_default="", nullable=False),
    sa.PrimaryKeyConstraint("id"),
)
sa.Table(
    "escalations",
    metadata,
    sa.Column("incident", sa.String(length=40), nullable=False),
    sa.Column("began_at", _MOMENT, nullable=False),
    sa.Column("number", sa.Integer(), nullable=False),
    sa.Column("level", sa.Integer(), nullable=False),
    sa.Column("at", _MOMENT, nullable=False),
    sa.Column("people", sa.JSON(), nullable=False),
    sa.Column("over_at", _MOMENT, nullable=True, index=True),
    sa.PrimaryKeyConstraint("incident", "began_at", "number"),
)
sa.Table(
    "handovers",
    metadata,
    sa.Column("id", sa.String(length=40), nullable=False),
    sa.Column("at", _MOMENT, nullable=False, index=True),
    sa.Column("before", sa.JSON(), nullable=False),
    sa.Column("after", sa.JSON(), nullable=False),
    sa.Column("accepted_by", sa.Text(), server_default="", nullable=False),
    sa.Column("accepted_at", _MOMENT, nullable=True),
    sa.Column("overdue_at", _MOMENT, nullable=True),
    sa.PrimaryKeyConstraint("id"),
)
sa.Table(
    "pages",
    metadata,
    sa.Column("id", sa.String(length=40), nullable=False),
    sa.Column("level", sa.Integer(), nullable=False),
    sa.Column("people", sa.JSON(), nullable=False),
    sa.Column("reason", sa.Text(), nullable=False),
    sa.Column("by_id", sa.String(length=100), nullable=False, index=True),
    sa.Column("by_name", sa.Text(), nullable=False),
    sa.Column("at", _MOMENT, nullable=False, index=True),
    sa.PrimaryKeyConstraint("id"),
)


def upgrade() -> None:
    """Create the tables and the column."""
    metadata.create_all(op.get_bind())
    op.add_column("incidents", sa.Column("called", sa.Text(), server_default="", nullable=False))


def downgrade() -> None:
    """Remove them."""
    op.drop_column("incidents", "called")
    metadata.drop_all(op.get_bind())
