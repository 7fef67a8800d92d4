"""The first schema, written out: the tables as they were then, whatever bot/stores/tables.py says later."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

metadata = sa.MetaData()

sa.Table(
    "alert_states",
    metadata,
    sa.Column("fingerprint", sa.String(length=40), nullable=False),
    sa.Column("state", sa.JSON(), nullable=False),
    sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint("fingerprint"),
)
sa.Table(
    "decisions",
    metadata,
    sa.Column("plan_id", sa.String(length=40), nullable=False),
    sa.Column("actor_id", sa.String(length=100), nullable=False),
    sa.Column("action", sa.String(length=20), nullable=False),
    sa.Column("actor_name", sa.Text(), nullable=False),
    sa.Column("reason", sa.Text(), server_default="", nullable=False),
    sa.Column("at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("click", sa.String(length=200), server_default="", nullable=False),
    sa.PrimaryKeyConstraint("plan_id", "actor_id", "action"),
)
sa.Table(
    "executors",
    metadata,
    sa.Column("name", sa.String(length=100), nullable=False),
    sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint("name"),
)
sa.Table(
    "fires",
    metadata,
    sa.Column("schedule", sa.String(length=100), nullable=False),
    sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("holder", sa.String(length=100), nullable=False),
    sa.Column("claimed_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
    sa.Column("result", sa.JSON(), nullable=True),
    sa.PrimaryKeyConstraint("schedule", "due_at"),
)
sa.Table(
    "incidents",
    metadata,
    sa.Column("id", sa.String(length=40), nullable=False),
    sa.Column("fingerprint", sa.String(length=40), nullable=False),
    sa.Column("alert", sa.JSON(), nullable=False),
    sa.Column("severity", sa.String(length=20), nullable=False),
    sa.Column("state", sa.String(length=20), nullable=False),
    sa.Column("peak", sa.Float(), nullable=True),
    sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("resolved_at", sa.DateTime(timezone=True), nullable=True),
    sa.Column("notified_at", sa.DateTime(timezone=True), nullable=True),
    sa.PrimaryKeyConstraint("id"),
    sa.Index("ix_incidents_fingerprint", "fingerprint"),
    sa.Index("ix_incidents_opened_at", "opened_at"),
    sa.Index("ix_incidents_state", "state"),
)
sa.Table(
    "locks",
    metadata,
    sa.Column("target", sa.String(length=200), nullable=False),
    sa.Column("run_id", sa.String(length=40), nullable=False),
    sa.Column("holder", sa.Text(), nullable=False),
    sa.Column("since", sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint("target"),
)
sa.Table(
    "messages",
    metadata,
    sa.Column("key", sa.String(length=200), nullable=False),
    sa.Column("channel", sa.String(length=100), nullable=False),
    sa.Column("body", sa.JSON(), nullable=False),
    sa.Column("version", sa.Integer(), nullable=False),
    sa.Column("sent_version", sa.Integer(), server_default="0", nullable=False),
    sa.Column("priority", sa.Integer(), nullable=False),
    sa.Column("private_to", sa.String(length=100), server_default="", nullable=False),
    sa.Column("response_url", sa.Text(), server_default="", nullable=False),
    sa.Column("thread_of", sa.String(length=200), server_default="", nullable=False),
    sa.Column("response_uses", sa.Integer(), server_default="0", nullable=False),
    sa.Column("posted_channel", sa.String(length=100), server_default="", nullable=False),
    sa.Column("posted_ts", sa.String(length=40), server_default="", nullable=False),
    sa.Column("state", sa.String(length=20), nullable=False),
    sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
    sa.Column("not_before", sa.DateTime(timezone=True), nullable=True),
    sa.Column("error", sa.Text(), server_default="", nullable=False),
    sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
    sa.PrimaryKeyConstraint("key"),
    sa.Index("ix_messages_changed_at", "changed_at"),
    sa.Index("ix_messages_state", "state"),
)
sa.Table(
    "plans",
    metadata,
    sa.Column("id", sa.String(length=40), nullable=False),
    sa.Column("request_id", sa.String(length=200), nullable=False),
    sa.Column("command", sa.Text(), nullable=False),
    sa.Column("arguments", sa.JSON(), nullable=False),
    sa.Column("plan", sa.JSON(), nullable=False),
    sa.Column("digest", sa.String(length=64), nullable=False),
    sa.Column("requester_id", sa.String(length=100), nullable=False),
    sa.Column("requester_name", sa.Text(), nullable=False),
    sa.Column("channel", sa.String(length=100), nullable=False),
    sa.Column("source", sa.String(length=20), nullable=False),
    sa.Column("undo_of", sa.String(length=40), nullable=True),
    sa.Column("needed", sa.Integer(), nullable=False),
    sa.Column("status", sa.String(length=20), nullable=False),
    sa.Column("reason", sa.Text(), server_default="", nullable=False),
    sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("approve_by", sa.DateTime(timezone=True), nullable=False),
    sa.Column("execute_by", sa.DateTime(timezone=True), nullable=True),
    sa.Column("asked_next_at", sa.DateTime(timezone=True), nullable=True),
    sa.Column("break_glass", sa.Boolean(), server_default="0", nullable=False),
    sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
    sa.PrimaryKeyConstraint("id"),
    sa.UniqueConstraint("request_id"),
    sa.Index("ix_plans_created_at", "created_at"),
    sa.Index("ix_plans_status", "status"),
)
sa.Table(
    "requests",
    metadata,
    sa.Column("id", sa.String(length=200), nullable=False),
    sa.Column("kind", sa.String(length=20), nullable=False),
    sa.Column("payload", sa.JSON(), nullable=False),
    sa.Column("actor_id", sa.String(length=100), nullable=False),
    sa.Column("actor_name", sa.Text(), nullable=False),
    sa.Column("command", sa.Text(), nullable=False),
    sa.Column("text", sa.Text(), nullable=False),
    sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("status", sa.String(length=20), nullable=False),
    sa.Column("outcome", sa.Text(), server_default="", nullable=False),
    sa.Column("plan_id", sa.String(length=40), nullable=True),
    sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
    sa.Column("holder", sa.String(length=100), server_default="", nullable=False),
    sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
    sa.PrimaryKeyConstraint("id"),
    sa.Index("ix_requests_actor_id", "actor_id"),
    sa.Index("ix_requests_command", "command"),
    sa.Index("ix_requests_plan_id", "plan_id"),
    sa.Index("ix_requests_received_at", "received_at"),
    sa.Index("ix_requests_status", "status"),
)
sa.Table(
    "run_steps",
    metadata,
    sa.Column("run_id", sa.String(length=40), nullable=False),
    sa.Column("number", sa.Integer(), nullable=False),
    sa.Column("title", sa.Text(), nullable=False),
    sa.Column("status", sa.String(length=20), nullable=False),
    sa.Column("message", sa.Text(), server_default="", nullable=False),
    sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
    sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
    sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
    sa.PrimaryKeyConstraint("run_id", "number"),
)
sa.Table(
    "runs",
    metadata,
    sa.Column("id", sa.String(length=40), nullable=False),
    sa.Column("target", sa.String(length=200), nullable=False),
    sa.Column("status", sa.String(length=20), nullable=False),
    sa.Column("outcome", sa.Text(), server_default="", nullable=False),
    sa.Column("executor", sa.String(length=100), nullable=False),
    sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
    sa.Column("undone_by", sa.String(length=40), nullable=True),
    sa.PrimaryKeyConstraint("id"),
    sa.Index("ix_runs_started_at", "started_at"),
    sa.Index("ix_runs_status", "status"),
    sa.Index("ix_runs_target", "target"),
)
sa.Table(
    "samples",
    metadata,
    sa.Column("series", sa.String(length=200), nullable=False),
    sa.Column("at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("value", sa.Float(), nullable=True),
    sa.PrimaryKeyConstraint("series", "at"),
    sa.Index("samples_at", "at"),
)


def upgrade() -> None:
    """Create the tables."""
    metadata.create_all(op.get_bind())


def downgrade() -> None:
    """Remove them."""
    metadata.drop_all(op.get_bind())
