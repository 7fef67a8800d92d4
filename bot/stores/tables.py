"""Every table, in one place."""

import sqlalchemy as sa

from bot.stores.columns import Moment, column, metadata

# The inbox and the audit in one: a row is written before the ack and closed when the outcome is known.
requests = sa.Table(
    "requests",
    metadata,
    column("id", sa.String(200), primary_key=True),
    column("kind", sa.String(20)),  # command | decision
    column("payload", sa.JSON),  # Request or Decision
    column("actor_id", sa.String(100), index=True),
    column("actor_name", sa.Text),
    column("command", sa.Text, index=True),
    column("text", sa.Text),  # masked
    column("received_at", Moment, index=True),
    column("status", sa.String(20), index=True),  # open | planned | done | refused | failed
    column("outcome", sa.Text, server_default=""),
    column("plan_id", sa.String(40), nullable=True, index=True),
    column("attempts", sa.Integer, server_default="0"),
    column("holder", sa.String(100), server_default=""),  # the process that works on it
    column("closed_at", Moment, nullable=True),
)

plans = sa.Table(
    "plans",
    metadata,
    column("id", sa.String(40), primary_key=True),
    column("request_id", sa.String(200), unique=True),  # one plan a request, also when it is taken up again
    column("command", sa.Text),
    column("arguments", sa.JSON),
    column("plan", sa.JSON),
    column("digest", sa.String(64)),
    column("requester_id", sa.String(100)),
    column("requester_name", sa.Text),
    column("channel", sa.String(100)),
    column("source", sa.String(20)),
    column("undo_of", sa.String(40), nullable=True),
    column("needed", sa.Integer),
    # waiting | approved | denied | cancelled | expired | stale | started
    column("status", sa.String(20), index=True),
    column("reason", sa.Text, server_default=""),
    column("created_at", Moment, index=True),
    column("approve_by", Moment),
    column("execute_by", Moment, nullable=True),
    column("asked_next_at", Moment, nullable=True),
    column("break_glass", sa.Boolean, server_default=sa.false()),
    column("closed_at", Moment, nullable=True),
)

decisions = sa.Table(
    "decisions",
    metadata,
    column("plan_id", sa.String(40), primary_key=True),
    column("actor_id", sa.String(100), primary_key=True),
    column("action", sa.String(20), primary_key=True),
    column("actor_name", sa.Text),
    column("reason", sa.Text, server_default=""),
    column("at", Moment),
    column("click", sa.String(200), server_default=""),
)

# A run has its plan's id, so that one plan cannot run twice.
runs = sa.Table(
    "runs",
    metadata,
    column("id", sa.String(40), primary_key=True),
    column("target", sa.String(200), index=True),
    column("status", sa.String(20), index=True),  # running | succeeded | failed
    column("outcome", sa.Text, server_default=""),
    column("executor", sa.String(100)),
    column("started_at", Moment, index=True),
    column("finished_at", Moment, nullable=True),
    column("undone_by", sa.String(40), nullable=True),
)

run_steps = sa.Table(
    "run_steps",
    metadata,
    column("run_id", sa.String(40), primary_key=True),
    column("number", sa.Integer, primary_key=True),
    column("title", sa.Text),
    column("status", sa.String(20)),  # waiting | running | done | unverified | failed | skipped
    column("message", sa.Text, server_default=""),
    column("attempts", sa.Integer, server_default="0"),
    column("started_at", Moment, nullable=True),
    column("finished_at", Moment, nullable=True),
)

locks = sa.Table(
    "locks",
    metadata,
    column("target", sa.String(200), primary_key=True),
    column("run_id", sa.String(40)),
    column("holder", sa.Text),
    column("since", Moment),
)

# The outbox: what a message shall say (version) and what Slack has confirmed (sent_version).
messages = sa.Table(
    "messages",
    metadata,
    column("key", sa.String(200), primary_key=True),
    column("channel", sa.String(100)),
    column("body", sa.JSON),  # Reply
    column("version", sa.Integer),
    column("sent_version", sa.Integer, server_default="0"),
    column("priority", sa.Integer),  # 0 critical alert, 1 card, 2 reply
    column("private_to", sa.String(100), server_default=""),
    column("response_url", sa.Text, server_default=""),
    column("thread_of", sa.String(200), server_default=""),  # the key of the message it is a reply to
    column("response_uses", sa.Integer, server_default="0"),  # Slack takes five, within half an hour
    column("posted_channel", sa.String(100), server_default=""),
    column("posted_ts", sa.String(40), server_default=""),
    column("state", sa.String(20), index=True),  # due | posting | sent | dropped
    column("attempts", sa.Integer, server_default="0"),
    column("not_before", Moment, nullable=True),
    column("error", sa.Text, server_default=""),
    column("created_at", Moment),
    column("changed_at", Moment, index=True),
    column("sent_at", Moment, nullable=True),
    column("via", sa.String(20), server_default="slack"),  # slack | pagerduty | mail
    column("page", sa.JSON(none_as_null=True), nullable=True),  # what PagerDuty is told besides the body
    column("incident", sa.String(200), server_default="", index=True),  # the incident it is about
    column("acknowledged", sa.Boolean, server_default=sa.false()),  # whether PagerDuty may hold it as acknowledged
    column("second_path_at", Moment, nullable=True),  # when it went another way, as Slack had not taken it
    column("unsent_since", Moment, nullable=True),  # of what is not delivered: when the first change of it was put
)

incidents = sa.Table(
    "incidents",
    metadata,
    column("id", sa.String(40), primary_key=True),
    column("fingerprint", sa.String(40), index=True),
    column("alert", sa.JSON),  # Alert, as last notified
    column("severity", sa.String(20)),
    column("state", sa.String(20), index=True),  # firing | resolved
    column("peak", sa.Float, nullable=True),
    column("opened_at", Moment, index=True),
    column("resolved_at", Moment, nullable=True),
    column("notified_at", Moment, nullable=True),
    column("muted", sa.Text, server_default=""),  # why it rings nobody, as last shown
    column("acknowledged_by", sa.Text, server_default=""),  # a name
    column("acknowledged_at", Moment, nullable=True),
    column("members", sa.JSON, server_default="[]"),  # the fingerprints of the alerts that were heard
    column("rung_at", Moment, nullable=True),  # when it last rang
    column("flapping", sa.Boolean, server_default=sa.false()),
    column("calm_since", Moment, nullable=True),  # of one that flaps: since when nothing of it fires
    column("called", sa.Text, server_default=""),  # how far the escalation has come
)

silences = sa.Table(
    "silences",
    metadata,
    column("id", sa.String(200), primary_key=True),
    column("matchers", sa.JSON),
    column("owner_id", sa.String(100)),
    column("owner_name", sa.Text),
    column("reason", sa.Text),
    column("since", Moment),
    column("until", Moment, index=True),
    column("until_resolved", sa.Boolean),
    column("only_new", sa.Boolean),
    column("ended_at", Moment, nullable=True),
    column("ended_by", sa.Text, server_default=""),
    column("matched_at", Moment, nullable=True),  # when it last muted something that fired
)

# What the evaluation has to remember between two ticks: since when a threshold is passed, until when it is kept.
alert_states = sa.Table(
    "alert_states",
    metadata,
    column("fingerprint", sa.String(40), primary_key=True),
    column("state", sa.JSON),
    column("changed_at", Moment),
)

samples = sa.Table(
    "samples",
    metadata,
    column("series", sa.String(200), primary_key=True),  # queue/email/waiting
    column("at", Moment, primary_key=True),
    column("value", sa.Float, nullable=True),
    sa.Index("samples_at", "at"),
)

# One row a fire: whoever writes it runs it, so that N replicas post once.
fires = sa.Table(
    "fires",
    metadata,
    column("schedule", sa.String(100), primary_key=True),
    column("due_at", Moment, primary_key=True),
    column("holder", sa.String(100)),
    column("claimed_at", Moment),
    column("finished_at", Moment, nullable=True),
    column("result", sa.JSON, nullable=True),
)

# Who is alive: a run whose executor is not is taken over.
executors = sa.Table(
    "executors",
    metadata,
    column("name", sa.String(100), primary_key=True),
    column("started_at", Moment),
    column("seen_at", Moment),
)

# What people typed into a form and nobody may see, sealed, until it was used or a day has passed.
secrets = sa.Table(
    "secrets",
    metadata,
    column("reference", sa.String(80), primary_key=True),
    column("sealed", sa.Text),
    column("fingerprint", sa.String(20)),
    column("kept_at", Moment, index=True),
)

# What may not be changed for a while. One row a scope; one whose time is over means nothing any more.
freezes = sa.Table(
    "freezes",
    metadata,
    column("scope", sa.String(100), primary_key=True),
    column("id", sa.String(200)),  # of the request that set it
    column("actor_id", sa.String(100)),
    column("actor_name", sa.Text),
    column("since", Moment),
    column("until", Moment),
)

# Which drains somebody gave up while they ran; whoever drains looks here, on whichever replica that is.
aborted_drains = sa.Table(
    "aborted_drains",
    metadata,
    column("drain", sa.String(40), primary_key=True),
    column("aborted_at", Moment, index=True),
)
