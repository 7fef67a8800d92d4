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
