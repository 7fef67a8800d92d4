"""The tables about changes beside their plans and runs: what was before one, and who stopped them when."""

import sqlalchemy as sa

from bot.stores.columns import Moment, column, metadata

# What was read before a change, to be compared with afterwards.
baselines = sa.Table(
    "baselines",
    metadata,
    column("stamp", sa.String(200), primary_key=True),  # the request that asked for the change
    column("role", sa.String(20), primary_key=True),
    column("seen", sa.JSON),
    column("taken_at", Moment, index=True),
)

# Every freeze that there was, for what is said of it: ``announced_at`` and ``closed_at`` are when its start and its end
# were put into the outbox.
freeze_records = sa.Table(
    "freeze_records",
    metadata,
    column("id", sa.String(200), primary_key=True),  # of the request that set it
    column("scope", sa.String(100)),
    column("actor_id", sa.String(100)),
    column("actor_name", sa.Text),
    column("since", Moment),
    column("until", Moment),
    column("ended_at", Moment, nullable=True),
    column("ended_by", sa.Text, server_default=""),
    column("announced_at", Moment, nullable=True),
    column("closed_at", Moment, nullable=True, index=True),
)

# Copies of removed jobs, for seven days: one row a clean-up and queue, and one for each batch it removed.
archives = sa.Table(
    "archives",
    metadata,
    column("archive", sa.String(40), primary_key=True),
    column("queue", sa.String(100), primary_key=True),
    column("key", sa.Text),
    column("layout", sa.String(20)),
    column("created_at", Moment, index=True),
)

archived_batches = sa.Table(
    "archived_batches",
    metadata,
    column("archive", sa.String(40), primary_key=True),
    column("queue", sa.String(100), primary_key=True),
    column("number", sa.Integer, primary_key=True),
    column("jobs", sa.Integer),
    column("state", sa.String(20)),  # kept | removed | restored
    column("index", sa.LargeBinary),  # which jobs, as JSON
    column("payload", sa.LargeBinary),  # what they were, compressed
)
