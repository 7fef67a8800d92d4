"""Every table, in one place. Times are UTC; a column that may be read by people after years has a plain name."""

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Dialect

metadata = sa.MetaData()


class Moment(sa.TypeDecorator[datetime]):
    """An aware UTC time; SQLite forgets the zone, so it is put back on the way out."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Store as UTC."""
        return value.astimezone(UTC) if value else None

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Give back as UTC."""
        return value.replace(tzinfo=UTC) if value and value.tzinfo is None else value


def _column(name: str, kind: Any, **more: Any) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=more.pop("nullable", False), **more)


# The inbox and the audit in one: a row is written before the ack and closed when the outcome is known.
requests = sa.Table(
    "requests",
    metadata,
    _column("id", sa.String(200), primary_key=True),
    _column("kind", sa.String(20)),  # command | decision
    _column("payload", sa.JSON),  # Request or Decision
    _column("actor_id", sa.String(100), index=True),
    _column("actor_name", sa.Text),
    _column("command", sa.Text, index=True),
    _column("text", sa.Text),  # masked
    _column("received_at", Moment, index=True),
    _column("status", sa.String(20), index=True),  # open | planned | done | refused | failed
    _column("outcome", sa.Text, server_default=""),
    _column("plan_id", sa.String(40), nullable=True, index=True),
    _column("attempts", sa.Integer, server_default="0"),
    _column("holder", sa.String(100), server_default=""),  # the process that works on it
    _column("closed_at", Moment, nullable=True),
)

plans = sa.Table(
    "plans",
    metadata,
    _column("id", sa.String(40), primary_key=True),
    _column("request_id", sa.String(200), unique=True),  # one plan a request, also when it is taken up again
    _column("command", sa.Text),
    _column("arguments", sa.JSON),
    _column("plan", sa.JSON),
    _column("digest", sa.String(64)),
    _column("requester_id", sa.String(100)),
    _column("requester_name", sa.Text),
    _column("channel", sa.String(100)),
    _column("source", sa.String(20)),
    _column("undo_of", sa.String(40), nullable=True),
    _column("needed", sa.Integer),
    # waiting | approved | denied | cancelled | expired | stale | started
    _column("status", sa.String(20), index=True),
    _column("reason", sa.Text, server_default=""),
    _column("created_at", Moment, index=True),
    _column("approve_by", Moment),
    _column("execute_by", Moment, nullable=True),
    _column("asked_next_at", Moment, nullable=True),
    _column("break_glass", sa.Boolean, server_default=sa.false()),
    _column("closed_at", Moment, nullable=True),
)

decisions = sa.Table(
    "decisions",
    metadata,
    _column("plan_id", sa.String(40), primary_key=True),
    _column("actor_id", sa.String(100), primary_key=True),
    _column("action", sa.String(20), primary_key=True),
    _column("actor_name", sa.Text),
    _column("reason", sa.Text, server_default=""),
    _column("at", Moment),
    _column("click", sa.String(200), server_default=""),
)

# A run has its plan's id, so that one plan cannot run twice.
runs = sa.Table(
    "runs",
    metadata,
    _column("id", sa.String(40), primary_key=True),
    _column("target", sa.String(200), index=True),
    _column("status", sa.String(20), index=True),  # running | succeeded | failed
    _column("outcome", sa.Text, server_default=""),
    _column("executor", sa.String(100)),
    _column("started_at", Moment, index=True),
    _column("finished_at", Moment, nullable=True),
    _column("undone_by", sa.String(40), nullable=True),
)

run_steps = sa.Table(
    "run_steps",
    metadata,
    _column("run_id", sa.String(40), primary_key=True),
    _column("number", sa.Integer, primary_key=True),
    _column("title", sa.Text),
    _column("status", sa.String(20)),  # waiting | running | done | failed | skipped
    _column("message", sa.Text, server_default=""),
    _column("attempts", sa.Integer, server_default="0"),
    _column("started_at", Moment, nullable=True),
    _column("finished_at", Moment, nullable=True),
)

locks = sa.Table(
    "locks",
    metadata,
    _column("target", sa.String(200), primary_key=True),
    _column("run_id", sa.String(40)),
    _column("holder", sa.Text),
    _column("since", Moment),
)

# The outbox: what a message shall say (version) and what Slack has confirmed (sent_version).
messages = sa.Table(
    "messages",
    metadata,
    _column("key", sa.String(200), primary_key=True),
    _column("channel", sa.String(100)),
    _column("body", sa.JSON),  # Reply
    _column("version", sa.Integer),
    _column("sent_version", sa.Integer, server_default="0"),
    _column("priority", sa.Integer),  # 0 critical alert, 1 card, 2 reply
    _column("private_to", sa.String(100), server_default=""),
    _column("response_url", sa.Text, server_default=""),
    _column("thread_of", sa.String(200), server_default=""),  # the key of the message it is a reply to
    _column("response_uses", sa.Integer, server_default="0"),  # Slack takes five, within half an hour
    _column("posted_channel", sa.String(100), server_default=""),
    _column("posted_ts", sa.String(40), server_default=""),
    _column("state", sa.String(20), index=True),  # due | posting | sent | dropped
    _column("attempts", sa.Integer, server_default="0"),
    _column("not_before", Moment, nullable=True),
    _column("error", sa.Text, server_default=""),
    _column("created_at", Moment),
    _column("changed_at", Moment, index=True),
    _column("sent_at", Moment, nullable=True),
)

incidents = sa.Table(
    "incidents",
    metadata,
    _column("id", sa.String(40), primary_key=True),
    _column("fingerprint", sa.String(40), index=True),
    _column("alert", sa.JSON),  # Alert, as last notified
    _column("severity", sa.String(20)),
    _column("state", sa.String(20), index=True),  # firing | resolved
    _column("peak", sa.Float, nullable=True),
    _column("opened_at", Moment, index=True),
    _column("resolved_at", Moment, nullable=True),
    _column("notified_at", Moment, nullable=True),
)

# What the evaluation has to remember between two ticks: since when a threshold is passed, until when it is kept.
alert_states = sa.Table(
    "alert_states",
    metadata,
    _column("fingerprint", sa.String(40), primary_key=True),
    _column("state", sa.JSON),
    _column("changed_at", Moment),
)

samples = sa.Table(
    "samples",
    metadata,
    _column("series", sa.String(200), primary_key=True),  # queue/email/waiting
    _column("at", Moment, primary_key=True),
    _column("value", sa.Float, nullable=True),
    sa.Index("samples_at", "at"),
)

# One row a fire: whoever writes it runs it, so that N replicas post once.
fires = sa.Table(
    "fires",
    metadata,
    _column("schedule", sa.String(100), primary_key=True),
    _column("due_at", Moment, primary_key=True),
    _column("holder", sa.String(100)),
    _column("claimed_at", Moment),
    _column("finished_at", Moment, nullable=True),
    _column("result", sa.JSON, nullable=True),
)

# Who is alive: a run whose executor is not is taken over.
executors = sa.Table(
    "executors",
    metadata,
    _column("name", sa.String(100), primary_key=True),
    _column("started_at", Moment),
    _column("seen_at", Moment),
)

# Copies of removed jobs, for seven days: one row a clean-up and queue, and one for each batch it removed.
archives = sa.Table(
    "archives",
    metadata,
    _column("archive", sa.String(40), primary_key=True),
    _column("queue", sa.String(100), primary_key=True),
    _column("key", sa.Text),
    _column("layout", sa.String(20)),
    _column("created_at", Moment, index=True),
)

archived_batches = sa.Table(
    "archived_batches",
    metadata,
    _column("archive", sa.String(40), primary_key=True),
    _column("queue", sa.String(100), primary_key=True),
    _column("number", sa.Integer, primary_key=True),
    _column("jobs", sa.Integer),
    _column("state", sa.String(20)),  # kept | removed | restored
    _column("index", sa.LargeBinary),  # which jobs, as JSON
    _column("payload", sa.LargeBinary),  # what they were, compressed
)

# What people typed into a form and nobody may see, sealed, until it was used or a day has passed.
secrets = sa.Table(
    "secrets",
    metadata,
    _column("reference", sa.String(80), primary_key=True),
    _column("sealed", sa.Text),
    _column("fingerprint", sa.String(20)),
    _column("kept_at", Moment, index=True),
)

# What may not be changed for a while. One row a scope; one whose time is over means nothing any more.
freezes = sa.Table(
    "freezes",
    metadata,
    _column("scope", sa.String(100), primary_key=True),
    _column("id", sa.String(200)),  # of the request that set it
    _column("actor_id", sa.String(100)),
    _column("actor_name", sa.Text),
    _column("since", Moment),
    _column("until", Moment),
)
