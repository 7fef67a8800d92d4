"""The tables about whether Slack delivers: the bot's tests of its hearing, and what it did not hear."""

import sqlalchemy as sa

from bot.stores.columns import Moment, column, metadata

# The bot's tests of its own hearing, one row a test over all replicas: who edited the message, and who was told of it.
self_tests = sa.Table(
    "self_tests",
    metadata,
    column("at", Moment, primary_key=True),
    column("sent_at", Moment, nullable=True),  # when Slack had taken it
    column("heard_at", Moment, nullable=True, index=True),
    column("heard_by", sa.String(100), server_default=""),
    column("channel", sa.String(100), server_default=""),  # as the policy names it
    column("posted_channel", sa.String(40), server_default=""),
    column("posted_ts", sa.String(40), server_default=""),
)

# The tests of which a replica heard nothing although its connection was open all the time; they are gone once told.
missed_tests = sa.Table(
    "missed_tests",
    metadata,
    column("replica", sa.String(100), primary_key=True),
    column("at", Moment, primary_key=True),
    column("heard_before", Moment),  # when that replica last heard anything, else when its connection was opened
)

# When Slack delivered nothing, or only a part, and that it was said.
deaf_windows = sa.Table(
    "deaf_windows",
    metadata,
    column("id", sa.String(40), primary_key=True),  # when it began, as was said first
    column("began", Moment),
    column("ended", Moment),
    column("partly", sa.Boolean),
)
